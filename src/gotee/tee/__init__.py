"""Where secured routines run, and `gosecure`, which starts one there. Host world; one module a place.

`GOTEE_TEE` or `gotee run --tee` choose the place.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from gotee.runtime import worlds
from gotee.runtime.routine import Routine, go

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ParamSpec, TypeVar, overload

    P = ParamSpec("P")
    T = TypeVar("T")
else:

    def overload(function):
        """The real one is slow to import; this does as much at run time."""
        return function


@overload
def gosecure(f: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> Routine[T]: ...
@overload
def gosecure(f: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Routine[T]: ...  # noqa: F811 - an overload
def gosecure(f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Routine[Any]:  # noqa: F811 - and what it overloads
    """Start `f(*args, **kwargs)` as a secured routine and return its handle.

    `f` is a module-level function. If it fails, `result()` raises SecuredRoutineError, which carries the type and
    message of what it raised. Raises SecuredRoutineError at once if `f` cannot be a secured routine.

    Where it runs is said by `GOTEE_TEE` or `gotee run --tee`. With `process`, the default, that is an enclave process
    of the same user, which the first call builds and starts; with `inline`, and in pytest runs, it is this process.
    Neither protects anything from code of the same user. Inside an enclave, gosecure means the same as go.

    >>> from textwrap import dedent
    >>> from gotee import gosecure
    >>> gosecure(dedent, "  hello").result()
    'hello'
    """
    return (_start or _choose())(f, args, kwargs)


_start: Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Routine[Any]] | None = None


def _choose() -> Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Routine[Any]]:
    """The place for the rest of this process's life."""
    global _start
    if worlds.inside():
        _start = _inside
    else:
        from gotee import config  # the host's: inside, none of this is there

        _start = _place(config.from_environment().tee)
    return _start


def _inside(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Routine[Any]:
    return go(f, *args, **kwargs)


def _place(tee: str) -> Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Routine[Any]]:
    """Import the place that was asked for, and nothing of the others."""
    if tee == "process":
        from gotee.tee import process

        return process.start
    from gotee.tee import inline

    return inline.start
