"""Crossing channels as the enclave sees them: each operation is a question to their home, and one answer.

Enclave world. The server gives every answer to `on_answer`; routines call the rest through Chan and select.
Nothing is taken until it is granted. Timeout and cancel ask CANCEL and wait for what comes: an answer that was on its
way wins, so that no value is lost. An answer that nobody asked for is an attack and ends the enclave.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

from gotee.boundary.canonical import Elements
from gotee.boundary.crossing import Crossed, ValueCodec
from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.limits import in_force
from gotee.boundary.messages import Kind, Message, WireCase, pack, pack_cases, unpack_capacity, unpack_error
from gotee.boundary.mixed import MixedSelect
from gotee.errors import BoundaryTypeError, Cancelled, ChannelClosed, Overloaded, UsageError
from gotee.runtime.channel import Chan, Encoded
from gotee.runtime.parking import Ticket, cancel_again, check_may_block
from gotee.runtime.scheduler import scheduler_of_this_thread
from gotee.runtime.selecting import Recv, Selected, Send

_ANSWERS = {
    Kind.WANT: {Kind.GRANT, Kind.CLOSED, Kind.CANCELLED},
    Kind.OFFER: {Kind.TAKEN, Kind.CLOSED, Kind.CANCELLED, Kind.ERROR},
    Kind.SELECT: {Kind.GRANT, Kind.TAKEN, Kind.CLOSED, Kind.NONE, Kind.CANCELLED, Kind.ERROR},
    Kind.CLOSE: {Kind.OK, Kind.ERROR},
    Kind.LEN: {Kind.LENGTH},
}


class _Op:
    """A question that waits for its answer."""

    def __init__(self, kind: Kind, deliver: Callable[[Message], None]) -> None:
        self.kind = kind
        self.deliver = deliver


class OutsideChannels:
    """Every channel of the host that this enclave has a handle of."""

    def __init__(self, send: Callable[[bytes], None], room: Callable[[], None] = lambda: None) -> None:
        self._send = send
        self._room = room  # parks until there is room for an operation that carries a value
        self._ops: dict[int, _Op] = {}
        self._next_op = itertools.count(1)
        self._ends: weakref.WeakValueDictionary[int, Chan[Any]] = weakref.WeakValueDictionary()
        self._times: dict[int, int] = {}
        self._numbers: weakref.WeakKeyDictionary[Chan[Any], int] = weakref.WeakKeyDictionary()
        self._codecs: weakref.WeakKeyDictionary[Chan[Any], ValueCodec] = weakref.WeakKeyDictionary()
        self._capacities: weakref.WeakKeyDictionary[Chan[Any], int] = weakref.WeakKeyDictionary()

    # -- handles ------------------------------------------------------------------------------------

    def number(self, channel: Chan[Any], elements: Elements) -> int:
        """How the host names a channel that leaves in a value; a channel made in here never leaves."""
        number = self._numbers.get(channel)
        if number is None:
            raise BoundaryTypeError(f"{channel} was made inside the enclave and cannot leave it")
        return number

    def channel(self, number: int, elements: Elements) -> Chan[Any]:
        """Our end of the channel that the host names in a value: the same object as long as somebody has it."""
        end = self._ends.get(number)
        if end is None:
            if len(self._ends) >= in_force().channels:
                raise Overloaded(f"more than {in_force().channels} channels of the host are in use inside")
            end = Chan()
            end.live_outside(self, None if elements.annotation is Any else elements.annotation)
            self._ends[number] = end
            self._numbers[end] = number
            self._codecs[end] = ValueCodec(elements, self)
            weakref.finalize(end, self._release, number).atexit = False
        else:
            known = self._codecs[end].elements
            if known is not elements and known.text != elements.text:
                raise BoundaryTypeError(f"Expected {elements.name}, got {known.name}")
        self._times[number] = self._times.get(number, 0) + 1
        return end

    def refuse(self, numbers: list[int]) -> None:
        """A value of the host cannot be built: it counted these handles of it, which nobody here has got."""
        for number in numbers:
            self._send(pack(Kind.RELEASE, number, 1))

    def crosses(self, value: Encoded) -> bytes:
        """The bytes of a value that leaves for the host."""
        crossed: Crossed = value.data
        return crossed.payload

    def _release(self, number: int) -> None:
        times = self._times.pop(number, 0)
        if times:
            self._send(pack(Kind.RELEASE, number, times))

    # -- what Chan calls ------------------------------------------------------------------------------

    def send(self, channel: Chan[Any], value: Any) -> None:
        """Chan.send."""
        payload = self.crosses(self._codecs[channel].encode(value))
        self._room()
        answer = self._ask(Kind.OFFER, self._numbers[channel], payload, "send", channel)
        if answer.kind is Kind.CLOSED:
            raise ChannelClosed(f"send on closed channel {channel}")

    def recv_ok(self, channel: Chan[Any]) -> tuple[Any, bool]:
        """Chan.recv_ok."""
        answer = self._ask(Kind.WANT, self._numbers[channel], b"", "recv", channel)
        if answer.kind is Kind.CLOSED:
            return None, False
        return self._codecs[channel].arrived(answer.payload), True

    def close(self, channel: Chan[Any]) -> None:
        """Chan.close."""
        self._ask_home(Kind.CLOSE, self._numbers[channel], "close", channel)

    def length(self, channel: Chan[Any]) -> int:
        """len(channel)."""
        return self._ask_home(Kind.LEN, self._numbers[channel], "len", channel).argument

    def capacity(self, channel: Chan[Any]) -> int:
        """channel.capacity: asked once, as it never changes."""
        known = self._capacities.get(channel)
        if known is None:
            answer = self._ask_home(Kind.LEN, self._numbers[channel], "capacity", channel)
            known = self._capacities[channel] = unpack_capacity(answer.payload)
        return known

    def select(self, cases: tuple[Recv[Any] | Send[Any], ...], default: bool, timeout: float | None) -> Selected:
        """select() that meets the other world: in one of its cases, or in a partner that waits outside too."""
        crossing = [i for i, case in enumerate(cases) if case.channel is not None and case.channel in self._numbers]
        values = {i: self._value(cases[i]) for i in crossing}  # what cannot cross is refused before anything is asked
        if not default and timeout is None:
            self._room()

        def ask(select: MixedSelect, places: list[int], nonblocking: bool) -> int:
            wire = [WireCase(self._numbers[_channel(cases[i])], values[i]) for i in places]

            def deliver(message: Message) -> None:
                select.answer(message, self._meaning(cases, places, message))

            return self._question(Kind.SELECT, int(nonblocking), pack_cases(wire), deliver)

        return MixedSelect(cases, crossing, default, ask, self._take_back).run(timeout)

    def _value(self, case: Recv[Any] | Send[Any]) -> bytes | None:
        if isinstance(case, Recv):
            return None
        return self.crosses(self._codecs[_channel(case)].encode(case.value))

    def _meaning(
        self, cases: tuple[Recv[Any] | Send[Any], ...], places: list[int], answer: Message
    ) -> Selected | BaseException | None:
        """What an answer to SELECT means for the routine; None for NONE and CANCELLED."""
        if answer.kind in (Kind.NONE, Kind.CANCELLED):
            return None
        if answer.kind is Kind.ERROR:
            return _error(answer)
        if answer.argument >= len(places):
            raise LinkCorrupt(f"case {answer.argument} of {len(places)} was chosen")
        index = places[answer.argument]
        case, channel = cases[index], _channel(cases[index])
        if answer.kind is Kind.CLOSED:
            if isinstance(case, Send):
                return ChannelClosed(f"select sent on closed channel {channel}")
            return Selected(index, channel, None, False)
        if isinstance(case, Recv) != (answer.kind is Kind.GRANT):
            raise LinkCorrupt(f"{answer.kind.name} answers the wrong kind of case")
        value = self._codecs[channel].arrived(answer.payload) if answer.kind is Kind.GRANT else None
        return Selected(index, channel, value, True)

    # -- questions and answers ------------------------------------------------------------------------

    def on_answer(self, message: Message) -> None:
        """An answer of the host: to a question that is open, and of its kind, or the link is corrupt."""
        op = self._ops.pop(message.id, None)
        if op is None or message.kind not in _ANSWERS[op.kind]:
            raise LinkCorrupt(f"{message.kind.name} for operation {message.id} answers no question")
        op.deliver(message)

    def _question(self, kind: Kind, argument: int, payload: bytes, deliver: Callable[[Message], None]) -> int:
        number = next(self._next_op)
        self._ops[number] = _Op(kind, deliver)
        self._send(pack(kind, number, argument, payload))
        return number

    def _take_back(self, number: int) -> None:
        self._send(pack(Kind.CANCEL, number))

    def _ask(self, kind: Kind, argument: int, payload: bytes, what: str, subject: object) -> Message:
        """Ask, park, and return the answer; a cancel takes the question back unless the answer is on its way."""
        check_may_block(f"await channel.a{what}(...)")
        ticket: Ticket[Message] = Ticket()
        number = self._question(kind, argument, payload, ticket.give)
        cancelled: Cancelled | None = None
        try:
            ticket.wait(what, subject)
        except Cancelled as error:
            cancelled = error
        if cancelled is not None:
            if not ticket.answered:
                ticket = Ticket()
                self._ops[number].deliver = ticket.give
                self._take_back(number)
                ticket.wait(what, subject, shielded=True)
            if ticket.answer.kind is Kind.CANCELLED:
                raise cancelled
            cancel_again()  # the answer was on its way: it counts, and the routine stops at its next park
        elif ticket.answer.kind is Kind.CANCELLED:
            raise LinkCorrupt(f"operation {number} was cancelled by nobody")
        return _checked(ticket.answer)

    def _ask_home(self, kind: Kind, argument: int, what: str, subject: object) -> Message:
        """Ask what the home answers at once: `close` and `len` have no form to await, and cannot be cancelled."""
        ticket: Ticket[Message] = Ticket()
        self._question(kind, argument, b"", ticket.give)
        try:
            check_may_block(f"{what}(...) in a routine")
        except UsageError:  # on a running loop's own stack nobody can park: this thread waits
            sleeper = scheduler_of_this_thread().sleeper
            assert sleeper is not None  # the server's, since its first message
            while not ticket.answered:
                sleeper.wait(None)
        else:
            ticket.wait(what, subject, shielded=True)
        return _checked(ticket.answer)


def _channel(case: Recv[Any] | Send[Any]) -> Chan[Any]:
    assert case.channel is not None
    return case.channel


def _checked(answer: Message) -> Message:
    if answer.kind is Kind.ERROR:
        raise _error(answer)
    return answer


def _error(answer: Message) -> BoundaryTypeError | ChannelClosed:
    kind, text = unpack_error(answer.payload)
    return BoundaryTypeError(text) if kind == "BoundaryTypeError" else ChannelClosed(text)
