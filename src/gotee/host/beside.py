"""Modules beside a program that have names of the standard library's: both keep what they need. Host world.

Python finds what lies beside the main file first. A library that is imported when such a module is there already gets
the program's: gotee, which needs `heapq` and `types`, would get those. And a program that `gotee run` starts would get
the library's, where gotee has imported it before. So where there is such a module, gotee imports all that it may need
from the library, and then gives way: the program finds its own. Whenever it builds, the library's are in place again.

Called by gotee/__init__, whose other imports come between the two functions, and by syntax.run.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import FrozenImporter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

_ENDINGS = (".py", ".so")
_NOT_MEANT = {"__future__", "encodings", "site", "sitecustomize", "usercustomize"}
"""What is there before anything beside the main file is looked for."""
_NOT_NEEDED = {"antigravity", "idlelib", "pydoc_data", "test", "this", "tkinter", "turtle", "turtledemo"}
"""What neither gotee nor what it builds on imports."""


def hidden(folder: str) -> set[str]:
    """The modules of the standard library that one in this folder hides."""
    try:
        found = os.listdir(folder or ".")
    except OSError:
        return set()
    names = {name.partition(".")[0] for name in found if name.endswith(_ENDINGS) or "." not in name}
    names &= sys.stdlib_module_names - {*sys.builtin_module_names, *_NOT_MEANT, *_NOT_NEEDED}
    names = {name for name in names if FrozenImporter.find_spec(name) is None and _is_module(folder, name, found)}
    return names if names and not _is_library(folder) else set()


def _is_module(folder: str, name: str, found: list[str]) -> bool:
    """Whether a module of this name is there, or a package: a folder without `__init__` hides nothing."""
    if any(other.partition(".")[0] == name and other.endswith(_ENDINGS) for other in found):
        return True
    return os.path.isfile(os.path.join(folder, name, "__init__.py"))


def _is_library(folder: str) -> bool:
    """Whether it is a folder of the standard library itself."""
    return os.path.realpath(folder or ".").startswith(os.path.realpath(os.path.dirname(os.__file__)))


class _Library:
    """The library's modules of the names that a program hides. As a context: they are in place, and not the program's.

    For one thread at a time: whoever builds holds a lock. With nothing hidden it does nothing.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._folder = ""
        self._set_aside: dict[str, ModuleType] = {}  # those of the two that are not in place
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1
        if self.names and self._depth == 1:
            self.exchange()
            self._leave_path()

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if self.names and not self._depth:
            self.exchange()
            sys.path.insert(0, self._folder)

    def begin(self, names: set[str], folder: str) -> None:
        """These names are hidden; what is in place is taken for the library's."""
        self.names, self._folder, self._set_aside, self._depth = names, folder, {}, 1
        self._leave_path()

    def give_way(self) -> None:
        """If there is something hidden, import all that gotee may need later, and let the program have its own."""
        if self.names:
            _import_all()
            self.__exit__()

    def exchange(self) -> None:
        """Put in place what is set aside, and the other way round."""
        taken = {name: sys.modules.pop(name) for name in [*sys.modules] if name.partition(".")[0] in self.names}
        sys.modules.update(self._set_aside)
        self._set_aside = taken

    def _leave_path(self) -> None:
        if self._folder in sys.path:
            sys.path.remove(self._folder)


library = _Library()


def begin() -> None:
    """Before gotee imports anything: take aside what the program hides. `library.give_way` ends it."""
    names = hidden(sys.path[0]) if sys.path and not sys.flags.safe_path else set()
    if names:
        library.begin(names, sys.path[0])
        library.exchange()


def give_way(folder: str) -> None:
    """Let a program that will begin, and whose folder is in the first place of `sys.path`, have what lies there."""
    names = hidden(folder)
    if names or library.names:
        library.__enter__()  # `python -m gotee` began in another folder, or in this one
        library.begin(names, folder)
        library.give_way()
        if not names:
            library.__exit__()
            sys.path.insert(0, folder)


def _import_all() -> None:
    """Import gotee's modules of this world, which then hold what they need; what cannot be imported is not needed."""
    from importlib import import_module
    from pkgutil import walk_packages

    import gotee

    for name in [found.name for found in walk_packages(gotee.__path__, "gotee.")]:
        room = name.split(".")[1]
        if room not in ("enclave", "platform", "attestation", "__main__") and not name.endswith("pytest_plugin"):
            try:
                import_module(name)
            except Exception:  # noqa: S110 - such as what needs a package that is not installed
                pass
