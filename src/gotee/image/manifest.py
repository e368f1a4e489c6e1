"""The manifest: what an image says of itself, in one canonical form that is measured. All worlds.

Everything that can run inside and does not lie in the pages is named here by path, size and SHA-256.
"""

from __future__ import annotations

from gotee.boundary import plain_json
from gotee.errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NamedTuple
else:
    from gotee.records import Record as NamedTuple

FORMAT = 3
ARCHIVE, SOURCE, NATIVE = "archive", "source", "native"
ROLES = (ARCHIVE, SOURCE, NATIVE)
PYTHON = frozenset(("implementation", "version", "magic", "machine"))
ERROR_KEY = 768  # hexadecimal digits of a modulus of 3072 bits
MOST_FILES = 200_000
MOST_BYTES = 4 << 30  # of one file
CHECKSUM = 32  # bytes before an archive where it lies, see gotee.image.cache


class Listed(NamedTuple):
    """A file that is not in the pages. `path` is its name inside, `module` the extension modules that it holds.

    There is one module for each file, but for gotee's own, which are all in one: `,` lies between them.

    An *archive* is made from the *source* files and is what is loaded; they are listed to be told apart. A *native*
    file is mapped by the dynamic loader, after the libraries (`needs`, by path) that it is linked to. Its first
    `loaded` bytes, with the hash `loaded_sha256`, are all that the loader maps: symbols for debuggers follow.
    """

    path: str
    size: int
    sha256: str
    role: str
    module: str = ""
    needs: tuple[str, ...] = ()
    loaded: int = 0
    loaded_sha256: str = ""

    @property
    def copied(self) -> tuple[int, int, str]:
        """What is loaded of it: where that begins in the file at its place, its size, and its hash."""
        if self.role == NATIVE:
            return 0, self.loaded, self.loaded_sha256
        return (CHECKSUM if self.role == ARCHIVE else 0), self.size, self.sha256


