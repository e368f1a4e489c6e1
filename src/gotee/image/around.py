"""What is around a program in its image: gotee's rooms, distributions, the standard library, what they link to.

Host world. It depends on what the program imports and on files of this machine: `gotee.image.remembered` keeps it from
one build to the next.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import gotee
from gotee.compiled import FILES, INSIDE, place_of
from gotee.image import archives, compiled_imports, natives, standard, wheels
from gotee.image.bytecode import compiled, read_source
from gotee.image.manifest import ARCHIVE, NATIVE, SOURCE, Listed
from gotee.image.remembered import Around, Wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PACKAGES, STANDARD, OWN = "/packages/", "/standard/", "/gotee/"
ROOMS = ("errors.py", "records.py", "runtime", "boundary", "enclave")
"""gotee's trusted rooms; beside them only what makes `from gotee import ...` work inside."""
OWN_FILES = ("__init__.py", "tee/__init__.py")
COMPLETING = ("gotee.enclave.tls", "gotee.enclave.debugger")
"""Imported when what they build on is: their own imports bring nothing inside."""
NEEDED = ("greenlet", "msgspec")
EARLY = ("__future__", "os", "encodings", "encodings.aliases", "encodings.utf_8")
"""What is imported before gotee's own importer is there: by the interpreter, and by our first code."""
_NATIVES_AT_START = frozenset(("_heapq", "_json", "_struct", "fcntl", "greenlet._greenlet", "resource"))
"""Extension modules that gotee's rooms import before the program, beside their own; see gotee.image.standard.AT_START.

A list that is not complete costs time at each start, and nothing else.
"""
_ARCHIVES_AT_START = (f"{OWN}rooms.archive", f"{PACKAGES}greenlet.archive", f"{STANDARD}start.archive")


class _Collecting(Around):
    """What is collected on the way."""

    def name(self, path: str, place: str, data: bytes, role: str, module: str = "") -> None:
        """List a file that does not lie in the pages."""
        if role == NATIVE:
            self._list(path, place, role, module, *natives.digests(data))
        else:
            self._list(path, place, role, module, len(data), hashlib.sha256(data).hexdigest())

    def native(self, path: str, place: str, module: str = "") -> None:
        """List a native file that is hashed again only when it has changed."""
        self._list(path, place, NATIVE, module, *natives.digests_of(place))

    def _list(self, path: str, place: str, role: str, module: str, size: int, digest: str, *loaded: Any) -> None:
        self.files.append(Listed(path, size, digest, role, module, (), *loaded))
        self.places[path] = place


def collected(wanted: Wanted) -> Around:
    """Collect it. Raises ImageError."""
    around = _Collecting()
    imports = set(wanted.imports)
    _own(around)
    imports |= _distributions(around, wanted)
    _standard(around, {*imports, *wanted.extra, *wanted.standard})
    _link(around)
    return around


def _own(around: _Collecting) -> None:
    """gotee's trusted rooms."""
    folder = Path(gotee.__file__).parent
    archive: dict[str, bytes] = {}
    for path in (*OWN_FILES, *ROOMS):
        for file in sorted((folder / path).glob("*")) if (folder / path).is_dir() else [folder / path]:
            inside = f"{OWN}{file.relative_to(folder).as_posix()}"
            dotted = ".".join(("gotee", *file.relative_to(folder).parent.parts))
            if file.suffix == ".py":
                data = read_source(file)
                made = compiled(data, inside)
                package = file.name == "__init__.py"
                name = dotted if package else f"{dotted}.{file.stem}"
                around.name(inside, str(file), data, SOURCE)
                archive[f"{'package' if package else 'module'} {name} {inside}"] = made.code
                if name not in COMPLETING:
                    around.own_imports |= set(made.imports)
                if name == "gotee.enclave.boot":
                    around.pages["boot"] = made.code
    for name in INSIDE:
        place = place_of(name)
        around.native(f"{OWN}{os.path.relpath(place, folder)}", place, ",".join(FILES[name]))
    archives.add(around, f"{OWN}rooms.archive", archive)
    text = f"Metadata-Version: 2.1\nName: gotee\nVersion: {gotee.__version__}\n"
    around.pages[f"file {PACKAGES}gotee-{gotee.__version__}.dist-info/METADATA"] = text.encode()


def _distributions(around: _Collecting, wanted: Wanted) -> set[str]:
    """Whole distributions with all that they require, pinned by the hash of every file; returns what they import."""
    named = wheels.with_requirements(wanted.distributions)
    all_named = named | wheels.with_requirements(NEEDED)
    found = [wheels.distribution(name) for name in sorted(all_named - {"gotee"})]
    found += [wheels.package(name) for name in wanted.installed]
    imports: set[str] = set()
    hashes: dict[str, str] = {}
    for distribution in found:
        digest = hashlib.sha256()
        archive: dict[str, bytes] = {}
        for file in distribution.files:
            data = wheels.source_of(file)
            digest.update(f"{file.path}\0{hashlib.sha256(data).hexdigest()}\n".encode())
            if distribution.name in named or distribution.name not in all_named:
                _distributed(around, file, data, archive, imports)
            elif not standard.LEFT_OUT_BELOW.intersection(file.path.split("/")):  # here for gotee only: no tests
                _distributed(around, file, data, archive, around.own_imports)
        archives.add(around, f"{PACKAGES}{distribution.name}.archive", archive)
        around.distributions[distribution.name] = distribution.version or digest.hexdigest()
        hashes[distribution.name] = digest.hexdigest()
    used = [distribution for distribution in found if distribution.name in named or distribution.name not in all_named]
    if any(natives.module_name(file.path) for distribution in used for file in distribution.files):
        imports |= _of_compiled_code(set(wanted.imports), found, hashes)
    return imports


