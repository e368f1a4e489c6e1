from collections.abc import Callable, Mapping

from gotee.boundary.home import Home
from gotee.boundary.messages import Kind, Message
from gotee.boundary.wire import Wire
from gotee.host.calls import Calls
from gotee.runtime.hub import Sleeper
from gotee.runtime.scheduler import Scheduler

class Lead:
    def __init__(
        self,
        wire: Wire,
        calls: Calls,
        home: Home,
        actions: Mapping[Kind, Callable[[Message], None]],
        lost: Callable[[str | None], None],
    ) -> None: ...
    def on(self, kind: Kind, action: Callable[[Message], None]) -> None: ...
    def serve(self) -> None: ...
    def alone(self, call: Callable[[], None]) -> None: ...

class Seat(Sleeper):
    def __init__(self, lead: Lead, scheduler: Scheduler) -> None: ...
