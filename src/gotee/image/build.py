"""A partition becomes an image: what goes into the pages, and what the image names by hash. Host world."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gotee
from gotee.compiled import FILES, INSIDE, place_of
from gotee.compiler.interface import interface_of
from gotee.compiler.partition import Partition
from gotee.errors import ImageError
from gotee.image import archives, compiled_imports, natives, pages, parts, standard, wheels
from gotee.image.bytecode import compiled, has_columns, read_source
from gotee.image.manifest import ARCHIVE, NATIVE, SOURCE, Listed, Manifest
from gotee.image.settings import matching

PROGRAM, PACKAGES, STANDARD, OWN = "/program/", "/packages/", "/standard/", "/gotee/"
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


@dataclass(frozen=True)
class Built:
    """An image's stream, and where the files that it names lie on this machine.

    `own_imports` are what gotee's rooms import: modules of the standard library that are in every image.
    """

    stream: bytes
    manifest: Manifest
    places: dict[str, str]
    own_imports: frozenset[str] = frozenset()

    @property
    def measurement(self) -> bytes:
        """MRENCLAVE."""
        return hashlib.sha256(self.stream).digest()


@dataclass
class _Contents:
    """What is collected on the way."""

    pages: dict[str, bytes] = field(default_factory=dict)
    files: list[Listed] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)  # of everything inside, for the standard library's closure
    own_imports: set[str] = field(default_factory=set)  # of gotee's rooms and of what they need
    extensions: dict[str, str] = field(default_factory=dict)  # module: path inside

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
        if module:
            self.extensions[module] = path


@dataclass(frozen=True)
class Options:
    """What `[tool.gotee]` says of the contents of an image."""

    name: str | None = None
    threads: int = 1
    limits: dict[str, int] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=lambda: {"ocalls": {"console": True}})
    include: tuple[str, ...] = ()
    error_key: str = ""
    extra: tuple[str, ...] = ()


def build(partition: Partition, options: Options | None = None) -> Built:
    """Build the image of a program. Raises ImageError, CompileError."""
    options = options or Options()
    if not has_columns():
        raise ImageError(
            "PYTHONNODEBUGRANGES, or -X no_debug_ranges, makes other bytecode, and so another measurement, than "
            "everybody else gets from the same program: unset it"
        )
    contents = _Contents()
    _program(contents, partition, options)
    _own(contents)
    distributions = _distributions(contents, partition)
    contents.imports |= set(options.extra)
    _standard(contents, partition)
    _link(contents)
    program = _described(partition, options, distributions, contents)
    manifest = Manifest(program, _python(), tuple(contents.files))
    contents.pages["manifest"] = manifest.encode()
    stream = pages.stream_of(parts.pack(contents.pages), options.threads)
    return Built(stream, manifest, contents.places, frozenset(contents.own_imports))


def _program(contents: _Contents, partition: Partition, options: Options) -> None:
    root = partition.root
    for name, module in partition.modules.items():
        file = Path(module["file"])
        inside = PROGRAM + file.relative_to(root).as_posix()
        if file.suffix != ".py":
            continue  # a package without __init__: a folder
        source = module["source"].encode("utf-8", "surrogatepass")
        made = compiled(source, inside)
        contents.pages[f"{'package' if module['package'] else 'module'} {name} {inside}"] = made.code
        contents.pages[f"source {inside}"] = source
        contents.imports |= {wanted for wanted in made.imports if not wanted.startswith(".")}
    for path in {*partition.data, *_included(root, options.include)}:
        try:
            contents.pages[f"file {PROGRAM}{path}"] = read_source(root / path)
        except OSError as error:
            raise ImageError(f"{root / path}, which trusted code reads, cannot be read: {error.strerror}") from None


def _included(root: Path, patterns: Sequence[str]) -> Iterable[str]:
    for pattern in patterns:
        found = matching(root, pattern)
        if not found and (root / pattern).is_dir():
            raise ImageError(f"include names {pattern!r}, which is a folder: write '{pattern.rstrip('/')}/**'")
        if not found:
            raise ImageError(f"include names {pattern!r}, but there is no such file under {root}")
        for path in found:
            if not path.resolve().is_relative_to(root.resolve()):
                raise ImageError(f"include names {pattern!r}, but {path.relative_to(root)} leads out of {root}")
            yield path.relative_to(root).as_posix()


def _own(contents: _Contents) -> None:
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
                contents.name(inside, str(file), data, SOURCE)
                archive[f"{'package' if package else 'module'} {name} {inside}"] = made.code
                if name not in COMPLETING:
                    contents.own_imports |= set(made.imports)
                if name == "gotee.enclave.boot":
                    contents.pages["boot"] = made.code
    for name in INSIDE:
        place = place_of(name)
        contents.native(f"{OWN}{os.path.relpath(place, folder)}", place, ",".join(FILES[name]))
    archives.add(contents, f"{OWN}rooms.archive", archive)
    text = f"Metadata-Version: 2.1\nName: gotee\nVersion: {gotee.__version__}\n"
    contents.pages[f"file {PACKAGES}gotee-{gotee.__version__}.dist-info/METADATA"] = text.encode()


def _distributions(contents: _Contents, partition: Partition) -> dict[str, str]:
    """Whole distributions with all that they require; what is found is pinned by the hash of every file."""
    named = wheels.with_requirements(partition.outside.distributions)
    wanted = named | wheels.with_requirements(NEEDED)
    found = [wheels.distribution(name) for name in sorted(wanted - {"gotee"})]
    found += [wheels.package(name) for name in partition.outside.installed]
    program, pinned, hashes = set(contents.imports), {}, {}
    for distribution in found:
        digest = hashlib.sha256()
        archive: dict[str, bytes] = {}
        for file in distribution.files:
            data = wheels.source_of(file)
            digest.update(f"{file.path}\0{hashlib.sha256(data).hexdigest()}\n".encode())
            if distribution.name in named or distribution.name not in wanted:
                _distributed(contents, file, data, archive, contents.imports)
            elif not standard.LEFT_OUT_BELOW.intersection(file.path.split("/")):  # here for gotee only: no tests
                _distributed(contents, file, data, archive, contents.own_imports)
        archives.add(contents, f"{PACKAGES}{distribution.name}.archive", archive)
        pinned[distribution.name] = distribution.version or digest.hexdigest()
        hashes[distribution.name] = digest.hexdigest()
    used = [distribution for distribution in found if distribution.name in named or distribution.name not in wanted]
    if any(natives.module_name(file.path) for distribution in used for file in distribution.files):
        contents.imports |= _of_compiled_code(program, found, hashes)
    return pinned


def _of_compiled_code(program: set[str], found: list[wheels.Distribution], hashes: dict[str, str]) -> frozenset[str]:
    """What importing the distributions as the program does brings in of the standard library."""
    files = [file for distribution in found for file in distribution.files]
    folders = {file.place.removesuffix(file.path) for file in files if file.place.endswith(file.path)}
    inside = {re.split(r"[/.]", file.path, maxsplit=1)[0] for file in files}
    names = {name for name in program if name.partition(".")[0] in inside}
    return compiled_imports.seen(names, folders, inside, hashes)


def _distributed(
    contents: _Contents, file: wheels.File, data: bytes, archive: dict[str, bytes], imports: set[str]
) -> None:
    inside = PACKAGES + file.path
    if file.native:
        module = natives.module_name(file.path)
        folder = file.path.rpartition("/")[0].replace("/", ".")
        name = f"{folder}.{module}" if folder and module else module or ""
        contents.name(inside, file.place, data, NATIVE, name)
        return
    contents.name(inside, file.place, data, SOURCE)
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


def _standard(contents: _Contents, partition: Partition) -> None:
    """The standard library's closure, the interpreter, and what both are linked to."""
    found = standard.closure({*contents.imports, *partition.outside.standard}, contents.own_imports)
    archive: dict[str, bytes] = {}
    start: dict[str, bytes] = {}
    for source in found.modules:
        inside = STANDARD + source.path
        contents.name(inside, str(standard.library() / source.path), source.data, SOURCE)
        where = start if source.name in standard.AT_START else archive
        where[f"{'package' if source.package else 'module'} {source.name} {inside}"] = source.compiled.code
        if source.name in EARLY:
            contents.pages[f"early {source.path}c"] = source.compiled.code
    archives.add(contents, f"{STANDARD}standard.archive", archive)
    archives.add(contents, f"{STANDARD}start.archive", start)
    for module, place in found.extensions.items():
        contents.native(f"{STANDARD}{Path(place).name}", place, module)
    executable = natives.interpreter()
    contents.native("/base/python", executable)


