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
_LEFT_OUT = """
    _aix_support _bootsubprocess _osx_support argparse bdb cProfile cmd code codeop distutils doctest ensurepip getopt
    idlelib lib2to3 pdb plistlib profile pstats pydoc pydoc_data readline rlcompleter site test tkinter trace turtle
    turtledemo unittest venv webbrowser
"""
LEFT_OUT = frozenset(_LEFT_OUT.split())
"""Modules that are inside only when the program or a distribution imports them."""
LEFT_OUT_BELOW = frozenset(("test", "tests", "idle_test", "__pycache__", "site-packages", "dist-packages"))

FIRST = ("encodings", "codecs", "io", "os", "importlib", "warnings", "traceback", "linecache", "threading", "json")
"""What the interpreter and gotee's first code load without an import statement that could be seen."""

_AT_START = """
    __future__ _pyio _threading_local _weakrefset collections collections.abc contextlib copyreg functools heapq
    importlib keyword operator reprlib struct threading types warnings weakref
"""
AT_START = frozenset(_AT_START.split())
"""What gotee's rooms import before the program: a small archive of its own. What is missing here costs time only."""

_CONFIGURATION = f"_sysconfigdata_{sys.abiflags}_{sys.platform}_{getattr(sys.implementation, '_multiarch', '')}"

BY_NAME = {
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
    "sysconfig": (_CONFIGURATION,),
    "time": ("_strptime",),
}
"""Modules that C code, or a name made at run time, imports."""

_REQUESTS = ("urllib.request", "urllib.error", "urllib.response", "urllib.robotparser")
_HANDLERS = ("logging.config", "logging.handlers")

LATER: dict[str, dict[str, tuple[str, ...]]] = {
    "asyncio": {"ssl": (), "tempfile": ()},
    "cgitb": {"pydoc": ("cgitb",)},
    "concurrent": {"multiprocessing": ("concurrent.futures.process", "concurrent.futures.ProcessPoolExecutor")},
    "decimal": {"_pydecimal": ()},
    "distutils": {"lib2to3": ()},
    "importlib": {
        **dict.fromkeys(("csv", "email", "json"), ("importlib.metadata",)),
        **dict.fromkeys(("inspect", "random", "tempfile", "zipfile"), ("importlib.metadata", "importlib.resources")),
    },
    "json": {"argparse": ("json.tool",)},
    "logging": dict.fromkeys(("configparser", "email", "http", "smtplib", "socketserver", "urllib"), _HANDLERS),
    "random": dict.fromkeys(("hashlib", "statistics"), ()),
    "shutil": dict.fromkeys(("tarfile", "zipfile"), ("shutil",)),
    "urllib": dict.fromkeys(
        ("base64", "email", "ftplib", "getpass", "hashlib", "http", "mimetypes", "socket", "ssl", "tempfile"), _REQUESTS
    ),
    "uuid": dict.fromkeys(("ctypes", "hashlib", "shutil", "subprocess"), ("uuid",)),
    "xmlrpc": {"pydoc": ("xmlrpc.server",)},
}
"""Imports of a module that count only when one of these, or what is imported, is named: by the program, a distribution,
or, if it is part of a package, by the standard library. They are tools that a package carries, stand-ins for what is
there, and services that an enclave cannot use."""


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


def closure(wanted: Iterable[str], own: Iterable[str] = ()) -> Standard:
    """The modules that the wanted ones may load; names that are not the standard library's are not looked at.

    `own` are the imports of gotee's rooms, which use little of what they import: they do not count in LATER.
    """
    folder = library()
    found: dict[str, Source] = {}
    used: dict[str, str] = {}
    named = set(wanted)  # by the program, its distributions, and as parts of packages by the library
    waiting = [*FIRST, *own, *named]
    explicit = {name.partition(".")[0] for name in waiting}
    extensions = natives.extensions(shared())
    later: dict[str, set[str]] = {}  # import: what brings it
    seen: set[str] = set()
    while waiting:
        top = waiting.pop().partition(".")[0]
        known = top in sys.stdlib_module_names or top == _CONFIGURATION
        if known and top not in seen and (top not in LEFT_OUT or top in explicit):
            seen.add(top)
            waiting += BY_NAME.get(top, ())
            if top in extensions:
                used[top] = extensions[top]
            else:
                for source in _modules(folder, top):
                    found[source.name] = source
                    imports = [name for name in source.compiled.imports if not name.startswith(".")]
                    if top in LEFT_OUT:
                        explicit |= {name.partition(".")[0] for name in imports}  # it needs its like
                    apart = LATER.get(top, {})
                    for name in imports:
                        if name.partition(".")[0] in apart:
                            later.setdefault(name, set()).update(apart[name.partition(".")[0]])
                    now = [name for name in imports if name.partition(".")[0] not in apart]
                    waiting += now
                    named.update(name for name in now if "." in name and name.partition(".")[0] != top)
        if not waiting:
            reached = {part for name in named for part in _with_parents(name)}
            waiting = [name for name, brings in later.items() if brings & reached]
            for name in waiting:
                explicit.add(name.partition(".")[0])
                del later[name]
    return Standard([found[name] for name in sorted(found)], dict(sorted(used.items())))


def _with_parents(name: str) -> Iterable[str]:
    """A dotted name, and those of the packages that it is in."""
    while name:
        yield name
        name = name.rpartition(".")[0]


@lru_cache(maxsize=1)
def library() -> Path:
    """The folder of the standard library."""
    return Path(sysconfig.get_path("stdlib"))


@lru_cache(maxsize=1)
def shared() -> Path:
    """The folder of the standard library's extension modules: beside it, also where an interpreter was moved to."""
    beside = library() / "lib-dynload"
    return beside if beside.is_dir() else Path(sysconfig.get_config_var("DESTSHARED") or beside)


def library_size() -> int:
    """How many modules in Python the whole library has, tests and developers' tools left out."""
    folder = library()
    found = (file.relative_to(folder).parts for file in folder.rglob("*.py"))
    return sum(not LEFT_OUT_BELOW.intersection(parts) for parts in found)


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
