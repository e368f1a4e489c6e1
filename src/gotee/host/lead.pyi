from collections.abc import Callable
from typing import Any

from gotee.boundary.messages import Message
from gotee.boundary.wire import Wire
from gotee.host.calls import Calls
from gotee.runtime.scheduler import Scheduler

class Lead:
    baton: Any
    def __init__(
        self, wire: Wire, calls: Calls, act: Callable[[Message], None], lost: Callable[[str], None]
    ) -> None: ...
    def serve(self) -> None: ...

class Seat:
    def __init__(self, lead: Lead, scheduler: Scheduler) -> None: ...
    def wait(self, seconds: float | None) -> None: ...
    def poll(self) -> None: ...
    def notify(self) -> None: ...