def _link(contents: _Contents) -> None:
    """The libraries that native files are linked to; those of the interpreter are mapped before it starts."""
    loader = natives.loader_of(contents.places["/base/python"])
    contents.native("/base/loader", loader)
    first = natives.linked(loader, contents.places["/base/python"])
    inside = {place: path for path, place in contents.places.items()}
    for file in [listed for listed in contents.files if listed.role == NATIVE and listed.path != "/base/loader"]:
        needs = []
        for library in natives.libraries_of(loader, contents.places[file.path]):
            real = library if library in inside else str(Path(library).resolve())
            if real not in inside:
                path = f"/base/{Path(library).name}"
                contents.native(path, real)
                inside[real] = path
            if file.path == "/base/python" or library not in first:
                needs.append(inside[real])
        contents.files[contents.files.index(file)] = file._replace(needs=tuple(needs))
    order = sorted(file for file in contents.files if file.role == NATIVE)
    number = {file.path: place for place, file in enumerate(order)}
    starting = {file.path for file in order if file.path.startswith(OWN) or file.module in _NATIVES_AT_START}
    starting.update(path for file in order if file.path in starting for path in file.needs)
    starting.update(_ARCHIVES_AT_START)
    archived = sorted(file for file in contents.files if file.role == ARCHIVE)
    lines = [
        "+" * (file.path in starting) + " ".join((_loaded_as(file), *(str(number[path]) for path in file.needs)))
        for file in (*archived, *order)
    ]
    contents.pages["loading"] = "\n".join(lines).encode()


