"""Which standard-library modules import which, read from their texts without running them. Host world."""

from __future__ import annotations

import re
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path

_STANDARD = Path(sysconfig.get_path("stdlib"))
_IMPORT = re.compile(r"\s*(?:from\s+([\w.]+)\s+import\s+\(?([\w, ]*)|import\s+([\w., ]+))")
_DEFINITION = re.compile(r"(?:async\s+def|def|class)\b")


@lru_cache(maxsize=4096)
def imported_by(name: str) -> frozenset[str]:
    """The top-level names of the standard library that importing a module of it leads to, itself included.

    >>> "re" in imported_by("json"), "argparse" in imported_by("json")
    (True, False)
    """
    seen: set[str] = set()
    work = [name]
    while work:
        module = work.pop()
        if module not in seen:
            seen.add(module)
            work += _imports(module)
    return frozenset(module.partition(".")[0] for module in seen)


@lru_cache(maxsize=4096)
def _imports(name: str) -> tuple[str, ...]:
    """The modules that a module's text imports outside of definitions; no others than the standard library's."""
    if name.partition(".")[0] not in sys.stdlib_module_names:
        return ()
    path = _STANDARD.joinpath(*name.split("."))
    package = (path / "__init__.py").is_file()
    file = path / "__init__.py" if package else path.with_suffix(".py")
    if not file.is_file():
        return ()
    found: list[str] = [name.rpartition(".")[0]] if "." in name else []
    inside = False
    for line in file.read_text("utf-8", "replace").splitlines():
        if line[:1].strip():
            inside = _DEFINITION.match(line) is not None
        match = None if inside or "import" not in line else _IMPORT.match(line)
        if match is not None:
            found += _named(name, package, *match.groups())
    return tuple(dict.fromkeys(found))


def _named(name: str, package: bool, base: str | None, attributes: str | None, modules: str | None) -> list[str]:
    if base is None:
        return [part.split()[0] for part in (modules or "").split(",") if part.strip()]
    level = len(base) - len(base.lstrip("."))
    if level:
        holder = name.split(".")
        holder = holder[: len(holder) - level + package]
        base = ".".join([*holder, *([base[level:]] if base[level:] else [])])
    inner = [part.split()[0] for part in (attributes or "").split(",") if part.strip()]
    return [base, *(f"{base}.{part}" for part in inner)]
