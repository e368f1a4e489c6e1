"""A running enclave, as the host sees it. Host world.

A service thread receives the enclave's messages and acts on them; any thread may start calls and use channels. When the
link ends, everybody who waits for the enclave is told at once.
"""

from __future__ import annotations

import atexit
import itertools
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from gotee.boundary.crossing import CallCodec
from gotee.boundary.frames import LinkError
from gotee.boundary.home import Home
from gotee.boundary.limits import FrameError
from gotee.boundary.messages import FROM_ENCLAVE, Kind, Message, pack, unpack, unpack_error
from gotee.boundary.wire import Wire
from gotee.errors import BoundaryTypeError, Cancelled, EnclaveLost, Overloaded, SecuredRoutineError
from gotee.host.lead import Lead, Seat
from gotee.host.start import Started
from gotee.runtime.parking import Ticket
from gotee.runtime.routine import Routine
from gotee.runtime.scheduler import scheduler_of_this_thread

T = TypeVar("T")
GOODBYE = 2.0  # seconds that an enclave gets at exit to send what it has printed


class SecuredRoutine(Routine[T]):
    """The handle of a routine that runs in an enclave."""

    def __init__(self, call: int, name: str, codec: CallCodec, enclave: Enclave) -> None:
        self.name_it(name, call)
        self._codec = codec
        self._enclave = enclave

    def cancel(self) -> bool:
        """Ask the enclave to stop the routine at its next park. False if it is done already."""
        if self.done():
            return False
        self._enclave.send(pack(Kind.CANCEL_CALL, self.number))
        return True

    def decode(self, payload: bytes) -> T:
        """The result from the enclave."""
        value: T = self._codec.result(payload)
        return value


