"""After Go's test/chan/fifo.go and goroutines.go: values come out of a channel in the order they went in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gotee import Chan

if TYPE_CHECKING:
    from ..world import World

VALUES = 10
LINKS = 1_000


def send_numbers(channel: Chan[int], count: int) -> None:
    for n in range(count):
        channel.send(n)


def recv_numbers(channel: Chan[int], count: int) -> list[int]:
    return [channel.recv() for _ in range(count)]


def recv_in_turn(channel: Chan[int], mine: Chan[bool], following: Chan[bool]) -> int:
    mine.recv()
    value = channel.recv()
    following.send(True)
    return value


def pass_on(left: Chan[int], right: Chan[int]) -> None:
    left.send(right.recv())


def buffered_values_come_out_in_order(world: World) -> None:
    channel = Chan[int](VALUES)
    world.spawn("sender", send_numbers, channel, VALUES).result()
    assert len(channel) == VALUES
    assert world.spawn("receiver", recv_numbers, channel, VALUES).result() == list(range(VALUES))
    assert len(channel) == 0


def values_come_out_in_order_through_any_buffer(world: World) -> None:
    for capacity in (0, 1, 3, VALUES - 1):
        channel = Chan[int](capacity)
        world.spawn("sender", send_numbers, channel, VALUES)
        received = world.spawn("receiver", recv_numbers, channel, VALUES)
        assert received.result() == list(range(VALUES)), capacity


def receivers_that_take_turns_see_the_order_of_sending(world: World) -> None:
    channel = Chan[int]()
    turns = [Chan[bool]() for _ in range(VALUES + 1)]
    receivers = [world.spawn("receiver", recv_in_turn, channel, turns[n], turns[n + 1]) for n in range(VALUES)]
    world.spawn("sender", send_numbers, channel, VALUES)
    turns[0].send(True)
    turns[VALUES].recv()
    assert [receiver.result() for receiver in receivers] == list(range(VALUES))


def waiting_receivers_are_served_in_the_order_they_came(world: World) -> None:
    channel = Chan[int]()
    receivers = []
    for _ in range(VALUES):
        receivers.append(world.spawn("receiver", recv_numbers, channel, 1))
        world.settle()
    world.spawn("sender", send_numbers, channel, VALUES)
    assert [receiver.result() for receiver in receivers] == [[n] for n in range(VALUES)]


def waiting_senders_are_served_in_the_order_they_came(world: World) -> None:
    for capacity in (0, 2):
        channel = Chan[int](capacity)
        for n in range(VALUES):
            world.spawn("sender", send_one, channel, n)
            world.settle()
        received = world.spawn("receiver", recv_numbers, channel, VALUES)
        assert received.result() == list(range(VALUES)), capacity


def send_one(channel: Chan[int], value: int) -> None:
    channel.send(value)


def a_value_goes_down_a_long_chain_of_routines(world: World) -> None:
    channels = [Chan[int]() for _ in range(LINKS + 1)]
    links = [world.spawn("worker", pass_on, channels[n], channels[n + 1]) for n in range(LINKS)]
    world.spawn("sender", send_one, channels[LINKS], 7)
    assert world.spawn("receiver", recv_numbers, channels[0], 1).result() == [7]
    for link in links:
        link.result()
