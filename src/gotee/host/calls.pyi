from collections.abc import Callable
from typing import Any, TypeVar

from gotee.boundary.crossing import CallCodec
from gotee.boundary.messages import Message
from gotee.boundary.wire import Wire
from gotee.runtime.routine import Place, Routine

T = TypeVar("T")

class SecuredRoutine(Routine[T]): ...

class Callee:
    def __init__(self, calls: Calls, function: Callable[..., Any], number: int, codec: CallCodec) -> None: ...

class Door(Place):
    def __init__(self, find: Callable[[Callable[..., Any]], Callee]) -> None: ...

class Calls:
    def __init__(self, wire: Wire, seat: Callable[[], None]) -> None: ...
    def on_end(self, message: Message) -> None: ...
    def lose(self, reason: str, ignored: bool) -> None: ...