class Manifest(NamedTuple):
    """What an image says of itself. `program` is what the program digest is made of."""

    program: dict[str, Any]
    python: dict[str, str]
    files: tuple[Listed, ...]

    @property
    def digest(self) -> bytes:
        """The program digest: the same on every machine for the same program."""
        from gotee.image.hashing import digest

        return digest(canonical(self.program))

    def encode(self) -> bytes:
        """The canonical bytes."""
        rows = [[*file[:5], list(file.needs), *file[6:]] for file in sorted(self.files)]
        return canonical({"format": FORMAT, "program": self.program, "python": self.python, "files": rows})

    def one(self, path: str) -> Listed:
        """The file of this path."""
        for file in self.files:
            if file.path == path:
                return file
        raise ImageError(f"the image names no file {path}")


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON in one form: sorted keys, no blanks, ASCII."""
    return plain_json.dumps(value)


def decode(data: bytes, *, program: bool = True) -> Manifest:
    """Read a manifest; anything but what `encode` writes is refused with ImageError.

    Without `program` what it says of the program is not looked into: a platform does not need it.
    """
    try:
        plain = plain_json.loads(data)
    except (ValueError, RecursionError):
        raise ImageError("the image's manifest is not JSON") from None
    if not isinstance(plain, dict) or set(plain) != {"format", "program", "python", "files"}:
        raise ImageError("the image's manifest has not the fields that it must have")
    if plain["format"] != FORMAT:
        raise ImageError("the image has a format that this version of gotee does not know: build it anew")
    described, python, rows = plain["program"], plain["python"], plain["files"]
    known = _texts(python) and set(python) == PYTHON
    if not isinstance(described, dict) or not known or not isinstance(rows, list) or len(rows) > MOST_FILES:
        raise ImageError("the image's manifest has fields of a wrong type")
    found = Manifest(described, python, _files(rows))
    if len({file.path for file in found.files}) != len(found.files):
        raise ImageError("the image's manifest names a file twice")
    if program:
        _check_program(described)
    try:
        again = canonical(plain)
    except (ValueError, TypeError, RecursionError):
        again = b""
    paths = [file.path for file in found.files]
    if again != data or paths != sorted(paths):
        raise ImageError("the image's manifest is not in its canonical form")
    return found


def program_of(data: bytes) -> dict[str, Any]:
    """What a manifest says of the program, for who leaves the rest to a platform. Raises ImageError."""
    try:
        plain = plain_json.loads(data)
        program: dict[str, Any] = plain["program"]
        if plain["format"] != FORMAT or type(program) is not dict:
            raise ValueError
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ImageError("the image has no manifest that this version of gotee knows: build it anew") from None
    _check_program(program)
    return program


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


_ROW = [str, int, str, str, str, list, int, str]
_HEXADECIMAL = "0123456789abcdef"


def _files(rows: list[Any]) -> tuple[Listed, ...]:
    """What the rows list, looked at column by column: there are hundreds. Raises ImageError."""
    if any(type(row) is not list or [*map(type, row)] != _ROW for row in rows):
        raise ImageError("the image's manifest lists a file in a form that is not known")
    native = [row for row in rows if row[3] == NATIVE]
    others = [row for row in rows if row[3] != NATIVE]
    right = (
        {row[3] for row in rows} <= set(ROLES)
        and all(0 <= row[1] <= MOST_BYTES for row in rows)
        and {len(row[2]) for row in rows} | {len(row[7]) for row in native} <= {64}
        and not "".join([row[2] + row[7] for row in rows]).strip(_HEXADECIMAL)
        and all(0 < row[6] <= row[1] for row in native)
        and not any(row[6] or row[7] for row in others)
        and {type(name) for row in rows for name in row[5]} <= {str}
    )
    if not right:
        raise ImageError("the image's manifest lists a file in a form that is not known")
    return tuple(
        [
            Listed(path, size, digest, role, module, tuple(needs), loaded, loaded_digest)
            for path, size, digest, role, module, needs, loaded, loaded_digest in rows
        ]
    )


_PROGRAM = {
    "name": str,
    "main": str,
    "gotee": str,
    "modules": dict,
    "entries": list,
    "interface": list,
    "policy": dict,
    "limits": dict,
    "error_key": str,
    "threads": int,
    "distributions": dict,
    "absent": list,
    "data": dict,
    "host_only": list,
    "overrides": list,
}

_LINES = ("interface", "absent", "host_only", "overrides")


def _plain_policy(ocalls: object) -> bool:
    """The rules themselves are read by the enclave, which does not start with one that means nothing."""
    return isinstance(ocalls, dict) and all(
        isinstance(ocalls[key], bool)
        if key in ("console", "time")
        else key in ("files", "network", "env")
        and isinstance(ocalls[key], list)
        and all(isinstance(text, str) for text in ocalls[key])
        for key in ocalls
    )


CEILINGS = {  # least and most of what an image may say of its process; gotee.platform.sandbox has the meanings
    "memory_bytes": (1 << 28, 1 << 46),
    "cpu_seconds": (1, 1 << 31),
    "descriptors": (256, 1 << 20),
    "threads": (16, 1 << 20),
}


def plain_ceilings(ceilings: object) -> bool:
    """Whether these are ceilings, each within its bounds."""
    return isinstance(ceilings, dict) and all(
        name in CEILINGS and type(value) is int and CEILINGS[name][0] <= value <= CEILINGS[name][1]
        for name, value in ceilings.items()
    )


def _check_program(program: dict[str, Any]) -> None:
    from gotee.boundary.limits import Limits

    if set(program) != set(_PROGRAM) or any(not isinstance(program[key], kind) for key, kind in _PROGRAM.items()):
        raise ImageError("the image's manifest does not describe a program")
    if not _texts(program["distributions"]) or not _texts(program["modules"]) or not _texts(program["data"]):
        raise ImageError("the image's manifest lists modules or distributions in a form that is not known")
    if any(not isinstance(text, str) for key in _LINES for text in program[key]):
        raise ImageError("the image's manifest has lines that are no text")
    limits, ocalls = program["limits"], program["policy"].get("ocalls")
    if not all(name in Limits._fields and type(value) is int and value > 0 for name, value in limits.items()):
        raise ImageError("the image's manifest has limits that are not known")
    if set(program["policy"]) - {"ceilings"} != {"ocalls"} or not _plain_policy(ocalls):
        raise ImageError("the image's manifest has a policy that this version does not know")
    if not plain_ceilings(program["policy"].get("ceilings", {})):
        raise ImageError("the image's manifest has ceilings that are not known")
    if len(program["error_key"]) not in (0, ERROR_KEY) or program["error_key"].strip("0123456789abcdef"):
        raise ImageError("the image's manifest has an error key in a form that is not known")
    for entry in program["entries"]:
        if not (isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)):
            raise ImageError("the image's manifest lists an entry in a form that is not known")
