"""Serves what an enclave asks: dispatch, and how an answer is given. Host world; `gotee.host.enclave` is its only user.

The enclave decides what its code may ask. The same policy is asked here again, so that an enclave whose code was taken
over gets no more from an honest host. To the enclave this is no defence: it does not trust its host.

A new kind: its number in gotee.boundary.ocalls, and a row in a `served()` here.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterable

from gotee.boundary.frames import LinkError
from gotee.boundary.messages import Kind, Message
from gotee.boundary.ocalls import Ocall, encode
from gotee.boundary.policy import Policy
from gotee.boundary.wire import Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from gotee.host.files import Files
    from gotee.host.sockets import Sockets
    from gotee.host.stdin import Input
else:
    from gotee.records import Record as NamedTuple

MOST_WAITING = 1_000_000  # ocalls of one enclave at the same time


class Request:
    """One question of the enclave, which gets one answer, from any thread."""

    def __init__(self, service: Service, number: int, payload: bytes) -> None:
        self._service = service
        self._number = number
        self.payload = payload
        self.when_abandoned: Callable[[], None] | None = None  # set by those who can stop waiting

    @property
    def open(self) -> bool:
        """Whether it still needs an answer."""
        return self._number in self._service.requests

    def answer(self, payload: bytes = b"") -> bool:
        """Answer; False if that was done before."""
        return self._service.end(self._number, 0, payload)

    def refuse(self, error: int | OSError | None) -> bool:
        """Answer with an errno."""
        number = error.errno if isinstance(error, OSError) else error
        known = number if number in errno.errorcode else errno.EIO
        return self._service.end(self._number, known or errno.EIO, b"")


class Served(NamedTuple):
    """How one kind is served.

    `function(request, *arguments)` answers now or later. `form` is that of the payload, None if the function reads it.
    What may block is `pooled`; the rest runs where messages are received, and must return at once.
    """

    function: Callable[..., None]
    form: Any = None
    pooled: bool = False


class Service:
    """The ocalls of one enclave: `policy` is that of its image, relative paths of its files begin in `home`."""

    def __init__(self, wire: Wire, policy: Policy, home: str) -> None:
        self._wire = wire
        self._post = wire.post
        self.when_open: Callable[[Callable[[Message], None]], None] = _nobody  # told who takes ocalls from then on
        self.blocks = wire.blocks
        self.policy = policy
        self.home = os.fsencode(home)
        self.requests: dict[int, Request] = {}
        self._lock = threading.Lock()
        self._rooms: tuple[Files, Input, Sockets] | None = None
        self._kinds: dict[int, tuple[Served, Callable[[bytes], tuple[Any, ...]] | None]] = {}

    def open(self) -> None:
        """Make ready what serves, for the first ocall: it is slow to import, and many programs ask for nothing."""
        from msgspec.msgpack import Decoder

        from gotee.host.files import Files  # they need this module
        from gotee.host.pool import Pool, Readiness
        from gotee.host.prompt import Prompt
        from gotee.host.sockets import Sockets
        from gotee.host.stdin import Input

        self.pool = Pool()
        self.ready = Readiness()
        files = Files(self)
        rooms = (files, Input(), Sockets(self))
        for kinds in (self.served(), *(room.served() for room in rooms)):
            for kind, served in kinds.items():
                self._kinds[kind] = (served, None if served.form is None else Decoder(served.form).decode)
        self._rooms = rooms
        self.prompt = Prompt(self._wire, files.handles, self.requests, self.on_ocall)
        self.when_open(self.prompt.on_ocall)

    def served(self) -> dict[Ocall, Served]:
        """Those that need nothing but this module."""
        return {
            Ocall.HOME: Served(self._home, tuple[()]),
            Ocall.ENVIRONMENT: Served(self._environment, tuple[list[str]]),
            Ocall.TIME: Served(self._time, tuple[()]),
        }

    # -- messages -----------------------------------------------------------------------------------------

    def on_ocall(self, message: Message) -> None:
        """OCALL(number, kind). Raises LinkError for what no honest enclave asks."""
        if message.id in self.requests or len(self.requests) >= MOST_WAITING:  # a finalizer may come before its turn
            raise LinkError(f"the enclave asked ocall {message.id} twice, or too many")
        if self._rooms is None:
            self.open()
        found = self._kinds.get(message.argument)
        if found is None:
            raise LinkError(f"the enclave asked an ocall of kind {message.argument}, which is none")
        served, decode = found
        try:
            arguments = () if decode is None else decode(message.payload)
        except Exception as error:
            import msgspec

            if not isinstance(error, (msgspec.DecodeError, ValueError)):
                raise
            name = Ocall(message.argument).name
            raise LinkError(f"the enclave asked {name} in a form that is none: {error}") from None
        request = self.requests[message.id] = Request(self, message.id, message.payload if decode is None else b"")
        if served.pooled:
            self.by_thread(served.function, request, *arguments)
        else:
            _serve(served.function, request, arguments)

    def by_thread(self, function: Callable[..., None], request: Request, *arguments: Any) -> None:
        """Have `function(request, *arguments)` answer on a thread that may wait."""
        self.pool.submit(lambda: _serve(function, request, arguments))

    def on_abandon(self, message: Message) -> None:
        """ABANDON(number): its answer may be on its way, and whatever is answered is well."""
        request = self.requests.get(message.id)
        if request is not None and request.when_abandoned is not None:
            request.when_abandoned()

    def end(self, number: int, error: int, payload: bytes) -> bool:
        """Send the one answer of a request."""
        with self._lock:
            if self.requests.pop(number, None) is None:
                return False
        self._post(Kind.ANSWER, number, error, payload)
        return True

    def close(self) -> None:
        """The enclave is gone."""
        self.requests.clear()
        if self._rooms is not None:
            self.pool.close()
            self.ready.close()
            for room in self._rooms:
                room.close()

    # -- the small kinds ----------------------------------------------------------------------------------

    def _home(self, request: Request) -> None:
        request.answer(encode(self.home))

    def _environment(self, request: Request, names: Iterable[str]) -> None:
        found = {name: os.environb[name.encode()] for name in names if name in self.policy.env and name in os.environ}
        request.answer(encode(found))

    def _time(self, request: Request) -> None:
        if self.policy.time:
            request.answer(encode(time.time_ns()))
        else:
            request.refuse(errno.EACCES)


def _nobody(action: Callable[[Message], None]) -> None:
    """For a service that is asked directly."""


def _serve(function: Callable[..., None], request: Request, arguments: tuple[Any, ...]) -> None:
    """Whatever goes wrong is an answer, so that no routine waits for ever."""
    try:
        function(request, *arguments)
    except OSError as error:
        request.refuse(error)
    except (ValueError, OverflowError):
        request.refuse(errno.EINVAL)
    except MemoryError:
        request.refuse(errno.ENOMEM)


def abandoned(request: Request) -> None:
    """The answer to what nobody waits for any more."""
    request.refuse(errno.ECANCELED)
