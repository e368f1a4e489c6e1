"""After Go's test/chan/nonblock.go: operations that do not wait, on unbuffered and buffered channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gotee import Chan, Recv, Send, select

if TYPE_CHECKING:
    from ..world import World

Scalar = int | float | str | bytes | bool
VALUES: tuple[Scalar, ...] = (1, 2**70, 2.5, "text", b"bytes", True)


def try_recv(channel: Chan[Scalar]) -> tuple[int, Scalar | None, bool]:
    selected = select(Recv(channel), default=True)
    return selected.index, selected.value, selected.ok


def try_send(channel: Chan[Scalar], value: Scalar) -> int:
    return select(Send(channel, value), default=True).index


def wait_and_send(channel: Chan[Scalar], value: Scalar) -> None:
    channel.send(value)


def wait_and_recv(channel: Chan[Scalar]) -> Scalar:
    return channel.recv()


def nothing_is_received_where_no_sender_waits(world: World) -> None:
    for capacity in (0, 1):
        channel = Chan[Scalar](capacity)
        assert world.spawn("receiver", try_recv, channel).result() == (-1, None, False)


def nothing_is_sent_where_no_receiver_waits(world: World) -> None:
    channel = Chan[Scalar]()
    assert world.spawn("sender", try_send, channel, 1).result() == -1
    assert len(channel) == 0
    assert world.spawn("receiver", try_recv, channel).result() == (-1, None, False)


def every_type_of_value_is_taken_from_a_waiting_sender(world: World) -> None:
    for value in VALUES:
        channel = Chan[Scalar]()
        sender = world.spawn("sender", wait_and_send, channel, value)
        world.settle()
        assert not sender.done()
        index, received, ok = world.spawn("receiver", try_recv, channel).result()
        assert (index, received, type(received), ok) == (0, value, type(value), True)
        sender.result()


def every_type_of_value_is_handed_to_a_waiting_receiver(world: World) -> None:
    for value in VALUES:
        channel = Chan[Scalar]()
        receiver = world.spawn("receiver", wait_and_recv, channel)
        world.settle()
        assert not receiver.done()
        assert world.spawn("sender", try_send, channel, value).result() == 0
        received = receiver.result()
        assert (received, type(received)) == (value, type(value))


def a_buffer_takes_values_until_it_is_full_and_gives_them_until_it_is_empty(world: World) -> None:
    capacity = len(VALUES)
    channel = Chan[Scalar](capacity)
    for filled, value in enumerate(VALUES):
        assert len(channel) == filled
        assert world.spawn("sender", try_send, channel, value).result() == 0
    assert world.spawn("sender", try_send, channel, 0).result() == -1
    for value in VALUES:
        assert world.spawn("receiver", try_recv, channel).result() == (0, value, True)
    assert world.spawn("receiver", try_recv, channel).result() == (-1, None, False)


def two_operations_that_do_not_wait_never_meet(world: World) -> None:
    channel = Chan[Scalar]()
    for _ in range(20):
        sender = world.spawn("sender", try_send, channel, 1)
        receiver = world.spawn("receiver", try_recv, channel)
        assert sender.result() == -1
        assert receiver.result() == (-1, None, False)
