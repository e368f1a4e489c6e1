"""Where the files that a finished image names lie on this machine. Host world.

The host only says where to look; the platform compares what it finds there with the image. A file of another base is
taken, by its hash, from a base that was brought here with `gotee base import`.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import gotee
from gotee.errors import ImageError
from gotee.image import archives, base, cache, natives, parts, standard
from gotee.image.bytecode import compiled, read_source
from gotee.image.manifest import ARCHIVE, NATIVE, SOURCE, Listed, Manifest


def places_of(manifest: Manifest) -> dict[str, str]:
    """A place for every file; one that is not there is left to the platform to refuse, with its path."""
    found: dict[str, str] = {}
    libraries = _libraries(manifest)
    for file in manifest.files:
        place = cache.path_of(archives.KIND, file.sha256) if file.role == ARCHIVE else _place(file, manifest, libraries)
        found[file.path] = place or f"(nothing is installed here as {file.path})"
    imported = base.imported()
    for file in manifest.files:
        if file.sha256 in imported and not _same(found[file.path], file):
            found[file.path] = imported[file.sha256]
    for file in manifest.files:
        if file.role == ARCHIVE and not os.path.isfile(found[file.path]):
            _make_again(manifest, file, found)
    return found


def _same(place: str, file: Listed) -> bool:
    try:
        return hashlib.sha256(read_source(place)).hexdigest() == file.sha256
    except OSError:
        return False


def _place(file: Listed, manifest: Manifest, libraries: dict[str, str]) -> str | None:
    origin, _, rest = file.path.lstrip("/").partition("/")
    if origin == "base":
        return libraries.get(file.path)
    if origin == "gotee":
        return str(Path(gotee.__file__).parent / rest)
    if origin == "standard":
        return base.place(rest, native=file.role == NATIVE)
    return _installed(rest, manifest)


@lru_cache(maxsize=256)
def _root(top: str) -> str | None:
    """The folder that a top-level package or module is imported from."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or (not spec.has_location and not spec.submodule_search_locations):
        return None
    inside = list(spec.submodule_search_locations or [spec.origin or ""])
    return os.path.dirname(inside[0])


def _installed(path: str, manifest: Manifest) -> str | None:
    """A file of a package or of what is known of a distribution, in the folders that the image's packages are in."""
    top = path.partition("/")[0].partition(".")[0]
    for name in (top, *manifest.program["distributions"]):
        root = _root(name)
        if root is not None and os.path.isfile(f"{root}/{path}"):
            return f"{root}/{path}"
    from importlib import metadata

    for name in manifest.program["distributions"]:
        try:
            place = str(metadata.distribution(name).locate_file(path))
        except metadata.PackageNotFoundError:
            continue
        if os.path.isfile(place):
            return place
    return None


def _libraries(manifest: Manifest) -> dict[str, str]:
    """The interpreter, its loader, and the libraries that this machine's native files are linked to."""
    executable = natives.interpreter()
    found = {"/base/python": executable}
    try:
        loader = found["/base/loader"] = natives.loader_of(executable)
    except (ImageError, OSError):
        return found
    wanted = {file.path for file in manifest.files if file.path.startswith("/base/")}
    for file in manifest.files:
        place = executable if file.path == "/base/python" else None
        if file.role == NATIVE and file.needs and not file.path.startswith("/base/lib"):
            place = place or _place(file, manifest, {})
        if place is None or not Path(place).is_file():
            continue
        for library in natives.libraries_of(loader, place):
            path = f"/base/{Path(library).name}"
            if path in wanted:
                found.setdefault(path, str(Path(library).resolve()))
    return found


def _make_again(manifest: Manifest, archive: Listed, places: dict[str, str]) -> None:
    """Make an archive that is not in the cache from the source files that the image names, if they are those."""
    prefix = f"/{archive.path.split('/')[1]}/"
    contents: dict[str, bytes] = {}
    owned = _owned(manifest, archive)
    for file in manifest.files:
        if file.role != SOURCE or not file.path.startswith(prefix) or (owned is not None and file.path not in owned):
            continue
        try:
            data = read_source(places[file.path])
        except OSError:
            return  # the platform says which file is not there
        try:
            made = compiled(data, file.path) if file.path.endswith(".py") else None
        except (SyntaxError, ValueError):
            made = None
        if made is None:
            contents[f"file {file.path}"] = data
            continue
        package = file.path.endswith("/__init__.py")
        name = _module(file.path)
        if prefix == standard.PREFIX and (name in standard.AT_START) != archive.path.endswith("/start.archive"):
            continue
        contents[f"{'package' if package else 'module'} {name} {file.path}"] = made.code
    data = parts.pack(contents)
    if hashlib.sha256(data).hexdigest() == archive.sha256:
        cache.write(archives.KIND, archive.sha256, data)


def _module(path: str) -> str:
    """The name of a module, from its path inside: gotee's own rooms lie below their name, all others below a folder."""
    stem = path.removesuffix(".py").removesuffix("/__init__").lstrip("/")
    return (stem if stem.startswith("gotee/") or stem == "gotee" else stem.partition("/")[2]).replace("/", ".")


def _owned(manifest: Manifest, archive: Listed) -> set[str] | None:
    """The paths that belong to the archive of one distribution; None for the standard library's and gotee's own."""
    if not archive.path.startswith("/packages/"):
        return None
    from importlib import metadata

    from gotee.image import wheels

    name = archive.path.rpartition("/")[2].removesuffix(".archive")
    try:
        found = wheels.distribution(name)
    except metadata.PackageNotFoundError:
        found = wheels.package(name)
    return {f"/packages/{file.path}" for file in found.files}
