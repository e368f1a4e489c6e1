"""The standard library's closure: which of its modules a program may load. Host world.

A module of a package brings the whole package, and import statements count wherever they stand: what is missing inside
is a ModuleNotFoundError, or, worse, another answer of a `try: import`.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from gotee.image import natives
from gotee.image.bytecode import Compiled, compiled, read_source

PREFIX = "/standard/"
LEFT_OUT = frozenset(
    ("test", "idlelib", "turtledemo", "turtle", "lib2to3", "ensurepip", "tkinter", "pydoc_data", "venv", "distutils")
) | frozenset(
    ("unittest", "doctest", "pdb", "bdb", "cmd", "pydoc", "webbrowser", "cProfile", "profile", "pstats", "trace")
)
"""Packages that are inside only when the program itself imports them."""
LEFT_OUT_BELOW = frozenset(("test", "tests", "idle_test", "__pycache__", "site-packages", "dist-packages"))

FIRST = ("encodings", "codecs", "io", "os", "importlib", "warnings", "traceback", "linecache", "threading", "json")
"""What the interpreter and gotee's first code load without an import statement that could be seen."""

BY_C_CODE = {
    "_asyncio": ("asyncio",),
    "_ctypes": ("ctypes",),
    "_curses_panel": ("curses",),
    "_datetime": ("_strptime", "time"),
    "_decimal": ("numbers", "collections"),
    "_elementtree": ("copy", "pyexpat", "xml"),
    "_io": ("locale", "os"),
    "_json": ("json",),
    "_pickle": ("_compat_pickle", "copyreg", "codecs"),
    "_sqlite3": ("sqlite3",),
    "_ssl": ("ssl",),
    "_struct": ("functools",),
    "_zoneinfo": ("zoneinfo", "importlib"),
    "array": ("collections", "copyreg"),
    "itertools": ("copyreg",),
    "select": (),
    "time": ("_strptime",),
}
"""Modules that C code imports by name."""


class Source(NamedTuple):
    """One module of the standard library."""

    name: str
    path: str  # below the library's folder
    data: bytes
    package: bool
    compiled: Compiled


class Standard(NamedTuple):
    """A closure: Python modules, extension modules by name, and the names that are built into the interpreter."""

    modules: list[Source]
    extensions: dict[str, str]


def closure(wanted: Iterable[str]) -> Standard:
    """The modules that the wanted ones may load; names that are not the standard library's are not looked at."""
    folder = library()
    shared = natives.extensions(Path(sysconfig.get_config_var("DESTSHARED") or folder / "lib-dynload"))
    found: dict[str, Source] = {}
    used: dict[str, str] = {}
    waiting = [*FIRST, *wanted]
    seen: set[str] = set()
    explicit = {name.partition(".")[0] for name in waiting}
    while waiting:
        top = waiting.pop().partition(".")[0]
        if top in seen or top not in sys.stdlib_module_names or (top in LEFT_OUT and top not in explicit):
            continue
        seen.add(top)
        waiting += BY_C_CODE.get(top, ())
        if top in shared:
            used[top] = shared[top]
            continue
        for source in _modules(folder, top):
            found[source.name] = source
            waiting += (name for name in source.compiled.imports if not name.startswith("."))
    return Standard([found[name] for name in sorted(found)], dict(sorted(used.items())))


@lru_cache(maxsize=1)
def library() -> Path:
    """The folder of the standard library."""
    return Path(sysconfig.get_path("stdlib"))


def _modules(library: Path, top: str) -> list[Source]:
    return [_source(library, name) for name in _files(library, top)]


@lru_cache(maxsize=2048)
def _files(library: Path, top: str) -> tuple[str, ...]:
    if (library / f"{top}.py").is_file():
        return (f"{top}.py",)
    folder = library / top
    if not (folder / "__init__.py").is_file():
        return ()
    inner = sorted(file.relative_to(library) for file in folder.rglob("*.py"))
    return tuple(str(path) for path in inner if not LEFT_OUT_BELOW.intersection(path.parts[1:]))


def _source(library: Path, path: str) -> Source:
    package = path.endswith("/__init__.py")
    name = path.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
    data = read_source(library / path)
    return Source(name, path, data, package, compiled(data, PREFIX + path))