def _of_compiled_code(program: set[str], found: list[wheels.Distribution], hashes: dict[str, str]) -> frozenset[str]:
    """What importing the distributions as the program does brings in of the standard library."""
    files = [file for distribution in found for file in distribution.files]
    folders = {file.place.removesuffix(file.path) for file in files if file.place.endswith(file.path)}
    inside = {re.split(r"[/.]", file.path, maxsplit=1)[0] for file in files}
    names = {name for name in program if name.partition(".")[0] in inside}
    return compiled_imports.seen(names, folders, inside, hashes)


def _distributed(
    around: _Collecting, file: wheels.File, data: bytes, archive: dict[str, bytes], imports: set[str]
) -> None:
    inside = PACKAGES + file.path
    if file.native:
        module = natives.module_name(file.path)
        folder = file.path.rpartition("/")[0].replace("/", ".")
        name = f"{folder}.{module}" if folder and module else module or ""
        around.name(inside, file.place, data, NATIVE, name)
        return
    around.name(inside, file.place, data, SOURCE)
    if file.path.endswith(".py"):
        try:
            made = compiled(data, inside)
        except (SyntaxError, ValueError):
            archive[f"file {inside}"] = data  # a template, or written for another Python
            return
        package = file.path.endswith("/__init__.py")
        name = file.path.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
        archive[f"{'package' if package else 'module'} {name} {inside}"] = made.code
        if not standard.LEFT_OUT_BELOW.intersection(file.path.split("/")):  # tests of a package load much more
            imports |= {wanted for wanted in made.imports if not wanted.startswith(".")}
    else:
        archive[f"file {inside}"] = data


def _standard(around: _Collecting, imports: set[str]) -> None:
    """The standard library's closure, the interpreter, and what both are linked to."""
    found = standard.closure(imports, around.own_imports)
    archive: dict[str, bytes] = {}
    start: dict[str, bytes] = {}
    for source in found.modules:
        inside = STANDARD + source.path
        around.name(inside, str(standard.library() / source.path), source.data, SOURCE)
        where = start if source.name in standard.AT_START else archive
        where[f"{'package' if source.package else 'module'} {source.name} {inside}"] = source.compiled.code
        if source.name in EARLY:
            around.pages[f"early {source.path}c"] = source.compiled.code
    archives.add(around, f"{STANDARD}standard.archive", archive)
    archives.add(around, f"{STANDARD}start.archive", start)
    for module, place in found.extensions.items():
        around.native(f"{STANDARD}{Path(place).name}", place, module)
    executable = natives.interpreter()
    around.native("/base/python", executable)


def _link(around: _Collecting) -> None:
    """The libraries that native files are linked to; those of the interpreter are mapped before it starts."""
    loader = natives.loader_of(around.places["/base/python"])
    around.native("/base/loader", loader)
    first = natives.linked(loader, around.places["/base/python"])
    inside = {place: path for path, place in around.places.items()}
    for file in [listed for listed in around.files if listed.role == NATIVE and listed.path != "/base/loader"]:
        needs = []
        for library in natives.libraries_of(loader, around.places[file.path]):
            real = library if library in inside else str(Path(library).resolve())
            if real not in inside:
                path = f"/base/{Path(library).name}"
                around.native(path, real)
                inside[real] = path
            if file.path == "/base/python" or library not in first:
                needs.append(inside[real])
        around.files[around.files.index(file)] = file._replace(needs=tuple(needs))
    order = sorted(file for file in around.files if file.role == NATIVE)
    number = {file.path: place for place, file in enumerate(order)}
    starting = {file.path for file in order if file.path.startswith(OWN) or file.module in _NATIVES_AT_START}
    starting.update(path for file in order if file.path in starting for path in file.needs)
    starting.update(_ARCHIVES_AT_START)
    archived = sorted(file for file in around.files if file.role == ARCHIVE)
    lines = [
        "+" * (file.path in starting) + " ".join((_loaded_as(file), *(str(number[path]) for path in file.needs)))
        for file in (*archived, *order)
    ]
    around.pages["loading"] = "\n".join(lines).encode()


def _loaded_as(file: Listed) -> str:
    """The name that it is loaded by: that of its module, or, for `ctypes`, the path of a distribution's library."""
    return file.module or (file.path if file.role == NATIVE and file.path.startswith(PACKAGES) else "-")
