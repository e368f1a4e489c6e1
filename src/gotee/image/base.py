"""The base: interpreter, loader, libraries and standard library, to be pinned and carried to another place. Host world.

A lock is JSON: the version of the interpreter, and path inside, size and SHA-256 of every file that an image of this
machine can name. An export is a tar file with the lock and those files.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import zlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gotee.errors import ImageError
from gotee.image import cache, natives, standard
from gotee.image.bytecode import read_source

if TYPE_CHECKING:
    import tarfile

FORMAT = 1
LOCK_NAME = "base.lock.json"


def place(path: str, *, native: bool) -> str:
    """Where a file of the standard library lies: an extension module, or a file below the library's folder."""
    return str((standard.shared() if native else standard.library()) / path)


@lru_cache(maxsize=1)
def files() -> dict[str, str]:
    """Every file that can be part of a base, path inside to place on this machine."""
    executable = natives.interpreter()
    loader = natives.loader_of(executable)
    found = {"/base/python": executable, "/base/loader": loader}
    extensions = list(natives.extensions(standard.shared()).values())
    installed = _installed()
    own = set(installed)
    for file in (executable, *extensions, *installed):
        if file in extensions:
            found[f"{standard.PREFIX}{Path(file).name}"] = file
        for library in natives.libraries_of(loader, file):
            if library in own:
                continue
            found.setdefault(f"/base/{Path(library).name}", str(Path(library).resolve()))
    library_folder = standard.library()
    for source in sorted(library_folder.rglob("*.py")):
        path = source.relative_to(library_folder)
        if not standard.LEFT_OUT_BELOW.intersection(path.parts):
            found[standard.PREFIX + path.as_posix()] = str(source)
    return found


def _installed() -> list[str]:
    """Native files of everything that is installed here: what they are linked to is base, too."""
    from importlib import metadata

    from gotee.image import wheels

    found = []
    for installed in metadata.distributions():
        for path in installed.files or ():
            if ".so" in path.name and wheels.File(path.as_posix(), "").native:
                place = str(installed.locate_file(path))
                if os.path.isfile(place):
                    found.append(os.path.realpath(place))
    return found


def lock() -> dict[str, Any]:
    """The lock of this machine's base."""
    rows = {}
    for path, file in sorted(files().items()):
        data = read_source(file)
        rows[path] = [len(data), hashlib.sha256(data).hexdigest()]
    return {"format": FORMAT, "python": _version(), "files": rows}


def encode(found: dict[str, Any]) -> bytes:
    """A lock as text."""
    return (json.dumps(found, sort_keys=True, indent=1) + "\n").encode()


def read_lock(file: Path) -> dict[str, tuple[int, str]]:
    """The files of a lock. Raises ImageError, also if it is that of another Python."""
    try:
        found = json.loads(file.read_bytes())
    except OSError as error:
        raise ImageError(f"the base lock {file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not _lock_like(found.get("python"), found.get("files")):
        raise ImageError(f"{file} is no base lock: `gotee base lock -o {file}` writes one")
    if found.get("format") != FORMAT:
        raise ImageError(f"the base lock {file} has a format that this version does not know: write it anew")
    locked, here = (f"{each['implementation']} {each['version']}" for each in (found["python"], _version()))
    if locked != here:
        raise ImageError(
            f"the base lock {file} is of {locked}, and this is {here}: build with the locked interpreter, or "
            "lock this one"
        )
    return {path: (size, digest) for path, (size, digest) in found["files"].items()}


def _lock_like(python: object, rows: object) -> bool:
    """Whether these can be the two fields of a lock."""
    return (
        isinstance(python, dict)
        and python.keys() == _version().keys()
        and all(isinstance(text, str) for text in python.values())
        and isinstance(rows, dict)
        and all(isinstance(row, list) and [type(each) for each in row] == [int, str] for row in rows.values())
    )


def _version() -> dict[str, str]:
    return {"implementation": sys.implementation.name, "version": sys.version.split()[0]}


def compare(locked: dict[str, tuple[int, str]], named: dict[str, tuple[int, str]]) -> None:
    """Refuse an image one of whose base files is not the locked one; the error names it."""
    for path, (size, digest) in sorted(named.items()):
        if path.startswith(("/base/", standard.PREFIX)) and not path.endswith(".archive"):
            if path not in locked:
                raise ImageError(f"the base lock has no {path}, which the program needs: lock the base again")
            if locked[path] != (size, digest):
                raise ImageError(
                    f"{path} is not the file of the base lock: this machine has another release of it; build where the "
                    "locked base is, or lock this one"
                )


def export(out: Path) -> int:
    """Write the base into a tar file, the same bytes for the same base; the number of files. Raises ImageError."""
    import gzip
    import tarfile

    found = files()
    temporary = out.with_name(f".{out.name}.{os.urandom(4).hex()}")
    try:
        with (
            open(temporary, "xb") as plain,
            gzip.GzipFile("", "wb", 6, plain, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            _add(archive, LOCK_NAME, encode(lock()))
            for path, file in sorted(found.items()):
                _add(archive, path.lstrip("/"), read_source(file))
        temporary.replace(out)
    except OSError as error:
        raise ImageError(f"{out} cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return len(found)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    import tarfile

    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def bring(file: Path) -> int:
    """Take the files of an exported base into this user's cache, each by its hash; the number of files."""
    import tarfile

    count = 0
    try:
        with tarfile.open(file, "r:*") as archive:
            for member in archive:
                data = archive.extractfile(member) if member.isfile() else None
                if data is not None and member.name != LOCK_NAME:
                    content = data.read()
                    _keep(content)
                    count += 1
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        raise ImageError(f"{file} is no exported base: {str(error).partition(':')[0]}") from None
    shutil.rmtree(cache.folder() / "places", ignore_errors=True)  # where files were found before this base was here
    return count


def folder() -> Path:
    """Where imported files lie, each under its SHA-256."""
    return cache.folder() / "bases"


def _keep(content: bytes) -> None:
    path = folder() / hashlib.sha256(content).hexdigest()
    if path.is_file() and path.stat().st_size == len(content):
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def imported() -> dict[str, str]:
    """The imported files by their hash."""
    if not folder().is_dir():
        return {}
    return {name: str(folder() / name) for name in os.listdir(folder()) if len(name) == 64}
