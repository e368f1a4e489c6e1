"""What every enclave of a base begins with, before it is handed an image: its ground. Platform world.

It is the interpreter with its libraries, the five modules that an interpreter imports itself, and gotee's own rooms
with what they load: nothing of a program. An image names all of it by hash, so a ground is an image's own, or another
one: two grounds are equal if all their parts are. An interpreter that was started on a ground is handed images of that
ground, and no others.
"""

from __future__ import annotations

from gotee.boundary import plain_json
from gotee.errors import ImageError
from gotee.image import parts as blocks
from gotee.image.hashing import digest
from gotee.image.manifest import ARCHIVE, SOURCE, Listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gotee.image.manifest import Manifest

PYTHON, LOADER = "/base/python", "/base/loader"
_FILES, _BOOT, _EARLY = "files", "boot", "early "


class Ground:
    """The parts of one: `boot`, the first code of an enclave; `early NAME.pyc`; and `files`, what it names by hash."""

    def __init__(self, parts: Mapping[str, bytes]) -> None:
        self.parts = dict(parts)
        described: dict[str, Any] = plain_json.loads(self.parts[_FILES])
        self.magic: str = described["python"]["magic"]
        rows = [Listed(*row) for row in described["files"]]
        self.files = sorted(rows, key=lambda file: (file.role != ARCHIVE, file.path))  # archives first

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ground) and other.parts == self.parts

    __hash__ = None  # type: ignore[assignment]

    @property
    def early(self) -> dict[str, bytes]:
        """The modules that the interpreter imports itself, by their paths."""
        return {name.removeprefix(_EARLY): part for name, part in self.parts.items() if name.startswith(_EARLY)}

    @property
    def paths(self) -> list[str]:
        """The files, in the order in which an enclave knows them."""
        return [file.path for file in self.files]

    @property
    def first(self) -> set[str]:
        """What is mapped before the interpreter starts, and itself."""
        return {PYTHON, LOADER, *self.libraries}

    @property
    def libraries(self) -> list[str]:
        """The libraries that the interpreter is linked to."""
        return [path for file in self.files if file.path == PYTHON for path in file.needs]

    @property
    def name(self) -> bytes:
        """The SHA-256 of all of it."""
        return digest(self.encode())

    def encode(self) -> bytes:
        """All of it, as one block."""
        return blocks.pack(self.parts)

    def block(self) -> tuple[bytes, int, int]:
        """What the enclave reads of it, and where its first code lies there: offset and size."""
        natives = [file.path for file in self.files if file.role != ARCHIVE]
        number = {path: place for place, path in enumerate(natives)}
        lines = [" ".join((_loaded_as(file), *(str(number[path]) for path in file.needs))) for file in self.files]
        boot, loading = self.parts[_BOOT], "\n".join(lines).encode()
        data = blocks.pack({_BOOT: boot, "loading": loading})
        return data, len(data) - len(loading) - len(boot), len(boot)


def _loaded_as(file: Listed) -> str:
    """As in an image's own list: see gotee.image.around."""
    return file.module or (file.path if file.role != ARCHIVE and file.path.startswith("/packages/") else "-")


def of_image(manifest: Manifest, block: Mapping[str, memoryview | bytes]) -> Ground:
    """The ground of an image, whose `block` has its parts. Raises ImageError if it names less than is needed."""
    files = sorted((file.role != ARCHIVE, file.path, file) for file in manifest.files if file.role != SOURCE)
    lines = bytes(block["loading"]).split(b"\n")
    first = {PYTHON, LOADER, *manifest.one(PYTHON).needs}
    found = [
        file for (_, path, file), line in zip(files, lines, strict=False) if path in first or line.startswith(b"+")
    ]
    named = {file.path for file in found}
    if any(need not in named for file in found for need in file.needs) or not named >= first:
        raise ImageError("the image does not name all that its enclave begins with")
    rows = [[*file[:5], list(file.needs), *file[6:]] for file in found]
    described = {"python": manifest.python, "files": rows}
    kept = {name: bytes(part) for name, part in block.items() if name == _BOOT or name.startswith(_EARLY)}
    return Ground({**kept, _FILES: plain_json.dumps(described)})
