"""Asking whether something is there: refused to the program where the policy does not let it look. Enclave world.

`os.path.exists`, `os.walk` and `glob` take every OSError for "not there". A program that only lacks a line of policy
would go on without its file and never know why. Libraries look at many places unasked, and get the plain answer.
"""

from __future__ import annotations

import genericpath
import os
import posixpath
import sys

from gotee.enclave.callers import library_asks
from gotee.errors import OcallRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gotee.enclave.system import System

_ASKING = (genericpath.exists, genericpath.isfile, genericpath.isdir, posixpath.lexists, posixpath.islink)


def replaced(system: System) -> dict[Any, Callable[..., Any]]:
    """What takes the place of these functions."""
    functions: dict[Any, Callable[..., Any]] = {each: _telling(each, system) for each in _ASKING}
    functions[os.walk] = _walk
    return functions


def _telling(function: Callable[[Any], bool], system: System) -> Callable[[Any], bool]:
    def asked(path: Any, /) -> bool:
        found = function(path)
        if found or isinstance(path, int) or library_asks(packages=True):
            return found
        if not isinstance(sys.exc_info()[1], OcallRefused):  # os.makedirs asks when it was refused, and tells that
            system.check_look(path)
        return found

    asked.__name__ = asked.__qualname__ = function.__name__
    return asked


_real_walk = os.walk


def _walk(top: Any, topdown: bool = True, onerror: Any = None, followlinks: bool = False) -> Any:
    """os.walk."""
    if onerror is None and not library_asks(packages=True):
        onerror = _tell
    return _real_walk(top, topdown, onerror, followlinks)


def _tell(error: OSError) -> None:
    if isinstance(error, OcallRefused):
        raise error


def change_glob(module: Any, system: System) -> None:
    """`glob`: a folder that may not be listed is refused, not empty."""
    real = module._iterdir

    def names(folder: Any, *rest: Any) -> Any:
        if folder and not library_asks(packages=True):
            system.check_list(folder)
        return real(folder, *rest)

    module._iterdir = names


def change_pathlib(module: Any, system: System) -> None:
    """`Path.glob` and `rglob`, in the same way."""
    for name in ("glob", "rglob"):
        setattr(module.Path, name, _globbing(getattr(module.Path, name), system))


def _globbing(function: Callable[..., Any], system: System) -> Callable[..., Any]:
    def found(self: Any, pattern: Any, **kwargs: Any) -> Any:
        if not library_asks(packages=True):
            system.check_look(self)
        return function(self, pattern, **kwargs)

    found.__name__ = function.__name__
    found.__qualname__ = function.__qualname__
    return found
