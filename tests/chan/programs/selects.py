"""After Go's test/chan/select.go, select2, select3, select4, select6 and select7."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, NamedTuple

from gotee import Cancelled, Chan, ChannelClosed, Recv, Send, select

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..world import World

# -- select.go: a case is taken out by making its channel None ---------------------------------------


def send_once_on_each(first: Chan[int], second: Chan[int], counter: int) -> list[int]:
    """Offer the next number on both channels, each of which takes one; returns the order of the cases."""
    a: Chan[int] | None = first
    b: Chan[int] | None = second
    chosen = []
    while a is not None or b is not None:
        selected = select(Send(a, counter), Send(b, counter))
        chosen.append(selected.index)
        counter += 1
        if selected.index == 0:
            a = None
        else:
            b = None
    return chosen


def recv_first_of_each(channels: list[Chan[int]]) -> list[int]:
    return [channel.recv() for channel in channels]


def each_case_is_chosen_once_when_taken_out_after_use(world: World) -> None:
    for order in ((0, 1), (1, 0)):
        channels = [Chan[int](), Chan[int]()]
        sender = world.spawn("sender", send_once_on_each, *channels, 10)
        received = world.spawn("receiver", recv_first_of_each, [channels[n] for n in order])
        assert received.result() == [10, 11]
        assert sender.result() == list(order)


# -- select2.go: a channel that is never ready collects nothing --------------------------------------

ROUNDS = 2_000


def send_ones(channel: Chan[int]) -> None:
    try:
        while True:
            channel.send(1)
    except ChannelClosed:
        return


def blocks_left_by_selects(channel: Chan[int], idle: Chan[int], send_too: bool, timed: bool) -> int:
    """How many blocks of memory ROUNDS selects leave behind, after as many to warm up."""
    before = 0
    for turn in range(2):
        if turn == 1:
            gc.collect()
            before = sys.getallocatedblocks()
        for _ in range(ROUNDS):
            never = Send(idle, 1) if send_too else Recv(idle)
            select(Recv(channel), never, timeout=1_000 if timed else None)
    gc.collect()
    return sys.getallocatedblocks() - before


def blocks_left_by_timeouts(idle: Chan[int]) -> int:
    before = 0
    for turn in range(2):
        if turn == 1:
            gc.collect()
            before = sys.getallocatedblocks()
        for _ in range(ROUNDS):
            try:
                select(Recv(idle), Send(idle, 1), timeout=1e-6)
            except TimeoutError:
                continue
    gc.collect()
    return sys.getallocatedblocks() - before


def memory_is_flat_beside_a_channel_that_is_never_ready(world: World) -> None:
    for send_too in (False, True):
        for timed in (False, True):
            channel, idle = Chan[int](), Chan[int]()
            world.spawn("sender", send_ones, channel)
            left = world.spawn("receiver", blocks_left_by_selects, channel, idle, send_too, timed).result()
            assert left < ROUNDS // 4, (send_too, timed)
            channel.close()


def memory_is_flat_when_selects_time_out(world: World) -> None:
    assert world.spawn("worker", blocks_left_by_timeouts, Chan[int]()).result() < ROUNDS // 4


# -- select3.go: what waits and what does not --------------------------------------------------------


def operate(operation: str, channel: Chan[int] | None) -> str:
    """One operation on a channel (None: no channel at all), and what came of it."""
    try:
        if operation == "send" and channel is not None:
            channel.send(1)
            return "sent"
        if operation == "recv" and channel is not None:
            return f"got {channel.recv()}"
        if operation == "select nothing":
            select()
        default = operation.startswith("try")
        case = Send(channel, 1) if operation.endswith("send") else Recv(channel)
        selected = select(case, Recv(None), Send(None, 1), default=default)
    except ChannelClosed:
        return "closed"
    if selected.index < 0:
        return "default"
    if operation.endswith("send"):
        return "sent"
    return f"got {selected.value}" if selected.ok else "drained"


WAITS = "waits"


class Expectation(NamedTuple):
    send: str
    select_send: str
    try_send: str
    recv: str
    select_recv: str
    try_recv: str


def _no_channel() -> None:
    return None


def _unbuffered() -> Chan[int]:
    return Chan[int]()


def _empty() -> Chan[int]:
    return Chan[int](1)


def _full() -> Chan[int]:
    channel = Chan[int](1)
    channel.send(5)
    return channel


def _part_filled() -> Chan[int]:
    channel = Chan[int](2)
    channel.send(5)
    return channel


def _closed() -> Chan[int]:
    channel = Chan[int]()
    channel.close()
    return channel


def _closed_with_a_value() -> Chan[int]:
    channel = _part_filled()
    channel.close()
    return channel


EXPECTATIONS: dict[Callable[[], Chan[int] | None], Expectation] = {
    _no_channel: Expectation(WAITS, WAITS, "default", WAITS, WAITS, "default"),
    _unbuffered: Expectation(WAITS, WAITS, "default", WAITS, WAITS, "default"),
    _empty: Expectation("sent", "sent", "sent", WAITS, WAITS, "default"),
    _full: Expectation(WAITS, WAITS, "default", "got 5", "got 5", "got 5"),
    _part_filled: Expectation("sent", "sent", "sent", "got 5", "got 5", "got 5"),
    _closed: Expectation("closed", "closed", "closed", "closed", "drained", "drained"),
    _closed_with_a_value: Expectation("closed", "closed", "closed", "got 5", "got 5", "got 5"),
}


def what_waits_and_what_does_not(world: World) -> None:
    for make, expectation in EXPECTATIONS.items():
        for operation, outcome in expectation._asdict().items():
            role = "sender" if operation.endswith("send") else "receiver"
            routine = world.spawn(role, operate, operation.replace("_", " "), make())
            if outcome is WAITS:
                world.settle()
                assert not routine.done(), (make.__name__, operation)
                assert routine.cancel()
            else:
                assert routine.result() == outcome, (make.__name__, operation)


def select_without_cases_waits(world: World) -> None:
    routine = world.spawn("worker", operate, "select nothing", None)
    world.settle()
    assert not routine.done()


# -- select4.go: a select goes on when a value is ready ----------------------------------------------


def select_proceeds_when_a_value_is_ready(world: World) -> None:
    for operation in ("select recv", "try recv"):
        channel = Chan[int](1)
        channel.send(42)
        assert world.spawn("receiver", operate, operation, channel).result() == "got 42"


# -- select6.go: a select that left a queue does not stand in the way of those behind it ---------------


def recv_one(channel: Chan[int]) -> int:
    return channel.recv()


def recv_either(channels: list[Chan[int]]) -> tuple[int, int]:
    selected = select(*(Recv(channel) for channel in channels))
    return selected.index, selected.value


def send_either(channels: list[Chan[int]], values: list[int]) -> int:
    cases = (Send(channel, value) for channel, value in zip(channels, values, strict=True))
    return select(*cases).index


def send_one(channel: Chan[int], value: int) -> None:
    channel.send(value)


def waiters_before_and_behind_one_that_left_are_served(world: World) -> None:
    queue, other = Chan[int](), Chan[int]()
    first = world.spawn("receiver", recv_one, queue)
    world.settle()
    leaver = world.spawn("receiver", recv_either, [queue, other])
    world.settle()
    behind = world.spawn("receiver", recv_one, queue)
    world.settle()
    world.spawn("sender", send_one, other, 1)
    assert leaver.result() == (1, 1)
    world.spawn("sender", send_one, queue, 2)
    assert first.result() == 2
    late = world.spawn("receiver", recv_one, queue)
    world.settle()
    world.spawn("sender", send_one, queue, 3)
    assert behind.result() == 3
    world.spawn("sender", send_one, queue, 4)
    assert late.result() == 4


def senders_before_and_behind_one_that_left_are_served(world: World) -> None:
    queue, other = Chan[int](), Chan[int]()
    first = world.spawn("sender", send_one, queue, 1)
    world.settle()
    leaver = world.spawn("sender", send_either, [queue, other], [2, 20])
    world.settle()
    behind = world.spawn("sender", send_one, queue, 3)
    world.settle()
    assert world.spawn("receiver", recv_one, other).result() == 20
    assert leaver.result() == 1
    assert world.spawn("receiver", recv_one, queue).result() == 1
    assert world.spawn("receiver", recv_one, queue).result() == 3
    for sender in (first, behind):
        sender.result()


def a_cancelled_waiter_is_not_served(world: World) -> None:
    channel = Chan[int]()
    cancelled = world.spawn("receiver", recv_one, channel)
    world.settle()
    behind = world.spawn("receiver", recv_one, channel)
    world.settle()
    assert cancelled.cancel()
    world.settle()
    world.spawn("sender", send_one, channel, 1)
    assert behind.result() == 1


def a_value_handed_to_a_receiver_that_is_then_cancelled_is_not_lost(world: World) -> None:
    """It is the receiver's result, or it is still there for the next."""
    for receive in (recv_plainly, recv_in_select):
        for capacity in (0, 1):
            channel = Chan[int](capacity)
            receiver = world.spawn("receiver", receive, channel)
            world.settle()
            channel.send(6)  # served, but it has not run since
            receiver.cancel()
            world.settle()
            kept = select(Recv(channel), default=True)
            try:
                received = receiver.result()
            except Cancelled:
                received = None
            assert {received, kept.value} == {None, 6}, (receive.__name__, capacity)


