from collections.abc import Callable
from typing import Any

from gotee.boundary.blocks import Blocks
from gotee.boundary.frames import Buffer
from gotee.enclave.ocalls import Ocalls
from gotee.runtime.hub import Sleeper
from gotee.runtime.parking import Ticket

class Door(Sleeper):
    @property
    def ocalls(self) -> Ocalls: ...
    @property
    def blocks(self) -> Blocks | None: ...
    def post(self, kind: int, id: int, argument: int, payload: bytes) -> None: ...
    def room(self) -> None: ...
    def wait_alone(self, ticket: Ticket[Any]) -> None: ...
    def briefly(
        self,
        kind: int,
        request: bytes,
        data: Buffer | None,
        check: Callable[[bytes], Any],
        unwanted: Callable[[Any], None] | None,
        names: tuple[object, ...],
    ) -> Any: ...
