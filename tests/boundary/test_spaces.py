"""Spaces between two worlds in one process, message by message: nobody can see that room is lent.

The rules are those of docs/explanation/protocol.md; `tests/protocol/test_lending.py` tries all their interleavings.
"""

from __future__ import annotations

import struct

import pytest
from two_worlds import Worlds

from gotee import Chan, Recv, Send, go, select
from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.limits import FrameError
from gotee.boundary.messages import FROM_HOST, Kind, pack, unpack
from gotee.errors import BoundaryTypeError, ChannelClosed, EnclaveLost
from gotee.runtime.scheduler import yield_now

PLACES, FIRST, SIZE = 16, 0x1000, 0x4000  # of the shared memory: see gotee.boundary.ring


def lent(capacity: int = 8) -> tuple[Worlds, Chan[int], Chan[int]]:
    """A channel that holds a 1 from inside, and whose room is lent there."""
    worlds, channel = Worlds(), Chan[int](capacity)
    inner = worlds.cross(channel)
    assert worlds.send(inner, 1) == [Kind.OFFER]
    return worlds, channel, inner


def place(worlds: Worlds) -> int:
    """Where in the shared memory the only space is that was lent."""
    (found,) = [at for at in range(FIRST, FIRST + PLACES * SIZE, SIZE) if any(worlds.memory[at : at + 8])]
    return found


def test_lent_room_is_filled_without_a_word_and_what_is_in_it_counts() -> None:
    worlds, channel, inner = lent()
    assert worlds.send(inner, 2, 3) == []
    assert len(channel) == 3
    assert worlds.send(inner, 4) == []
    assert [channel.recv() for _ in range(4)] == [1, 2, 3, 4]
    assert len(channel) == 0


def test_a_receiver_that_does_not_wait_finds_what_was_put() -> None:
    worlds, channel, inner = lent()
    assert channel.recv() == 1
    worlds.send(inner, 2, 3)
    assert select(Recv(channel), default=True).value == 2
    assert select(Recv(channel), Recv(Chan[int]()), default=True).value == 3
    assert select(Recv(channel), default=True).index == -1


def test_no_more_is_put_than_there_is_room_for() -> None:
    worlds, channel, inner = lent(3)
    assert worlds.send(inner, 2, 3) == []
    late = go(inner.send, 4)
    yield_now()
    assert worlds.out() == [Kind.OFFER]
    worlds.into()
    yield_now()
    assert not late.done()
    assert channel.recv() == 1
    worlds.into()
    late.result()
    assert [channel.recv() for _ in range(3)] == [2, 3, 4]


def test_who_sends_outside_ends_the_loan_and_comes_behind_what_was_put() -> None:
    worlds, channel, inner = lent(4)
    worlds.send(inner, 2)
    channel.send(3)
    assert worlds.send(inner, 4) == [Kind.OFFER]
    assert select(Send(channel, 5), default=True).index == -1
    assert [channel.recv() for _ in range(4)] == [1, 2, 3, 4]


def test_a_close_outside_ends_the_loan() -> None:
    worlds, channel, inner = lent()
    worlds.send(inner, 2)
    channel.close()
    with pytest.raises(ChannelClosed):
        worlds.send(inner, 3)
    assert [*channel] == [1, 2]


def test_a_close_inside_comes_behind_what_was_put() -> None:
    worlds, channel, inner = lent()
    worlds.send(inner, 2)
    closing = go(inner.close)
    yield_now()
    assert worlds.out() == [Kind.CLOSE]
    worlds.into()
    closing.result()
    assert [*channel] == [1, 2]


def test_what_was_put_can_be_received_inside() -> None:
    worlds, _, inner = lent()
    worlds.send(inner, 2, 3)
    assert [worlds.recv(inner)[0] for _ in range(3)] == [1, 2, 3]


def test_a_host_that_waits_is_told_once_and_sees_what_came_before_it_said_so() -> None:
    worlds, channel, inner = lent()
    assert channel.recv() == 1
    waiting = [go(channel.recv) for _ in range(3)]
    yield_now()
    worlds.send(inner, 2)
    worlds.home.listen()
    yield_now()
    assert [routine.done() for routine in waiting] == [True, False, False]
    assert worlds.send(inner, 3, 4) == [Kind.TOOK]
    assert [routine.result() for routine in waiting] == [2, 3, 4]


def test_what_has_no_room_in_the_place_is_offered_and_comes_behind_the_rest() -> None:
    def takes(channel: Chan[bytes]) -> None: ...

    worlds, channel = Worlds(), Chan[bytes](8)
    inner = worlds.cross(channel, takes)
    values = [bytes([n]) * 5000 for n in range(6)]
    said = worlds.send(inner, *values)
    assert said == [Kind.OFFER, Kind.OFFER]  # the first, and the one that is a fourth in a place for three
    assert [channel.recv() for _ in values] == values


