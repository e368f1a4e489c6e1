"""Loans between two worlds in one process, message by message: nobody can see that values are lent.

The rules are those of docs/explanation/protocol.md; `tests/protocol/test_lending.py` tries all their interleavings.
"""

from __future__ import annotations

import pytest
from two_worlds import Worlds, filled

from gotee import Chan, Recv, Send, go, select
from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.messages import FROM_HOST, Kind, pack, unpack
from gotee.errors import BoundaryTypeError, EnclaveLost
from gotee.runtime.scheduler import yield_now


def test_lent_values_are_taken_without_a_word_and_count_until_then() -> None:
    worlds, channel = Worlds(), filled(1, 2, 3, 4)
    inner = worlds.cross(channel)
    assert worlds.recv(inner) == (1, [Kind.WANT])
    assert len(channel) == 3
    assert worlds.recv(inner) == (2, [])
    assert len(channel) == 2
    assert worlds.recv(inner)[0] == 3
    assert worlds.recv(inner)[0] == 4
    assert len(channel) == 0


def test_who_takes_outside_ends_the_loan_and_gets_the_next_value() -> None:
    worlds, channel = Worlds(), filled(1, 2, 3, 4, 5)
    inner = worlds.cross(channel)
    assert [worlds.recv(inner)[0], worlds.recv(inner)[0]] == [1, 2]
    assert channel.recv() == 3
    assert worlds.recv(inner) == (4, [Kind.WANT])
    assert select(Recv(channel), default=True).value == 5
    assert len(channel) == 0


def test_a_sender_without_room_sees_what_was_taken() -> None:
    worlds, channel = Worlds(), filled(1, 2, 3, capacity=3)
    inner = worlds.cross(channel)
    worlds.recv(inner)
    channel.send(4)
    worlds.recv(inner)
    assert select(Send(channel, 5), default=True).index == 0
    assert select(Send(channel, 6), default=True).index == -1
    assert [worlds.recv(inner)[0] for _ in range(3)] == [3, 4, 5]


def test_a_sender_that_waits_is_told_when_the_enclave_rests_or_the_host_looks() -> None:
    worlds, channel = Worlds(), filled(1, 2, 3, capacity=3)
    inner = worlds.cross(channel)
    worlds.recv(inner)
    channel.send(4)
    waiting = [go(channel.send, 5), go(channel.send, 6)]
    yield_now()
    worlds.recv(inner)
    worlds.inside.tell()
    assert worlds.out() == [Kind.TOOK]
    yield_now()
    assert [routine.done() for routine in waiting] == [True, False]
    worlds.recv(inner)
    worlds.home.look()
    yield_now()
    assert waiting[1].done()
    assert [worlds.recv(inner)[0] for _ in range(3)] == [4, 5, 6]


def test_a_long_loan_is_told_of_halfway() -> None:
    worlds, channel = Worlds(), filled(*range(21), capacity=21)
    inner = worlds.cross(channel)
    said = [worlds.recv(inner)[1] for _ in range(21)]
    assert said == [[Kind.WANT], *([[]] * 9), [Kind.TOOK], *([[]] * 10)]


def test_a_channel_that_holds_what_is_lent_can_be_closed_and_drained() -> None:
    worlds, channel = Worlds(), filled(1, 2, 3)
    inner = worlds.cross(channel)
    worlds.recv(inner)
    channel.close()
    assert [worlds.recv(inner)[0] for _ in range(2)] == [2, 3]
    assert channel.recv_ok() == (None, False)


def test_an_enclave_that_is_lost_has_taken_what_it_took() -> None:
    worlds, channel = Worlds(), filled(1, 2, 3)
    inner = worlds.cross(channel)
    assert [worlds.recv(inner)[0] for _ in range(2)] == [1, 2]
    worlds.home.lose()
    assert channel.recv() == 3
    with pytest.raises(EnclaveLost):
        channel.recv()


def test_a_lost_link_leaves_what_is_not_known_to_be_taken() -> None:
    worlds, channel = Worlds(), filled(1, 2, 3)
    inner = worlds.cross(channel)
    worlds.recv(inner)
    worlds.outer.close()
    assert (channel.recv(), channel.recv()) == (2, 3)
    assert inner is not None


def test_more_channels_than_places_are_asked_for_each_value() -> None:
    worlds = Worlds()
    channels = [filled(1, 2) for _ in range(80)]
    inner = [worlds.cross(channel) for channel in channels]
    assert [worlds.recv(one)[0] for one in inner] == [1] * 80
    assert sum(worlds.recv(one)[1] == [] for one in inner) == 64
    assert [len(channel) for channel in channels] == [0] * 80


def test_the_end_of_a_handle_ends_its_loan() -> None:
    worlds = Worlds()
    for _ in range(200):
        inner = worlds.cross(filled(1, 2))
        worlds.recv(inner)
        assert worlds.recv(inner) == (2, [])
        del inner
        worlds.out()


@pytest.mark.parametrize(
    ("argument", "payload"),
    [
        (64, b""),
        (1 << 40, b""),
        (0, b"\1\0\0"),
        (0, b"\2\0\0\0x"),
        (0, b"\xff\xff\xff\xffx"),
        (0, b"\0\0\0\0" * 257),
        (0, b"\0\x90\0\0" + bytes(0x9000)),
    ],
)
def test_a_loan_of_no_such_form_ends_the_enclave(argument: int, payload: bytes) -> None:
    worlds = Worlds()
    inner = worlds.cross(filled(1))
    with pytest.raises(LinkCorrupt):
        worlds.inside.on_lend(unpack(pack(Kind.LEND, 1, argument, payload), FROM_HOST))
    assert worlds.recv(inner)[0] == 1


def test_a_loan_that_was_never_made_gives_nothing() -> None:
    worlds = Worlds()
    inner = worlds.cross(filled(1, 2))
    worlds.recv(inner)
    worlds.inside.on_lend(unpack(pack(Kind.LEND, 1, 9 << 8 | 63, b"\1\0\0\0\x07"), FROM_HOST))
    assert worlds.recv(inner) == (2, [Kind.WANT])


def test_a_lent_value_of_another_type_is_refused() -> None:
    worlds = Worlds()
    inner = worlds.cross(filled(1, 2))
    worlds.recv(inner)
    worlds.inside.on_lend(unpack(pack(Kind.LEND, 1, 1 << 8 | 63, b"\1\0\0\0\xc3"), FROM_HOST))
    with pytest.raises(BoundaryTypeError):
        worlds.recv(inner)


@pytest.mark.parametrize("inside", [False, True], ids=["a select outside", "a select inside"])
def test_a_select_that_ends_a_loan_takes_nothing_from_the_sender_that_this_lets_go(inside: bool) -> None:
    for _ in range(20):  # the select has two ready cases until it has looked at the second; it draws one of them
        worlds, unbuffered, lent = Worlds(), Chan[int](), filled(1, 2, capacity=2)
        first, second = worlds.cross(unbuffered), worlds.cross(lent)
        worlds.recv(second)
        lent.send(3)
        sender = go(select, Send(unbuffered, 10), Send(lent, 20))
        yield_now()
        assert worlds.recv(second) == (2, [])
        if inside:
            receiver = go(worlds.inside.select, (Recv(first), Recv(second)), False, None)
            yield_now()
            worlds.out()
            worlds.into()
            received = receiver.result()
        else:
            received = select(Recv(unbuffered), Recv(lent))
        assert (received.index, received.value, sender.result().index) == (1, 3, 1)
        assert len(lent) == 1
