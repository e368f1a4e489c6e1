from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, ParamSpec, TypeVar, overload

from gotee.runtime.scheduler import G, Scheduler

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

class Routine(G, Generic[T_co]):
    number: int
    name: str
    exception: BaseException | None
    cancelled: bool
    observed: bool
    def result(self, timeout: float | None = None) -> T_co: ...
    def __await__(self) -> Generator[Any, None, T_co]: ...
    def cancel(self) -> bool: ...
    def done(self) -> bool: ...
    def outcome(self) -> T_co: ...
    def mark_observed(self) -> None: ...

def set_hooks(
    report: Callable[[Routine[object]], None],
    remember: Callable[[Routine[object]], None],
    run_coroutine: Callable[[Scheduler, Coroutine[Any, Any, object]], object],
) -> None: ...
def spawn(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    name: str | None = None,
    translate: Callable[[BaseException], BaseException] | None = None,
) -> Routine[Any]: ...
@overload
def go(function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> Routine[T]: ...
@overload
def go(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Routine[T]: ...
