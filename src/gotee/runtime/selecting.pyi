from typing import Any, Generic, NamedTuple, TypeVar

from gotee.runtime.channel import Chan

T = TypeVar("T")

class Selected(NamedTuple):
    index: int  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]
    channel: Chan[Any] | None
    value: Any
    ok: bool

class Recv(Generic[T]):
    def __init__(self, channel: Chan[T] | None, /) -> None: ...
    @property
    def channel(self) -> Chan[T] | None: ...

class Send(Generic[T]):
    def __init__(self, channel: Chan[T] | None, value: T, /) -> None: ...
    @property
    def channel(self) -> Chan[T] | None: ...
    @property
    def value(self) -> T: ...

def select(*cases: Recv[Any] | Send[Any], default: bool = False, timeout: float | None = None) -> Selected: ...
def validate(cases: tuple[object, ...], timeout: float | None) -> None: ...
