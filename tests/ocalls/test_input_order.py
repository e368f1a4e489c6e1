"""What comes from the host once only comes inside in its order, none lost: every interleaving is tried."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

import pytest

from gotee import Routine, go
from gotee.boundary.messages import Kind
from gotee.boundary.ocalls import Ocall, encode
from gotee.enclave.arrivals import Arrivals
from gotee.errors import Cancelled
from gotee.runtime.scheduler import yield_now

from .test_lying_host import Host, asking

STEPS = ("read", "run", "stop", "line", "abandon")
DEPTH = 8
READERS = 3


class World:
    """Readers inside, and a host that answers their questions in order, each with the next line."""

    def __init__(self) -> None:
        self.host = Host()
        self.pieces = Arrivals(self.host.ocalls, Ocall.INPUT, lambda size: encode((size,)))
        self.seen = 0
        self.questions: deque[int] = deque()  # that the host has, in their order
        self.abandons: deque[int] = deque()  # on their way to it
        self.readers: list[Routine[None]] = []
        self.stopped = 0
        self.got: list[bytes] = []
        self.given = 0

    def read(self) -> None:
        self.got.append(self.pieces.take(100))

    def can(self, step: str) -> bool:
        return {
            "read": True,
            "run": bool(self.readers),
            "stop": self.stopped < len(self.readers),
            "line": bool(self.questions),
            "abandon": bool(self.abandons),
        }[step]

    def do(self, step: str) -> None:
        if step == "read":
            self.readers.append(go(self.read))
        elif step == "run":
            yield_now()
        elif step == "stop":
            self.readers[self.stopped].cancel()
            self.stopped += 1
        elif step == "line":
            self.given += 1
            self.host.say(b"%d" % self.given, number=self.questions.popleft())
        else:
            number = self.abandons.popleft()
            if number in self.questions:
                self.questions.remove(number)
                self.host.say(b"", error=errno.ECANCELED, number=number)
        for kind, number, _, _ in self.host.asked[self.seen :]:
            (self.questions if kind == Kind.OCALL else self.abandons).append(number)
        self.seen = len(self.host.asked)

    def leave(self) -> None:
        """No reader stays behind."""
        for each in self.readers:
            each.cancel()
        for each in self.readers:
            with suppress(Cancelled):
                each.result()

    def finish(self) -> None:
        """All that is on its way arrives; then who still waits, and one more, get lines."""
        for step in ("run", "run", "abandon", "run"):
            while self.can(step):
                self.do(step)
                if step == "run":
                    break
        waiting = sum(not each.done() for each in self.readers)
        assert len(self.questions) == waiting
        while len(self.got) < self.given or self.questions:
            if not self.questions:
                self.do("read")
            self.do("run")
            if self.can("line"):
                self.do("line")
            self.do("run")


def interleavings(steps: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], World]]:
    """All of DEPTH steps that can be done, with at most READERS readers, each with a world in which they were."""
    world = World()
    for step in steps:
        world.do(step)
    if len(steps) == DEPTH:
        yield steps, world
        return
    possible = [step for step in STEPS if world.can(step) and (step != "read" or len(world.readers) < READERS)]
    world.leave()
    for step in possible:
        yield from interleavings((*steps, step))


def test_every_interleaving_of_readers_stops_lines_and_answers_keeps_the_order_of_lines() -> None:
    tried = 0
    for steps, world in interleavings():
        tried += 1
        world.finish()
        assert world.got == [b"%d" % number for number in range(1, world.given + 1)], steps
        world.leave()
    assert tried > 1_000


def test_the_rest_of_a_line_goes_to_who_waits_and_the_questions_are_called_off() -> None:
    world = World()
    take = world.pieces.take
    stopped = asking(world.host, lambda: take(100))
    number = world.host.asked[-1][1]
    stopped.cancel()
    with pytest.raises(Cancelled):
        stopped.result()
    first, second = asking(world.host, lambda: take(2)), asking(world.host, lambda: take(100))
    world.host.say(b"one\n", number=number)  # it crossed the cancel
    assert (first.result(), second.result()) == (b"on", b"e\n")
    assert [kind for kind, *_ in world.host.asked] == [Kind.OCALL, Kind.ABANDON, Kind.OCALL, Kind.OCALL] + 2 * [
        Kind.ABANDON
    ]


def test_an_error_of_the_host_is_raised_where_a_line_was_awaited() -> None:
    world = World()
    routine = asking(world.host, lambda: world.pieces.take(1))
    world.host.say(b"", error=errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        routine.result()
