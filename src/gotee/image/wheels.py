"""Third-party code of a program: whole distributions, and packages that no distribution owns. Host world.

Python files become bytecode; what pip writes down about an installation (RECORD, INSTALLER, direct_url.json, scripts)
differs between machines and stays out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gotee.image import natives
from gotee.image.bytecode import read_source

NOISE = frozenset(("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "WHEEL", "RECORD.jws", "RECORD.p7s"))


class File(NamedTuple):
    """A file of a distribution: its path below the folder that it is imported from, and where it lies."""

    path: str
    place: str

    @property
    def native(self) -> bool:
        """Whether the loader maps it: an extension module or a library."""
        name = os.path.basename(self.path)
        return natives.module_name(name) is not None or re.search(r"\.so(\.\d+)*$", name) is not None


class Distribution(NamedTuple):
    """A distribution, or a package without one (its version is then empty)."""

    name: str
    version: str
    files: tuple[File, ...]


def distribution(name: str) -> Distribution:
    """An installed distribution with its files. Raises importlib.metadata.PackageNotFoundError."""
    found = metadata.distribution(name)
    files = {}
    for path in found.files or ():
        parts = PurePosixPath(path).parts
        if ".." in parts or "__pycache__" in parts or path.name in NOISE or path.suffix in (".pyc", ".pth"):
            continue
        place = str(found.locate_file(path))
        if os.path.isfile(place):
            files[str(PurePosixPath(path))] = File(str(PurePosixPath(path)), place)
    for package in _packages_elsewhere(found, files):
        files |= {file.path: file for file in package_files(package)}
    return Distribution(_plain(found.metadata["Name"]), found.version, tuple(files[path] for path in sorted(files)))


def package(name: str) -> Distribution:
    """A top-level package or module that can be imported, and that no distribution owns."""
    return Distribution(name, "", tuple(package_files(name)))


def package_files(name: str) -> Iterator[File]:
    """The files of one top-level package or module."""
    spec = find_spec(name)
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        if spec.origin and spec.has_location:
            yield File(os.path.basename(spec.origin), spec.origin)
        return
    for folder in spec.submodule_search_locations:
        root = Path(folder)
        for inner in sorted(root.rglob("*")):
            if inner.is_file() and "__pycache__" not in inner.parts and inner.suffix != ".pyc":
                yield File(str(PurePosixPath(name, *inner.relative_to(root).parts)), str(inner))


def with_requirements(distributions: Iterable[str]) -> set[str]:
    """The distributions and all that they require. What is not installed, for other systems or extras, is left out."""
    found: set[str] = set()
    waiting = [_plain(name) for name in distributions]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        needed = (line for line in requirements if "extra ==" not in line.partition(";")[2].replace("'", '"'))
        waiting += [_plain(re.split(r"[^A-Za-z0-9._-]", line.strip(), maxsplit=1)[0]) for line in needed]
    return found


def _packages_elsewhere(found: metadata.Distribution, files: dict[str, File]) -> list[str]:
    """Packages of an editable installation: its record lists none of their files."""
    if any(path.endswith(".py") or File(path, "").native for path in files):
        return []
    owners = metadata.packages_distributions()
    return [package for package, names in owners.items() if found.metadata["Name"] in names]


def _plain(name: str) -> str:
    """PEP 503: one spelling for each name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def source_of(file: File) -> bytes:
    """The bytes of a file, read once."""
    return read_source(file.place)