def test_what_has_channels_in_it_is_offered() -> None:
    def takes(channel: Chan[Chan[int]]) -> None: ...

    worlds, channel, given = Worlds(), Chan[Chan[int]](8), Chan[int]()
    inner, one = worlds.cross(channel, takes), worlds.cross(given)
    assert worlds.send(inner, one, one) == [Kind.OFFER, Kind.OFFER]
    assert channel.recv() is given


def test_while_somebody_watches_each_value_is_offered() -> None:
    worlds, channel, inner = lent()
    worlds.inner.tap = lambda *message: None
    assert worlds.send(inner, 2) == [Kind.OFFER]
    assert (channel.recv(), channel.recv()) == (1, 2)


def test_a_lost_enclave_has_put_what_it_put() -> None:
    worlds, channel, inner = lent()
    worlds.send(inner, 2)
    worlds.home.end_loans()
    worlds.outer.close()
    worlds.home.lose()
    assert (channel.recv(), channel.recv()) == (1, 2)
    with pytest.raises(EnclaveLost):
        channel.recv()


def test_the_end_of_a_handle_ends_its_loan_and_frees_its_place() -> None:
    worlds = Worlds()
    for _ in range(50):
        channel = Chan[int](4)
        inner = worlds.cross(channel)
        worlds.send(inner, 1)
        assert worlds.send(inner, 2) == []
        del inner
        worlds.out()
        assert (channel.recv(), channel.recv()) == (1, 2)


def test_more_channels_than_places_are_offered_each_value() -> None:
    worlds, channels = Worlds(), [Chan[int](4) for _ in range(20)]
    inner = [worlds.cross(channel) for channel in channels]
    for one in inner:
        worlds.send(one, 1)
    assert [worlds.send(one, 2) for one in inner].count([]) == PLACES
    assert [(channel.recv(), channel.recv()) for channel in channels] == [(1, 2)] * 20


def test_who_had_a_place_before_writes_nothing_into_it() -> None:
    worlds, first, others = Worlds(), Chan[int](4), [Chan[int](4) for _ in range(PLACES)]
    old = worlds.cross(first)
    worlds.send(old, 1)
    first.send(2)  # ends the loan; `old` does not know
    inner = [worlds.cross(channel) for channel in others]
    for one in inner:  # one of them gets that place
        worlds.send(one, 10, 11)
    worlds.send(old, 3)
    assert [(channel.recv(), channel.recv()) for channel in others] == [(10, 11)] * PLACES
    assert [first.recv() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("said", [9, 0xFFFFFFFF, 1 << 32, 5 << 32 | 1])
def test_a_count_that_cannot_be_is_not_believed(said: int) -> None:
    worlds, channel, inner = lent()
    worlds.send(inner, 2)
    at = place(worlds)
    (word,) = struct.unpack("<Q", worlds.memory[at : at + 8])
    worlds.memory[at : at + 8] = struct.pack("<Q", (word & ~0xFFFFFFFF) + said)
    assert channel.recv() == 1
    assert select(Recv(channel), default=True).index == -1
    worlds.home.check()


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (struct.pack("<Q", SIZE), LinkCorrupt),
        (struct.pack("<Q", 1 << 63), LinkCorrupt),
        (struct.pack("<Q", 1) + b"\xc3", BoundaryTypeError),  # a bool
        (struct.pack("<Q", 1) + b"\xc1", BoundaryTypeError),  # the mark of what goes the general way
        (struct.pack("<Q", 0), FrameError),
    ],
)
def test_a_value_that_cannot_be_ends_the_enclave_and_nobody_receives_it(value: bytes, error: type[Exception]) -> None:
    worlds, channel, inner = lent()
    worlds.send(inner, 2)
    at = place(worlds) + 64
    worlds.memory[at : at + len(value)] = value
    assert channel.recv() == 1
    assert select(Recv(channel), default=True).index == -1
    with pytest.raises(error):
        worlds.home.check()


@pytest.mark.parametrize("argument", [PLACES, 1025 << 40])
def test_a_space_of_no_such_form_ends_the_enclave(argument: int) -> None:
    worlds, _, inner = lent()
    with pytest.raises(LinkCorrupt):
        worlds.inside.on_space(unpack(pack(Kind.SPACE, 1, argument), FROM_HOST))
    assert worlds.send(inner, 2) == []


def test_a_space_that_was_never_lent_takes_nothing() -> None:
    worlds, channel, inner = lent()
    worlds.inside.on_space(unpack(pack(Kind.SPACE, 1, 4 << 40 | 9 << 8 | 15), FROM_HOST))
    assert worlds.send(inner, 2) == [Kind.OFFER]
    assert (channel.recv(), channel.recv()) == (1, 2)
