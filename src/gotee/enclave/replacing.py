"""Puts the enclave's own functions in the places of Python's, before any module of the program is imported.

Enclave world; `outside` calls `replace_files`, `threads` uses `replace`. Where a module that is loaded already holds
one of them by name, that name is changed too; gotee's own rooms and the import system keep the real ones.
"""

from __future__ import annotations

import _io
import builtins
import io
import os
import posix
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType

from gotee.enclave import looking, streams
from gotee.enclave.entries import DirEntry
from gotee.enclave.missing import missing
from gotee.enclave.system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OWN = ("gotee.", "_frozen_importlib", "importlib._bootstrap", "greenlet")
_FUNCTIONS = (
    *("open", "close", "closerange", "read", "write", "pread", "pwrite", "readv", "writev", "lseek", "fstat"),
    *("ftruncate", "fsync", "isatty", "dup", "dup2", "get_inheritable", "set_inheritable", "get_blocking"),
    *("stat", "lstat", "access", "listdir", "scandir", "mkdir", "rmdir", "remove", "rename", "utime", "chmod"),
    *("truncate", "readlink", "getcwd", "getcwdb", "chdir", "umask"),
)
_KINDS = frozenset((BuiltinFunctionType, FunctionType, type))  # of what is replaced
_SAME = {"unlink": "remove", "replace": "rename", "fdatasync": "fsync"}


_held: dict[int, list[tuple[ModuleType, str, Any]]] = {}
"""Where modules hold functions and classes, by their identity; the values are kept, so that no identity comes again."""
_looked_at: set[str] = set()


def replace(replaced: dict[Any, Any]) -> None:
    """Everywhere but in gotee's own modules and the import system, which must not wait for routines.

    A function becomes a staticmethod, which a class that keeps it does not bind (logging.Formatter.converter), as it
    would not bind the C function.
    """
    look()
    for value, other in replaced.items():
        for module, attribute, held in _held.get(id(value), ()):
            if held is value and vars(module).get(attribute) is value:
                setattr(module, attribute, staticmethod(other) if isinstance(other, FunctionType) else other)


def look() -> None:
    """See what modules hold that were imported since the last look: to look at all again takes milliseconds.

    A process that has been forked looks longer: a page of which it takes one object is copied. So `main` looks before.
    """
    for name, module in list(sys.modules.items()):
        if name in _looked_at or name.startswith(_OWN) or module is None:
            continue
        if not getattr(getattr(module, "__spec__", None), "_initializing", False):
            _looked_at.add(name)
        for attribute, value in vars(module).items():
            if type(value) in _KINDS:
                _held.setdefault(id(value), []).append((module, attribute, value))


def replace_files(system: System) -> None:
    """`os` for files, `open`, and `io`."""
    streams.use(system)
    own = {name: getattr(system, name) for name in _FUNCTIONS}
    own |= {name: own[other] for name, other in _SAME.items()}
    replaced: dict[Any, Any] = {getattr(posix, name): function for name, function in own.items()}
    replaced |= {getattr(posix, name): function for name, function in missing().items() if hasattr(posix, name)}
    replaced |= {getattr(_io, each.__name__): each for each in streams.CLASSES}
    replaced |= looking.replaced(system)
    replaced |= {builtins.open: streams.open, _io.open_code: streams.open_code, posix.DirEntry: DirEntry}
    for each in streams.CLASSES[1:-1]:
        io.BufferedIOBase.register(each)
    replace(replaced)
    os.supports_dir_fd.clear()
    os.supports_fd.clear()
    os.supports_effective_ids.clear()
    os.supports_follow_symlinks.clear()
    os.supports_fd.update((system.stat, system.truncate))
    os.supports_follow_symlinks.update((system.stat, system.utime))