class Enclave:
    """One running enclave and everything of this process that waits for it."""

    def __init__(self, started: Started) -> None:
        self._started = started
        self._wire = Wire(started.link)
        self._home = Home(self._wire.send)
        self._calls: dict[int, SecuredRoutine[Any]] = {}
        self._numbers = itertools.count(1)
        self._codecs: dict[Callable[..., Any], CallCodec] = {}
        self._starting = threading.Lock()
        self._ready: Ticket[None] = Ticket()
        self._actions: dict[Kind, Callable[[Message], None]] = {
            Kind.READY: self._on_ready,
            Kind.RESULT: self._on_end,
            Kind.FAILED: self._on_end,
            Kind.REFUSED: self._on_end,
            Kind.CALL_CANCELLED: self._on_end,
            Kind.CONSOLE: self._on_console,
            Kind.WANT: self._home.on_want,
            Kind.OFFER: self._home.on_offer,
            Kind.SELECT: self._home.on_select,
            Kind.CANCEL: self._home.on_cancel,
            Kind.CLOSE: self._home.on_close,
            Kind.LEN: self._home.on_length,
            Kind.RELEASE: self._home.on_release,
        }
        self.lost: str | None = None
        self._stopping = False
        self._process = os.getpid()
        self._lead = Lead(self._wire, self._dispatch)
        self._service = threading.Thread(target=self._serve, name="gotee-link", daemon=True)
        self._service.start()
        atexit.register(self.stop)
        os.register_at_fork(after_in_child=self._forget)

    # -- calls ----------------------------------------------------------------------------------------

    def wait_ready(self) -> None:
        """Wait until the enclave serves; raises EnclaveLost if it ended before."""
        self.seat()
        self._ready.wait("the enclave to start", None)
        if self.lost is not None:
            raise EnclaveLost(self.lost)

    def call(self, entry: int, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Routine[T]:
        """Start an entry. Raises BoundaryTypeError, with nothing sent, if an argument cannot cross."""
        self.seat()
        codec = self._codecs.get(function)
        if codec is None:
            codec = self._codecs[function] = CallCodec(function, self._home)
        arguments = codec.encode_arguments(args, kwargs)
        with self._starting:  # the enclave wants calls in the order of their numbers
            number = next(self._numbers)
            routine: SecuredRoutine[T] = SecuredRoutine(number, function.__qualname__, codec, self)
            self._calls[number] = routine
            self.send(pack(Kind.CALL, number, entry, self._home.crosses(arguments)))
        if self.lost is not None and self._calls.pop(number, None) is not None:
            routine.finish(None, EnclaveLost(self.lost))
        return routine

    def send(self, frame: bytes) -> None:
        """Send a message; after the end of the enclave it goes nowhere."""
        self._wire.send(frame)

    # -- the service thread -----------------------------------------------------------------------------

    def seat(self) -> None:
        """The calling thread sleeps with this enclave's link from now on."""
        scheduler = scheduler_of_this_thread()
        if scheduler.sleeper is None and self.lost is None:
            scheduler.sleep_with(Seat(self._lead, scheduler))

    def _serve(self) -> None:
        """The service thread, which also notices the end."""
        self._lead.serve()
        with self._lead.baton:
            if self.lost is None:
                self._end("the enclave ended")
        self._started.platform.wait()

    def _dispatch(self, enough: Callable[[], bool]) -> None:
        """Act on what has arrived; the caller leads. It may stop as soon as it has what it waits for."""
        try:
            while (frame := self._wire.receive()) is not None:
                message = unpack(frame, FROM_ENCLAVE)
                self._actions[message.kind](message)
                if enough():
                    return
        except (LinkError, FrameError, Overloaded, BoundaryTypeError) as error:
            self._wire.ended = True
            self._end(f"the enclave broke the protocol and was stopped: {error}")
        else:
            if self._wire.ended and self.lost is None:
                self._end("the enclave ended")

    def _end(self, reason: str) -> None:
        """The enclave is gone, or has to go: its platform kills it when our control socket closes."""
        self.lost = reason
        self._started.control.close()
        self._wire.close()
        for number in list(self._calls):
            routine = self._calls.pop(number, None)
            if routine is not None:
                if self._stopping:  # as in Go, the program's end ends what runs: nobody has to ask for it
                    routine.mark_observed()
                routine.finish(None, EnclaveLost(reason))
        self._home.lose()
        self._ready.give(None)

    def _on_ready(self, message: Message) -> None:
        self._ready.give(None)

    def _on_console(self, message: Message) -> None:
        stream = sys.stderr if message.id == 2 else sys.stdout
        if stream is not None:
            try:
                stream.write(message.payload.decode("utf-8", "backslashreplace"))
                stream.flush()
            except (OSError, ValueError):
                pass  # nobody reads it any more: what is printed is dropped, and the link goes on

    def _on_end(self, message: Message) -> None:
        routine = self._calls.pop(message.id, None)
        if routine is None:
            raise LinkError(f"the enclave ended call {message.id}, which is not running")
        if message.kind is Kind.RESULT:
            try:
                routine.finish(routine.decode(message.payload), None)
            except BoundaryTypeError as error:
                routine.finish(None, error)
        elif message.kind is Kind.CALL_CANCELLED:
            routine.finish(None, Cancelled())
        else:
            kind, text = unpack_error(message.payload)
            if message.kind is Kind.REFUSED:
                routine.finish(None, BoundaryTypeError(text, kind))
            else:
                routine.finish(None, SecuredRoutineError(f"{kind}: {text}" if text else kind, kind, text))

    # -- the end ---------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the enclave: what it has printed so far is shown first."""
        if os.getpid() != self._process:
            return
        atexit.unregister(self.stop)
        self._stopping = True
        if self._service.is_alive():
            self._wire.send(pack(Kind.STOP))
            self._service.join(GOODBYE)
        self._started.control.close()
        self._started.platform.wait()

    def _forget(self) -> None:
        """In a forked child: the enclave is the parent's."""
        if self.lost is None:
            self.lost = "the enclave belongs to the process that forked this one"
            self._wire.poison()
            for routine in self._calls.values():
                routine.mark_observed()  # the parent reports it
                routine.finish(None, EnclaveLost(self.lost))
            self._calls.clear()
            self._home.lose()
