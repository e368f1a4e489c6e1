from collections import deque
from collections.abc import Callable

from gotee.boundary.messages import Message
from gotee.boundary.wire import Wire
from gotee.host.ocalls import Request

UNKNOWN: int
NOTHING: int

def device_now(path: bytes, follow: bool, plain: bool) -> int: ...

class Handle:
    descriptor: int
    waits: bool
    prompt: bool
    waiting: dict[int, deque[Request]]
    def __init__(self, descriptor: int, waits: bool, prompt: bool = False) -> None: ...
    def __enter__(self) -> int: ...
    def __exit__(self, *_: object) -> None: ...
    def release(self) -> None: ...

class Prompt:
    slow: int
    def __init__(
        self,
        wire: Wire,
        handles: dict[int, Handle],
        requests: dict[int, Request],
        other: Callable[[Message], None],
    ) -> None: ...
    def on_ocall(self, message: Message) -> None: ...
