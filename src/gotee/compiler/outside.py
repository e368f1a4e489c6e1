"""What trusted code needs from outside of the program: standard library modules and distributions. Host world."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field

from gotee.compiler import known


@dataclass(frozen=True)
class Outside:
    """Top-level names, by where they come from. `absent` are imported but not installed."""

    standard: list[str] = field(default_factory=list)
    distributions: dict[str, list[str]] = field(default_factory=dict)  # distribution -> its packages that are used
    installed: list[str] = field(default_factory=list)  # importable, but no distribution says it is its own
    absent: list[str] = field(default_factory=list)


def packages_outside(packages: set[str]) -> Outside:
    """Where top-level packages come from, on this machine."""
    standard = sorted(package for package in packages if known.is_standard(package) and package != "builtins")
    rest = sorted(packages - set(standard) - {"builtins", "gotee"})
    owners = _owners() if rest else {}
    distributions: dict[str, list[str]] = {}
    installed: list[str] = []
    absent: list[str] = []
    for package in rest:
        for owner in owners.get(package, []):
            distributions.setdefault(owner, []).append(package)
        if package not in owners:
            (installed if _importable(package) else absent).append(package)
    return Outside(standard, distributions, installed, absent)


def _owners() -> Mapping[str, list[str]]:
    from importlib import metadata  # which hardly any program needs, and takes long to import

    return metadata.packages_distributions()


def _importable(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
