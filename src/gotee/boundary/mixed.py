"""select over channels of both worlds at once, inside: two arbiters, and only one may serve it.

Enclave world; called by gotee.boundary.outside. An operation that waits outside is taken back (CANCEL) before a trusted
partner may have it; an answer of the host that was on its way wins. States and rules: docs/explanation/protocol.md,
whose model, tests/protocol/model_enclave.py, this follows. Everything here runs on the enclave's one thread, and every
answer is acted on where it is delivered (rule 1).
"""

from __future__ import annotations

from time import monotonic

from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.messages import Kind, Message
from gotee.errors import Cancelled, ChannelClosed
from gotee.runtime.channel import Chan
from gotee.runtime.parking import Ticket, cancel_again
from gotee.runtime.partners import RemoteWaiter
from gotee.runtime.selecting import (
    Recv,
    Selected,
    Send,
    attempt,
    claimable,
    enqueue,
    pack,
    prepare,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Cases = tuple[Recv[Any] | Send[Any], ...]
    Ask = Callable[["MixedSelect", list[int], bool], int]

NOTHING = Selected(-1, None, None, False)


class MixedSelect:
    """One select inside, any of whose cases may be outside, or which claims another that is outside.

    `trusted` is the tuple of cases with the crossing ones blanked, so that places stay; `crossing` lists the places of
    the others. `ask(self, places, nonblocking)` sends the question and returns its number; `cancel(op)` takes it back.
    """

    def __init__(
        self, cases: Cases, crossing: list[int], default: bool, ask: Ask, cancel: Callable[[int], None]
    ) -> None:
        self.cases = cases
        self.crossing = crossing
        outside = set(crossing)
        self.trusted: Cases = tuple(Recv(None) if i in outside else case for i, case in enumerate(cases))
        self._default = default
        self._ask, self._cancel = ask, cancel
        self._op: int | None = None
        self._covers: list[int] = []
        self._cancelling = False
        self._leaving = False
        self._claimants: list[MixedSelect] = []  # those that wait until this one has come back
        self._waiter: RemoteWaiter | None = None  # while it stands in trusted queues
        self._ticket: Ticket[Selected | BaseException] = Ticket()

    def run(self, timeout: float | None) -> Selected:
        """Do it; called by its routine. Raises TimeoutError, Cancelled, ChannelClosed."""
        deadline = None if timeout is None else monotonic() + timeout
        pack(self.trusted)
        self._begin()
        cancelled: Cancelled | None = None
        expired = False
        try:
            expired = not self._ticket.wait("select", self.cases, deadline)
        except Cancelled as error:
            cancelled = error
        if cancelled is not None or expired:
            if not self._ticket.answered:
                self._ticket = Ticket()
                self._leave()
                self._ticket.wait("select", self.cases, shielded=True)
            if cancelled is not None:
                if self._ticket.answer is NOTHING:
                    raise cancelled
                cancel_again()
            elif self._ticket.answer is NOTHING:
                raise TimeoutError(f"no case of select was ready within {timeout} seconds")
        answer = self._ticket.answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    # -- deciding: whenever it has no operation outside and claims nobody ------------------------------

    def _begin(self) -> None:
        """Rule 8: crossing cases that a random order puts before the first ready trusted one are tried first."""
        if self.crossing and _can_go(self.trusted):
            import random  # most programs never come here

            order = random.SystemRandom().sample(range(len(self.cases)), len(self.cases))
            first = next(place for place, i in enumerate(order) if _can_go((self.trusted[i],)))
            crossing = set(self.crossing)
            drawn = [i for i in order[:first] if i in crossing]
            if drawn:
                self._outside(drawn, nonblocking=True)
                return
        self._advance(refused=[])

    def _advance(self, refused: list[int]) -> None:
        """`refused`: the crossing cases that the answer being handled found not ready."""
        if self._ticket.answered or self._try_inside():
            return
        claimed = [] if self._leaving else claimable(self.trusted)
        if claimed:
            claimed[0].claim(self)  # held behind the claim: in no queue, so nobody meets us meanwhile (rule 6)
        elif not self._default and not self._leaving:
            self._park()
        elif set(self.crossing) <= set(refused):
            self._end(NOTHING)  # rule 2: one NONE covers all, and nothing inside is ready or claimed
        else:
            self._outside(self.crossing, nonblocking=True)

    def _try_inside(self) -> bool:
        if self._waiter is not None:
            self._waiter.leave_queues()  # it must not meet itself
        try:
            done = attempt(self.trusted)
        except ChannelClosed as error:
            self._end(error)
            return True
        if done is not None:
            self._end(done)
        return done is not None

    def _park(self) -> None:
        """Stand in the trusted queues and in the host's."""
        if self._waiter is None:
            self._waiter = RemoteWaiter(0, self._met)
        prepare(self.trusted, self._waiter)
        enqueue(self.trusted, self._waiter)
        if self.crossing:
            self._outside(self.crossing, nonblocking=False)
            self._waiter.outside = self

    def _outside(self, places: list[int], *, nonblocking: bool) -> None:
        self._covers = places
        self._cancelling = False
        self._op = self._ask(self, places, nonblocking)

    # -- partners ----------------------------------------------------------------------------------------

    def nudge(self) -> None:
        """A trusted partner, or a close, has come: take the operation back, then look (rules 3 and 4)."""
        if self._op is not None and not self._cancelling:
            self._cancelling = True
            self._cancel(self._op)

    def claim(self, claimant: MixedSelect) -> None:
        """A partner that we cannot meet yet waits until this one has come back, or is gone."""
        self._claimants.append(claimant)
        self.nudge()

    def _met(self, waiter: RemoteWaiter) -> None:
        """A trusted partner fired us: we had nothing outside."""
        case = self.cases[waiter.index]
        if waiter.ok or isinstance(case, Recv):
            self._end(Selected(waiter.index, case.channel, waiter.value, waiter.ok))
        else:
            self._end(ChannelClosed(f"channel {case.channel} was closed while select waited to send on it"))

    # -- answers of the host -------------------------------------------------------------------------------

    def answer(self, message: Message, result: Selected | BaseException | None) -> None:
        """The answer to our question; `result` is what it means for the routine, None for NONE and CANCELLED."""
        self._op = None
        cancelled, self._cancelling = self._cancelling, False
        if self._waiter is not None:
            self._waiter.outside = None
        if result is not None:
            self._end(result)
        elif message.kind is Kind.NONE:
            self._advance(refused=self._covers)
        elif cancelled:
            self._come_back()
        else:
            raise LinkCorrupt(f"operation {message.id} was cancelled by nobody")

    def _come_back(self) -> None:
        """CANCELLED: nothing of us is outside. Those that claimed us go first, then we look, or go out again."""
        claimants, self._claimants = self._claimants, []
        for claimant in claimants:
            claimant._advance(refused=[])
        if not self._ticket.answered:
            self._advance(refused=self._covers)

    # -- the end ---------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        """Timeout or cancel (rule 5): the operation is taken back; what was on its way still counts."""
        self._leaving = True
        if self._waiter is not None:
            self._waiter.leave_queues()
            self._rematch()
        if self._op is not None:
            self.nudge()
        elif not self._ticket.answered:
            self._end(NOTHING)

    def _end(self, result: Selected | BaseException) -> None:
        if self._waiter is not None:
            self._waiter.outside = None
            self._waiter.withdraw()
        if not self._ticket.answered:
            self._ticket.give(result)
        claimants, self._claimants = self._claimants, []
        for claimant in claimants:
            claimant._advance(refused=[])
        self._rematch()

    def _rematch(self) -> None:
        """Our place in trusted queues is free: whoever waited behind us is matched again (rule 3)."""
        for channel in _channels(self.trusted):
            channel.rematch()


def _can_go(cases: Cases) -> bool:
    return any(
        case.channel is not None and (case.channel.can_send() if isinstance(case, Send) else case.channel.can_recv())
        for case in cases
    )


def _channels(cases: Cases) -> set[Chan[Any]]:
    return {case.channel for case in cases if case.channel is not None}