# -- select7.go: every way to receive meets every way to send ------------------------------------------


def recv_plainly(channel: Chan[int]) -> int:
    return channel.recv()


def recv_in_select(channel: Chan[int]) -> int:
    return select(Recv(channel)).value


def recv_beside_an_idle_case(channel: Chan[int]) -> int:
    return select(Recv(Chan[int]()), Recv(channel)).value


def recv_by_iteration(channel: Chan[int]) -> int:
    return next(iter(channel))


def recv_with_time_limit(channel: Chan[int]) -> int:
    return select(Recv(channel), timeout=1_000).value


def send_plainly(channel: Chan[int]) -> None:
    channel.send(1)


def send_in_select(channel: Chan[int]) -> None:
    select(Send(channel, 1))


def send_beside_an_idle_case(channel: Chan[int]) -> None:
    select(Send(Chan[int](), 2), Send(channel, 1), Recv(None))


def send_with_time_limit(channel: Chan[int]) -> None:
    select(Send(channel, 1), timeout=1_000)


RECEIVERS = (recv_plainly, recv_in_select, recv_beside_an_idle_case, recv_by_iteration, recv_with_time_limit)
SENDERS = (send_plainly, send_in_select, send_beside_an_idle_case, send_with_time_limit)


def every_receiver_meets_every_sender(world: World) -> None:
    for recv in RECEIVERS:
        for send in SENDERS:
            for receiver_first in (True, False):
                channel = Chan[int]()
                if receiver_first:
                    receiver = world.spawn("receiver", recv, channel)
                    world.settle()
                sender = world.spawn("sender", send, channel)
                if not receiver_first:
                    world.settle()
                    receiver = world.spawn("receiver", recv, channel)
                assert receiver.result() == 1, (recv.__name__, send.__name__, receiver_first)
                sender.result()