def _loaded_as(file: Listed) -> str:
    """The name that it is loaded by: that of its module, or, for `ctypes`, the path of a distribution's library."""
    return file.module or (file.path if file.role == NATIVE and file.path.startswith(PACKAGES) else "-")


def _python() -> dict[str, str]:
    return {
        "implementation": sys.implementation.name,
        "version": sys.version.split()[0],
        "magic": importlib.util.MAGIC_NUMBER.hex(),
        "machine": f"{sys.platform}-{getattr(sys.implementation, '_multiarch', '')}",
    }


def _described(
    partition: Partition, options: Options, distributions: dict[str, str], contents: _Contents
) -> dict[str, Any]:
    sources = {
        path.removeprefix("source "): hashlib.sha256(data).hexdigest()
        for path, data in contents.pages.items()
        if path.startswith("source ")
    }
    data = {
        path.removeprefix("file "): hashlib.sha256(text).hexdigest()
        for path, text in contents.pages.items()
        if path.startswith(f"file {PROGRAM}")
    }
    return {
        "name": options.name or partition.name.removesuffix(".__main__"),
        "main": partition.name,
        "gotee": gotee.__version__,
        "modules": sources,
        "entries": [list(entry) for entry in partition.entries],
        "interface": interface_of(partition),
        "policy": options.policy,
        "limits": options.limits,
        "error_key": options.error_key,
        "threads": options.threads,
        "distributions": distributions,
        "absent": partition.outside.absent,
        "data": data,
        "host_only": partition.host_only,
        "overrides": partition.overrides,
    }
