"""After Go's test/chan/zerosize.go: channels of values that carry nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gotee import Chan

if TYPE_CHECKING:
    from ..world import World

COUNT = 5


def send_nones(channel: Chan[None], count: int) -> None:
    for _ in range(count):
        channel.send(None)
    channel.close()


def recv_nones(channel: Chan[None]) -> list[tuple[None, bool]]:
    received = []
    ok = True
    while ok:
        received.append(channel.recv_ok())
        ok = received[-1][1]
    return received


def send_empty_tuples(channel: Chan[tuple[()]], count: int) -> None:
    for _ in range(count):
        channel.send(())
    channel.close()


def count_empty_tuples(channel: Chan[tuple[()]]) -> int:
    return sum(value == () for value in channel)


def none_is_a_value_and_told_apart_from_the_end(world: World) -> None:
    for capacity in (0, 1, COUNT):
        channel = Chan[None](capacity)
        world.spawn("sender", send_nones, channel, COUNT)
        received = world.spawn("receiver", recv_nones, channel).result()
        assert received == [(None, True)] * COUNT + [(None, False)]


def empty_tuples_are_counted(world: World) -> None:
    for capacity in (0, 1, COUNT):
        channel = Chan[tuple[()]](capacity)
        world.spawn("sender", send_empty_tuples, channel, COUNT)
        assert world.spawn("receiver", count_empty_tuples, channel).result() == COUNT
