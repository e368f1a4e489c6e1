"""Where secured routines run, and `gosecure`, which starts one there. Host world; one module a place.

`GOTEE_TEE` or `gotee run --tee` choose the place.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, overload

from gotee.runtime.routine import Routine
from gotee.tee import inline

P = ParamSpec("P")
T = TypeVar("T")


@overload
def gosecure(f: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> Routine[T]: ...
@overload
def gosecure(f: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Routine[T]: ...
def gosecure(f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Routine[Any]:
    """Start `f(*args, **kwargs)` as a secured routine and return its handle.

    `f` is a module-level function. If it fails, `result()` raises SecuredRoutineError, which carries the type and
    message of what it raised. Raises SecuredRoutineError at once if `f` cannot be a secured routine.

    With the only place there is today, `--tee inline`, the routine runs in this process without any protection.

    >>> from textwrap import dedent
    >>> from gotee import gosecure
    >>> gosecure(dedent, "  hello").result()
    'hello'
    """
    return inline.start(f, args, kwargs)
