"""What waits for room on a link is bounded: those who begin operations are told to wait, and when to go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from gotee.boundary import links
from gotee.boundary.frames import Gather
from gotee.boundary.home import Home
from gotee.boundary.link import QUEUE_BYTES
from gotee.boundary.messages import Kind
from gotee.boundary.wire import Wire
from gotee.host.lead import Lead

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


def next_payload(near: Wire, far: Wire) -> bytes:
    """What arrives next, whichever way it was cut; the sender sends what it has queued meanwhile."""
    while (frame := far.receive()) is None:
        near.wait(0)
    return frame[17:] if isinstance(frame, bytes) else frame.rest


def test_what_is_gathered_arrives_as_it_was_when_it_was_sent(wires: tuple[Wire, Wire]) -> None:
    """Nobody takes it, so the link gets a part and the rest waits in a copy."""
    near, far = wires
    parts = (b"head", bytearray(MEGABYTE), b"", bytearray(MEGABYTE))
    near.post(Kind.TAKEN, 1, 0, b"before")
    near.post_gather(Kind.GRANT, 2, 0, Gather(parts))
    near.post_gather(Kind.GRANT, 3, 0, Gather((b"small", b"")))
    near.post(Kind.GRANT, 4, 0, MEGABYTE)
    for part in parts[1::2]:
        part[:] = b"\1" * len(part)
    assert next_payload(near, far) == b"before"
    assert next_payload(near, far) == b"head" + 2 * MEGABYTE
    assert next_payload(near, far) == b"small"
    assert next_payload(near, far) == MEGABYTE


def test_what_is_large_passes_what_is_large_the_other_way(wires: tuple[Wire, Wire]) -> None:
    """Each side sends from a thread while it receives: neither waits for ever for the other's room."""
    got: list[list[int]] = [[], []]

    def send_and_take(own: Wire, place: int) -> None:
        for number in range(8):
            own.post_gather(Kind.GRANT, number, 0, Gather((bytes([number]), MEGABYTE, MEGABYTE)))
        while len(got[place]) < 8:
            frame = own.receive()
            if frame is None:
                own.wait(0.001)
            else:
                got[place].append((frame[17:] if isinstance(frame, bytes) else frame.rest)[0])
        own.drain()

    threads = [threading.Thread(target=send_and_take, args=(wire, place)) for place, wire in enumerate(wires)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert got == [list(range(8))] * 2


def test_a_link_that_is_closed_while_it_copies_ends_the_copy(wires: tuple[Wire, Wire]) -> None:
    near, far = wires
    thread = threading.Thread(target=near.post_gather, args=(Kind.GRANT, 1, 0, Gather((bytes(8 << 20),))))
    thread.start()
    far.wait(60)  # the first piece is there: the sender copies, or waits for room
    near.close()
    thread.join(60)
    assert not thread.is_alive()


def test_a_message_whose_action_ends_the_link_is_the_last(wires: tuple[Wire, Wire]) -> None:
    near, far = wires
    acted: list[object] = []

    def end(message: object) -> None:
        acted.append(message)
        near.close()

    far.post(Kind.UNREADY, 0, 0, b"first")
    far.post(Kind.UNREADY, 0, 0, b"second")
    Lead(near, None, Home(near), {Kind.UNREADY: end}, lambda reason: None).serve()  # as the service thread does
    assert len(acted) == 1
