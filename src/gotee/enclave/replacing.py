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

from gotee.enclave import looking, streams
from gotee.enclave.entries import DirEntry
from gotee.enclave.missing import missing
from gotee.enclave.system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType, ModuleType
    from typing import Any
else:
    from _collections_abc import FunctionType  # `types` takes long to import

_OWN = ("gotee.", "_frozen_importlib", "importlib._bootstrap", "greenlet")
_FUNCTIONS = (
    *("open", "close", "closerange", "read", "write", "pread", "pwrite", "readv", "writev", "lseek", "fstat"),
    *("ftruncate", "fsync", "isatty", "dup", "dup2", "get_inheritable", "set_inheritable", "get_blocking"),
    *("stat", "lstat", "access", "listdir", "scandir", "mkdir", "rmdir", "remove", "rename", "utime", "chmod"),
    *("truncate", "readlink", "getcwd", "getcwdb", "chdir", "umask"),
)
_SAME = {"unlink": "remove", "replace": "rename", "fdatasync": "fsync"}


_held: dict[str, tuple[ModuleType, frozenset[int]]] = {}
"""What modules held when they were looked at: its identities, which only say where to look again."""
_looked_at: set[str] = set()


def replace(replaced: dict[Any, Any]) -> None:
    """Everywhere but in gotee's own modules and the import system, which must not wait for routines.

    A function becomes a staticmethod, which a class that keeps it does not bind (logging.Formatter.converter), as it
    would not bind the C function.
    """
    _look()
    others = {id(value): other for value, other in replaced.items()}
    for module, held in _held.values():
        if not held.isdisjoint(others):
            for attribute, value in list(vars(module).items()):
                other = others.get(id(value))
                if other is not None:
                    setattr(module, attribute, staticmethod(other) if isinstance(other, FunctionType) else other)


def _look() -> None:
    """See what modules hold that were imported since the last look: to look at all again takes a while."""
    for name, module in list(sys.modules.items()):
        if name in _looked_at or name.startswith(_OWN) or module is None:
            continue
        if not getattr(getattr(module, "__spec__", None), "_initializing", False):
            _looked_at.add(name)
        _held[name] = module, frozenset(map(id, vars(module).values()))


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
