"""The ecall server: the enclave's only door. Enclave world.

Every message of the host comes here. An entry may be called at any time with any arguments of its types; whatever else
arrives is an attack or a defect of the host, and ends the enclave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gotee.boundary.crossing import CallCodec
from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.messages import FROM_HOST, Kind, Message, pack, pack_error, unpack
from gotee.boundary.outside import OutsideChannels
from gotee.boundary.wire import Wire
from gotee.enclave.console import Console
from gotee.errors import BoundaryTypeError, message_of
from gotee.runtime import selecting
from gotee.runtime.parking import Ticket
from gotee.runtime.partners import RemoteWaiter
from gotee.runtime.routine import Routine, spawn
from gotee.runtime.scheduler import scheduler_of_this_thread


class _Stop(Exception):
    """SystemExit or KeyboardInterrupt of a secured routine: it failed; the enclave goes on."""


def _run(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return function(*args, **kwargs)
    except (SystemExit, KeyboardInterrupt) as stop:
        raise _Stop(type(stop).__name__, str(stop)) from stop


class Server:
    """Serves the entries of one image over one link.

    From its making on, the console is the host's: the program's modules are imported after that.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._console = Console(wire.send)
        self._channels = OutsideChannels(self._send)
        self._functions: list[Callable[..., Any]] = []
        self._entries: list[CallCodec] = []
        self._calls: dict[int, Routine[Any]] = {}
        self._last_call = 0
        self._ended: Ticket[None] = Ticket()

    def serve(self, table: Sequence[Callable[..., Any]]) -> None:
        """Answer the host until the link ends; `table` is the image's fixed table of entries."""
        self._functions = list(table)
        self._entries = [CallCodec(function, self._channels) for function in table]
        selecting.set_hooks(self._channels.select)
        scheduler_of_this_thread().sleep_with(self)
        self._send(pack(Kind.READY))
        self._ended.wait("ecalls", None)
        self._console.flush()
        self._wire.drain()

    # -- the scheduler sleeps here ------------------------------------------------------------------

    def wait(self, seconds: float | None) -> None:
        """Sleep until the host sends something, at most `seconds`."""
        self._console.flush()
        if not self._dispatch_all():
            self._wire.wait(seconds)
            self._dispatch_all()

    def poll(self) -> None:
        """Act on what has arrived."""
        self._dispatch_all()

    def notify(self) -> None:
        """End a `wait` early."""
        self._wire.wake()

    def _dispatch_all(self) -> bool:
        busy = False
        while (frame := self._wire.receive()) is not None:
            busy = True
            self._dispatch(unpack(frame, FROM_HOST))
        if self._wire.ended and not self._ended.answered:
            self._ended.give(None)
            busy = True
        return busy

    # -- messages --------------------------------------------------------------------------------------

    def _send(self, frame: bytes) -> None:
        self._console.flush()  # what was printed before this message is seen before it
        self._wire.send(frame)

    def _dispatch(self, message: Message) -> None:
        if message.kind is Kind.CALL:
            self._on_call(message)
        elif message.kind is Kind.STOP:
            self._ended.give(None)
        elif message.kind is Kind.CANCEL_CALL:
            routine = self._calls.get(message.id)
            if routine is not None:  # else its result is on its way
                routine.cancel()
        else:
            self._channels.on_answer(message)

    def _on_call(self, message: Message) -> None:
        if message.id <= self._last_call or message.argument >= len(self._entries):
            raise LinkCorrupt(f"call {message.id} of entry {message.argument} cannot be")
        self._last_call = message.id
        function = self._functions[message.argument]
        try:
            args, kwargs = self._entries[message.argument].arguments(message.payload)
        except BoundaryTypeError as error:
            self._send(pack(Kind.REFUSED, message.id, 0, pack_error(error.path, error.reason)))
            return
        routine = spawn(_run, (function, args, kwargs), {}, name=function.__qualname__)
        self._calls[message.id] = routine
        codec = self._entries[message.argument]
        routine.watch(RemoteWaiter(message.id, lambda waiter: self._on_done(waiter.op, codec)))

    def _on_done(self, call: int, codec: CallCodec) -> None:
        routine = self._calls.pop(call)
        routine.mark_observed()
        error = routine.exception
        if routine.cancelled:
            self._send(pack(Kind.CALL_CANCELLED, call))
        elif isinstance(error, _Stop):
            self._send(pack(Kind.FAILED, call, 0, pack_error(*error.args)))
        elif error is not None:
            self._send(pack(Kind.FAILED, call, 0, pack_error(type(error).__qualname__, message_of(error))))
        else:
            try:
                payload = codec.encode_result(routine.outcome())
            except BoundaryTypeError as refused:
                self._send(pack(Kind.REFUSED, call, 0, pack_error(refused.path, refused.reason)))
            else:
                self._send(pack(Kind.RESULT, call, 0, payload))
