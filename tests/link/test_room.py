"""What waits for room on a link is bounded: those who begin operations are told to wait, and when to go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gotee.boundary import links
from gotee.boundary.link import QUEUE_BYTES
from gotee.boundary.wire import Wire

MEGABYTE = bytes(1 << 20)


@pytest.fixture(params=links.KINDS)
def wires(request: pytest.FixtureRequest) -> Iterator[tuple[Wire, Wire]]:
    link, descriptors = links.create(request.param)
    near, far = Wire(link), Wire(links.attach(descriptors))
    yield near, far
    near.close()
    far.close()


def fill(wire: Wire) -> int:
    """Send until the wire says that it is full; how many megabytes that took."""
    for sent in range(1, 1000):
        wire.send(MEGABYTE)
        if wire.full:
            return sent
    raise AssertionError("never full")


def take(near: Wire, far: Wire, count: int) -> None:
    received = 0
    while received < count:
        if far.receive() is not None:
            received += 1
        near.wait(0)


def test_a_wire_is_full_at_its_limit_and_goes_on_when_half_is_sent(wires: tuple[Wire, Wire]) -> None:
    near, far = wires
    sent = fill(near)
    assert QUEUE_BYTES <= near.queued_bytes < QUEUE_BYTES + 2 * len(MEGABYTE)
    told: list[None] = []
    near.when_room(told.append)
    assert told == []
    take(near, far, sent)
    assert told == [None]
    assert not near.full


def test_who_asks_when_there_is_room_is_told_at_once(wires: tuple[Wire, Wire]) -> None:
    told: list[None] = []
    wires[0].when_room(told.append)
    assert told == [None]


@pytest.mark.parametrize("whose", ["own", "peer"])
def test_the_end_of_the_link_lets_everybody_go_on(wires: tuple[Wire, Wire], whose: str) -> None:
    near, far = wires
    fill(near)
    told: list[None] = []
    near.when_room(told.append)
    (near if whose == "own" else far).close()
    for _ in range(3):
        if whose == "peer":
            near.wait(1)
            near.receive()
    assert told == [None]
    assert not near.full
