"""After Go's test/chan/doubleselect.go: a select that names a channel more than once never sends a value twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gotee import Chan, ChannelClosed, Recv, Send, select

if TYPE_CHECKING:
    from ..world import World

VALUES = 1_000


def send_on_any(channels: list[Chan[int]], count: int, done: Chan[bool]) -> None:
    for n in range(count):
        select(*(Send(channel, n) for channel in channels))
    done.close()


def relay(source: Chan[int], out: Chan[int], done: Chan[bool]) -> int:
    """Pass values on until the sender is done; nothing is in an unbuffered source then."""
    passed = 0
    while True:
        selected = select(Recv(source), Recv(done))
        if selected.index == 1:
            return passed
        out.send(selected.value)
        passed += 1


def collect(numbers: Chan[int]) -> list[int]:
    return list(numbers)


def recv_on_any(channels: list[Chan[int]]) -> list[int]:
    received = []
    while True:
        selected = select(*(Recv(channel) for channel in channels))
        if not selected.ok:
            return received
        received.append(selected.value)


def send_numbers(channel: Chan[int], count: int) -> str:
    try:
        for n in range(count):
            channel.send(n)
        channel.close()
    except ChannelClosed:
        return "closed"
    return "sent"


def four_channels_and_four_readers(world: World) -> None:
    _multiplex(world, [Chan[int]() for _ in range(4)])


def one_channel_in_four_cases(world: World) -> None:
    channel = Chan[int]()
    _multiplex(world, [channel] * 4)


def _multiplex(world: World, channels: list[Chan[int]]) -> None:
    out, done = Chan[int](), Chan[bool]()
    collected = world.spawn("receiver", collect, out)
    relays = [world.spawn("worker", relay, channel, out, done) for channel in channels]
    world.spawn("sender", send_on_any, channels, VALUES, done)
    assert sum(routine.result() for routine in relays) == VALUES
    out.close()
    assert sorted(collected.result()) == list(range(VALUES))


def one_channel_in_four_receiving_cases_keeps_order(world: World) -> None:
    for capacity in (0, 3):
        channel = Chan[int](capacity)
        sender = world.spawn("sender", send_numbers, channel, VALUES)
        received = world.spawn("receiver", recv_on_any, [channel] * 4)
        assert received.result() == list(range(VALUES))
        assert sender.result() == "sent"
