"""Where the packages of a program are, for its enclave: those, what they require, and no others. Host world."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

ALWAYS = ("gotee", "greenlet", "msgspec")  # what gotee itself needs inside


class Packages(NamedTuple):
    """Top-level packages with the folders that they are imported from, and the distributions they belong to."""

    roots: dict[str, list[str]]
    distributions: list[str]

    @property
    def paths(self) -> list[str]:
        """Every folder, once."""
        return list(dict.fromkeys(root for roots in self.roots.values() for root in roots))


def packages_inside(distributions: Iterable[str] = (), packages: Iterable[str] = ()) -> Packages:
    """The packages of the distributions and of all that they require, the single packages, and gotee's own.

    >>> sorted(packages_inside(["greenlet"]).roots)
    ['gotee', 'greenlet', 'msgspec']
    """
    wanted = _with_requirements(distributions)
    names = {*ALWAYS, *packages}
    if wanted:
        names |= {
            name for name, owners in metadata.packages_distributions().items() if wanted & set(map(_plain, owners))
        }
    roots = {name: _roots(name) for name in sorted(names)}
    return Packages({name: found for name, found in roots.items() if found}, sorted({*map(_plain, ALWAYS), *wanted}))


def _with_requirements(distributions: Iterable[str]) -> set[str]:
    """Requirements that are not installed, those of extras and of other systems among them, are left out."""
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


def _plain(name: str) -> str:
    """PEP 503: one spelling for each name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _roots(package: str) -> list[str]:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [str(Path(folder).resolve().parent) for folder in spec.submodule_search_locations]
    return [str(Path(spec.origin).resolve().parent)] if spec.has_location and spec.origin else []
