"""`--tee inline`: secured routines in the same process, for debuggers, coverage and other systems. Host world.

It isolates nothing, and says so once on standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

from gotee.errors import SecuredRoutineError
from gotee.runtime.routine import Routine, spawn

BANNER = (
    "gotee: --tee inline: secured routines run in this process, unprotected: "
    "whatever this process can see, they and everybody else in it can see.\n"
)
_said = False


def start(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Routine[Any]:
    """Start a secured routine in this process."""
    global _said
    name = entry_name(f)
    if not _said:
        _said = True
        if sys.stderr is not None:
            sys.stderr.write(BANNER)
            sys.stderr.flush()
    return spawn(f, args, kwargs, name=name, translate=_secured_failure)


def entry_name(f: object) -> str:
    """The qualified name of a function that can be a secured routine.

    The same rule holds wherever routines run, so that a program that works inline does not fail elsewhere.
    """
    if not callable(f):
        raise SecuredRoutineError(
            f"gosecure() needs a function, got {type(f).__name__}; write gosecure(f, x), not gosecure(f(x))"
        )
    module, name = getattr(f, "__module__", None), getattr(f, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        raise SecuredRoutineError(f"a {type(f).__name__} cannot be a secured routine: use a module-level function")
    if isinstance(f, (type, BuiltinFunctionType)):
        raise SecuredRoutineError(
            f"{name} is a {type(f).__name__}, not a Python function: write a module-level function that calls it"
        )
    if "<lambda>" in name or "<locals>" in name:
        raise SecuredRoutineError(
            f"{name} is made at run time and cannot be a secured routine: move it to the top level of its module"
        )
    if "." in name:
        raise SecuredRoutineError(
            f"{name} is a method and cannot be a secured routine: write a module-level function that calls it"
        )
    if getattr(sys.modules.get(module), name, None) is not f:
        raise SecuredRoutineError(
            f"{module}.{name} is not the function that this name has in its module, so it cannot be a secured routine"
        )
    return name


def _secured_failure(error: BaseException) -> SecuredRoutineError:
    """A secured routine's failure as its caller sees it; the original is kept as the cause, for debuggers."""
    name = type(error).__qualname__
    text = str(error)
    failure = SecuredRoutineError(f"{name}: {text}" if text else name, name, text)
    failure.__cause__ = error
    return failure
