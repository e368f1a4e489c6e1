from collections.abc import Callable
from typing import Any

from gotee.runtime.channel import Chan, Encoded
from gotee.runtime.waiting import Waiter

PlacedCase = tuple[int, Chan[Any], Encoded | None]

class RemoteWaiter(Waiter):
    op: int
    def __init__(self, op: int, answer: Callable[[RemoteWaiter], None]) -> None: ...
    def leave_queues(self) -> None: ...
    def withdraw(self) -> bool: ...

def attempt(cases: list[PlacedCase], waiter: RemoteWaiter | None = None) -> tuple[int, Encoded | None, bool] | None: ...
