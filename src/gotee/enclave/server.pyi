from collections.abc import Callable, Sequence
from typing import Any

from gotee.boundary.wire import Wire
from gotee.enclave.door import Door
from gotee.enclave.failures import Failures

class Server(Door):
    def __init__(self, wire: Wire, failures: Failures, console: bool = True) -> None: ...
    def fail(self, error: BaseException) -> None: ...
    def serve(self, table: Sequence[Callable[..., Any]]) -> None: ...
