"""The home of crossing channels: the host owns them and arbitrates; the enclave's operations wait beside its own.

Host world. One Home for each enclave; its `on_...` functions are called by whoever dispatches the enclave's messages.
What comes from there is hostile: ids are looked up, values validated, before anything is done. The rules are in
docs/explanation/protocol.md.
"""

from __future__ import annotations

import random
import threading
import weakref
from collections.abc import Callable
from typing import Any

from gotee.boundary.canonical import Elements, same_elements
from gotee.boundary.crossing import Crossed, ValueCodec
from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.messages import Kind, Message, WireCase, pack, pack_capacity, pack_error, unpack_cases
from gotee.errors import BoundaryTypeError, ChannelClosed
from gotee.runtime.channel import Chan, Encoded
from gotee.runtime.partners import RemoteWaiter, attempt

PlacedCase = tuple[int, Chan[Any], Encoded | None]  # the case's number; None receives
MOST_CASES = 65_536
_random = random.SystemRandom()


class Home:
    """Every channel that one enclave has a handle of, and every operation of the enclave that waits here."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._channels: dict[int, Chan[Any]] = {}  # those that the enclave has a handle of
        self._handles: dict[int, int] = {}  # how often each crossed, less what was released
        self._counting = threading.Lock()  # callers on any thread, and who dispatches
        self._numbers: weakref.WeakKeyDictionary[Chan[Any], int] = weakref.WeakKeyDictionary()
        self._next = 1
        self._waiting: dict[int, RemoteWaiter] = {}
        self._last_op = 0

    # -- handles ----------------------------------------------------------------------------------

    def number(self, channel: Chan[Any], elements: Elements) -> int:
        """The number by which messages name a channel; from now on it holds values encoded as `elements`."""
        if channel.outside is not None:
            raise BoundaryTypeError(f"{channel} belongs to another world")
        if channel.codec is None:
            known = channel.element is None or same_elements(channel.element, elements.annotation)
            channel.cross(ValueCodec(elements, self, None if known else channel.check))
        crossed = channel.codec
        assert isinstance(crossed, ValueCodec)
        if crossed.elements is not elements and crossed.elements.text != elements.text:
            raise BoundaryTypeError(
                f"{channel} crossed as {crossed.elements.name} before, so it cannot cross as {elements.name}: "
                "annotate it the same in both places"
            )
        number = self._numbers.get(channel)
        if number is None:
            number = self._numbers[channel] = self._next
            self._next += 1
        return number

    def channel(self, number: int, elements: Elements) -> Chan[Any]:
        """The channel that the enclave names in a value."""
        return self._known(number)

    def refuse(self, numbers: list[int]) -> None:
        """A value of the enclave cannot be built: the channels that it names are ours, and nothing is to do."""

    def crosses(self, value: Encoded) -> bytes:
        """The bytes of a value that leaves for the enclave, which gets a handle of each channel in it."""
        crossed: Crossed = value.data
        if crossed.channels:
            with self._counting:
                for number, channel in crossed.channels.items():
                    self._channels[number] = channel
                    self._handles[number] = self._handles.get(number, 0) + 1
        return crossed.payload

    def _known(self, number: int) -> Chan[Any]:
        channel = self._channels.get(number)
        if channel is None:
            raise LinkCorrupt(f"the enclave named channel {number}, of which it has no handle")
        return channel

    def on_release(self, message: Message) -> None:
        """RELEASE: the enclave dropped a handle that had crossed `argument` times."""
        with self._counting:
            left = self._handles.get(message.id, 0) - message.argument
            if left < 0 or message.argument == 0:
                raise LinkCorrupt(f"the enclave released channel {message.id} more often than it got it")
            if left:
                self._handles[message.id] = left
            else:
                del self._handles[message.id], self._channels[message.id]

    # -- operations ---------------------------------------------------------------------------------

    def on_want(self, message: Message) -> None:
        """WANT(op, ch)."""
        self._arrive(message.id, [WireCase(message.argument, None)], wait=True)

    def on_offer(self, message: Message) -> None:
        """OFFER(op, ch, value)."""
        self._arrive(message.id, [WireCase(message.argument, message.payload)], wait=True)

    def on_select(self, message: Message) -> None:
        """SELECT(op, nonblocking, cases)."""
        self._arrive(message.id, unpack_cases(message.payload, MOST_CASES), wait=not message.argument)

    def on_cancel(self, message: Message) -> None:
        """CANCEL(op): answered by CANCELLED, or not at all, because the operation's answer is on its way."""
        waiter = self._waiting.get(message.id)
        if waiter is None:
            if message.id > self._last_op:
                raise LinkCorrupt(f"the enclave cancelled operation {message.id}, which it never began")
        elif waiter.withdraw():
            self._waiting.pop(message.id, None)
            self._send(pack(Kind.CANCELLED, message.id))

    def on_close(self, message: Message) -> None:
        """CLOSE(op, ch)."""
        self._new_op(message.id)
        try:
            self._known(message.argument).close()
        except ChannelClosed as error:
            self._send(pack(Kind.ERROR, message.id, 0, pack_error("ChannelClosed", str(error))))
        else:
            self._send(pack(Kind.OK, message.id))

    def on_length(self, message: Message) -> None:
        """LEN(op, ch): answered with the length, and with the capacity, which a handle does not carry."""
        self._new_op(message.id)
        channel = self._known(message.argument)
        self._send(pack(Kind.LENGTH, message.id, len(channel), pack_capacity(channel.capacity)))

    def lose(self) -> None:
        """The enclave is gone: its operations leave all queues, then its channels drain and raise EnclaveLost."""
        for waiter in list(self._waiting.values()):
            waiter.withdraw()
        self._waiting.clear()
        for channel in list(self._channels.values()):
            channel.lose()
        self._channels.clear()
        self._handles.clear()

    def _new_op(self, op: int) -> None:
        if op <= self._last_op:
            raise LinkCorrupt(f"the enclave used operation id {op} again")
        self._last_op = op

    def _arrive(self, op: int, cases: list[WireCase], *, wait: bool) -> None:
        """An operation of the enclave: done at once, refused, or waiting beside our own."""
        self._new_op(op)
        placed: list[PlacedCase] = []
        try:
            for index, case in enumerate(cases):
                channel = self._known(case.channel)
                placed.append((index, channel, self._validated(channel, case.value)))
        except BoundaryTypeError as error:
            self._send(pack(Kind.ERROR, op, 0, pack_error("BoundaryTypeError", str(error))))
            return
        if len(placed) > 1:
            _random.shuffle(placed)  # fair among the ready
        waiter = RemoteWaiter(op, self._answer_waiter) if wait else None
        if waiter is not None:
            self._waiting[op] = waiter  # before it stands in a queue: another thread may fire it at once
        done = attempt(placed, waiter)
        if done is not None:
            self._waiting.pop(op, None)
            self._answer(op, *done)
        elif not wait:
            self._send(pack(Kind.NONE, op))

    def _validated(self, channel: Chan[Any], value: bytes | None) -> Encoded | None:
        if value is None:
            return None
        codec = channel.codec
        assert isinstance(codec, ValueCodec)  # every channel with a handle has crossed
        return codec.received(value)

    def _answer_waiter(self, waiter: RemoteWaiter) -> None:
        self._waiting.pop(waiter.op, None)
        self._answer(waiter.op, waiter.index, waiter.value, waiter.ok)

    def _answer(self, op: int, case: int, value: Encoded | None, ok: bool) -> None:
        if not ok:
            self._send(pack(Kind.CLOSED, op, case))
        elif value is None:
            self._send(pack(Kind.TAKEN, op, case))
        else:
            self._send(pack(Kind.GRANT, op, case, self.crosses(value)))
