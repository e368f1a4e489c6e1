"""What can be a secured routine, as far as it is seen when the program runs. Host world; every tee asks."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType

from gotee.errors import SecuredRoutineError


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
