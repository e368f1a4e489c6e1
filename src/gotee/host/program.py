"""Which program it is that an enclave is built for: the main file, or what another program has imported. Host world.

`python main.py` and `python -m package` run the program itself. An application server, or the script that an
installation made for it, is not the program. That is the imported modules that no other one imports, and all that these
import.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import lru_cache

from gotee.boundary.public_errors import MAINS
from gotee.errors import CompileError, ImageError, SecuredRoutineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from gotee.compiler.partition import Partition


def main_file() -> str | None:
    """The file that Python runs, if there is one."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if file is None:  # Python forgets that when main's last line is done; a thread of the program may go on
        file = getattr(getattr(main, "__loader__", None), "path", None)
    return None if file is None else str(file)


def file_of(function: Callable[..., Any]) -> str:
    """A file of the program that this function is secured in: relative paths and settings begin at its folder."""
    main, module = _main_of(function), _module(function)
    if main is not None and (module == "__main__" or not _is_installed(main)):
        return main
    return _file(module) or main or ""


def partition_of(function: Callable[..., Any]) -> tuple[Path, Partition]:
    """The program's main file and its trusted part. Raises CompileError with what the compiler sees."""
    from pathlib import Path

    from gotee.compiler.remembered import partition  # a finished image needs no compiler

    main, module = _main_of(function), _module(function)
    if main is not None and (module == "__main__" or not _is_installed(main)):
        if not os.path.isfile(main):  # a pipe, which has been read; or it has been removed
            raise ImageError(f"the program came from {main}, which cannot be read again: run it from a file")
        return Path(main), partition(Path(main), "program")
    imported = _imported(module)
    if imported is not None:
        file, root, also = imported
        return file, partition(file, "program", root, also)
    if main is None:
        raise SecuredRoutineError(
            "the program has no main file, so there is nothing to build an enclave from; in an interactive session, "
            "or with python -c, set GOTEE_TEE=inline, which protects nothing"
        )
    return Path(main), partition(Path(main), "program")


def _main_of(function: Callable[..., Any]) -> str | None:
    """The main file. A profiler of Python's own runs it in the place of its own main module: then a function tells."""
    main = main_file()
    if main is None or _module(function) != "__main__":
        return main
    own: Any = function
    while hasattr(own, "__wrapped__"):
        own = own.__wrapped__
    file = getattr(getattr(own, "__code__", None), "co_filename", main)
    # Where Python is installed takes a millisecond and a half to ask: of a program of one file, nobody does.
    return str(file) if file != main and _is_installed(main) and os.path.isfile(file) else main


def _imported(module: str) -> tuple[Path, Path, tuple[str, ...]] | None:
    """The program that has this imported module: a main file, the folder of all, and the names of others beside it."""
    from pathlib import Path

    file = _file(module)
    if file is None or module == "__main__":
        return None
    root = _folder(module, file)
    top = f"{module.partition('.')[0]}."
    shared = _is_installed(file)  # a folder with packages of others, too
    found = {}
    for name in list(sys.modules):
        place = _file(name)
        if place is None or name in MAINS or (shared and not f"{name}.".startswith(top)):
            continue
        if place == _as_file(root, name, place) and (shared or not _is_installed(place)):
            found[name] = Path(place)
    if module not in found:
        return None
    imported = set[str]().union(*(_imports(name, place) for name, place in found.items()))
    tops = [name for name in found if name not in imported]
    names = list(dict.fromkeys((*tops, module)))  # the module itself may be one of several that import each other
    return found[names[0]], Path(root), tuple(names[1:])


def _imports(name: str, file: Path) -> set[str]:
    """The names of modules that a module imports, anywhere in its code."""
    import ast

    from gotee.compiler.program import Module, imported_names
    from gotee.syntax.rewrite import rewrite

    try:
        source = rewrite(file.read_text("utf-8"), str(file))
        module = Module(name, file, source, file.name == "__init__.py", ast.parse(source))
    except (OSError, ValueError, SyntaxError, CompileError):
        return set()  # it may be no part of the program: the compiler says what is wrong with one that is
    return {*imported_names(module)} - {name}


def _module(function: object) -> str:
    """Where a function is from; what has no such place cannot be secured, which is said later."""
    module = getattr(function, "__module__", None)
    return module if isinstance(module, str) and module not in MAINS else "__main__"


def _file(module: str) -> str | None:
    """The source file of an imported module."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return os.path.realpath(file) if isinstance(file, str) and file.endswith(".py") else None


def _folder(module: str, file: str) -> str:
    """The folder that a module's dotted name starts from."""
    folder = os.path.dirname(file)
    for _ in range(module.count(".") + (os.path.basename(file) == "__init__.py")):
        folder = os.path.dirname(folder)
    return folder


def _as_file(root: str, name: str, place: str) -> str:
    inner = os.path.join(root, *name.split("."))
    return os.path.join(inner, "__init__.py") if place.endswith("__init__.py") else f"{inner}.py"


def _is_installed(file: str) -> bool:
    """Whether a file is part of an installation: a script or a package that pip put there, or Python's own."""
    place = os.path.realpath(file)
    return any(place.startswith(folder) for folder in _installations())


@lru_cache(maxsize=1)
def _installations() -> tuple[str, ...]:
    import site
    import sysconfig

    paths = sysconfig.get_paths()
    found = {paths[name] for name in ("scripts", "purelib", "platlib", "stdlib")}
    found.add(os.path.dirname(sys.executable))  # scripts of a system's own packages lie beside its interpreter
    found.update(site.getsitepackages() if hasattr(site, "getsitepackages") else ())
    if site.ENABLE_USER_SITE:
        found.update((site.getusersitepackages(), f"{site.getuserbase()}/bin"))
    return tuple(sorted(os.path.realpath(folder) + os.sep for folder in found))
