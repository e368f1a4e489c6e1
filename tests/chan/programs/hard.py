"""Programs that are hard for two worlds: channels of channels of channels, stages that leave early, cancels, panics,
deadlines, locks beside channels, large values both ways, routines that start routines.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from gotee import Cancelled, Chan, ChannelClosed, Recv, Routine, SecuredRoutineError, Send, go, select, yield_now

if TYPE_CHECKING:
    from ..world import World


# -- stages -----------------------------------------------------------------------------------------------


def count_up_until(done: Chan[bool], numbers: Chan[int]) -> int:
    """Sends 0, 1, ... until `done` closes; returns how many were taken."""
    n = 0
    while True:
        if select(Recv(done), Send(numbers, n)).index == 0:
            numbers.close()
            return n
        n += 1


def square(done: Chan[bool], numbers: Chan[int], squares: Chan[int]) -> int:
    n = 0
    for number in numbers:
        if select(Send(squares, number * number), Recv(done)).index == 1:
            break
        n += 1
    squares.close()
    return n


def a_pipeline_whose_reader_leaves_early_ends(world: World) -> None:
    for capacity in (0, 1, 3):
        done, numbers, squares = Chan[bool](), Chan[int](capacity), Chan[int](capacity)
        first = world.spawn("sender", count_up_until, done, numbers)
        second = world.spawn("worker", square, done, numbers, squares)
        assert [squares.recv() for _ in range(7)] == [n * n for n in range(7)]
        done.close()
        sent, passed = first.result(), second.result()
        assert 7 <= passed <= sent + 1 <= 8 + 2 * capacity + 3, (sent, passed)


def fan_out(jobs: Chan[int], results: Chan[tuple[int, int]], name: int) -> int:
    n = 0
    for job in jobs:
        results.send((name, job * 2))
        n += 1
    return n


def send_range(jobs: Chan[int], first: int, last: int) -> None:
    for n in range(first, last):
        jobs.send(n)


def many_producers_and_many_consumers_lose_and_double_nothing(world: World) -> None:
    for capacity in (0, 1, 7):
        jobs, results = Chan[int](capacity), Chan[tuple[int, int]](capacity)
        producers = [world.spawn("sender", send_range, jobs, 40 * n, 40 * n + 40) for n in range(4)]
        workers = [world.spawn("worker", fan_out, jobs, results, n) for n in range(5)]
        got = [results.recv() for _ in range(160)]
        for producer in producers:
            producer.result()
        jobs.close()
        assert sum(worker.result() for worker in workers) == 160
        assert sorted(value for _, value in got) == [2 * n for n in range(160)]
        for name in range(5):  # each worker's own values come in the order in which it took them, per producer
            for first in range(0, 160, 40):
                own = [value for who, value in got if who == name and first * 2 <= value < first * 2 + 80]
                assert own == sorted(own)


def send_and_close(channel: Chan[int], values: list[int]) -> None:
    for value in values:
        channel.send(value)
    channel.close()


# -- channels of channels -----------------------------------------------------------------------------------


def answer_deep(deep: Chan[Chan[Chan[int]]]) -> int:
    total = 0
    for middle in deep:
        for inner in middle:
            total += inner.recv()
    return total


def fill_deep(deep: Chan[Chan[Chan[int]]], rounds: int) -> None:
    for n in range(rounds):
        middle = Chan[Chan[int]]()
        deep.send(middle)
        for k in range(3):
            inner = Chan[int](1)
            inner.send(10 * n + k)
            middle.send(inner)
        middle.close()
    deep.close()


def channels_of_channels_of_channels(world: World) -> None:
    deep = Chan[Chan[Chan[int]]]()
    reader = world.spawn("receiver", answer_deep, deep)
    fill_deep(deep, 5)
    assert reader.result() == sum(10 * n + k for n in range(5) for k in range(3))


@dataclass
class Node:
    """A value that names the channel on which the next one comes."""

    value: int
    next: Chan[Node | None]


def walk(first: Chan[Node | None]) -> list[int]:
    values, node = [], first.recv()
    while node is not None:
        values.append(node.value)
        node = node.next.recv()
    return values


def a_list_whose_links_are_channels(world: World) -> None:
    first = here = Chan[Node | None]()
    reader = world.spawn("receiver", walk, first)
    for n in range(20):
        following = Chan[Node | None]()
        here.send(Node(n, following))
        here = following
    here.send(None)
    assert reader.result() == list(range(20))


def echo_itself(channel: Chan[Any]) -> bool:
    other = channel.recv()
    other.send("through itself")
    return bool(other.recv() == "back")


def a_channel_is_sent_through_itself(world: World) -> None:
    channel = Chan[Any]()
    echo = world.spawn("worker", echo_itself, channel)
    channel.send(channel)
    assert channel.recv() == "through itself"
    channel.send("back")
    assert echo.result() is True


def hand_on(holder: Chan[Chan[int]], then: Chan[Chan[int]]) -> None:
    then.send(holder.recv())


def a_channel_that_went_through_many_hands_is_the_same(world: World) -> None:
    hands = [Chan[Chan[int]]() for _ in range(9)]
    for n in range(8):
        world.spawn("worker", hand_on, hands[n], hands[n + 1])
    channel = Chan[int](1)
    hands[0].send(channel)
    back = hands[8].recv()
    back.send(5)
    assert (channel.recv(), back is channel) == (5, True)


# -- both ways and close ------------------------------------------------------------------------------------


def channel_recv(channel: Chan[int]) -> int:
    return channel.recv()


def both_ways(one: Chan[int], two: Chan[int], rounds: int) -> tuple[int, int]:
    """Sends on one channel and receives on the other in one select."""
    sent = received = 0
    out: Chan[int] | None = one
    back: Chan[int] | None = two
    while sent < rounds or received < rounds:
        selected = select(Send(out if sent < rounds else None, sent), Recv(back if received < rounds else None))
        if selected.index == 0:
            sent += 1
        else:
            assert selected.value == received
            received += 1
    return sent, received


def two_selects_that_send_and_receive_at_each_other_do_not_lock(world: World) -> None:
    for capacity in (0, 1):
        one, two = Chan[int](capacity), Chan[int](capacity)
        left = world.spawn("sender", both_ways, one, two, 30)
        right = world.spawn("receiver", both_ways, two, one, 30)
        assert left.result() == right.result() == (30, 30)


def close_channel(channel: Chan[int]) -> str:
    try:
        channel.close()
    except ChannelClosed:
        return "was closed"
    return "closed"


def send_outcome(channel: Chan[int], value: int) -> str:
    try:
        channel.send(value)
    except ChannelClosed:
        return "closed"
    return "sent"


def a_close_among_waiting_senders_loses_no_value_that_was_taken(world: World) -> None:
    for capacity in (0, 2):
        channel = Chan[int](capacity)
        senders = [world.spawn("sender", send_outcome, channel, n) for n in range(12)]
        got = [channel.recv() for _ in range(5)]
        world.spawn("closer", close_channel, channel).result()
        got += list(channel)
        assert [sender.result() for sender in senders].count("sent") == len(got)
        assert sorted(n for n, sender in enumerate(senders) if sender.result() == "sent") == sorted(got)


# -- cancel, panics, deadlines -----------------------------------------------------------------------------------


def tidy(channel: Chan[int], told: Chan[str]) -> None:
    try:
        channel.recv()
    except Cancelled:
        told.send("tidied")
        raise


def a_cancelled_routine_may_still_send(world: World) -> None:
    channel, told = Chan[int](), Chan[str]()
    routine = world.spawn("receiver", tidy, channel, told)
    world.settle()
    assert routine.cancel() is True
    assert told.recv() == "tidied"
    with suppress(Cancelled):
        raise AssertionError(routine.result())
    assert select(Send(channel, 1), default=True).index == -1  # it is no receiver any more
    assert routine.cancel() is False


def cancels_and_values_that_cross_lose_nothing(world: World) -> None:
    """Whoever is cancelled has either its value or no value; the sum is true."""
    channel = Chan[int]()
    receivers = [world.spawn("receiver", recv_or_none, channel) for _ in range(30)]
    sent = 0
    for n, receiver in enumerate(receivers):
        if n % 2:
            receiver.cancel()
        elif select(Send(channel, n), timeout=1_000).index == 0:
            sent += 1
    for receiver in receivers:
        receiver.cancel()
    values = 0
    for receiver in receivers:
        with suppress(Cancelled):
            values += receiver.result() is not None
    assert values == sent, (values, sent)


def recv_or_none(channel: Chan[int]) -> int | None:
    return channel.recv()


def fail_after(channel: Chan[int], count: int) -> None:
    for _ in range(count):
        channel.recv()
    raise LookupError("enough")


def a_panic_leaves_the_channel_to_the_others(world: World) -> None:
    channel = Chan[int]()
    failing = world.spawn("receiver", fail_after, channel, 2)
    for n in range(2):
        channel.send(n)
    world.forget(failing)
    with suppress(LookupError, SecuredRoutineError):
        raise AssertionError(failing.result())
    other = world.spawn("receiver", channel_recv, channel)
    channel.send(3)
    assert other.result() == 3


def work_until(deadline_in: float, work: Chan[int], done: Chan[bool]) -> str:
    deadline = monotonic() + deadline_in
    n = 0
    while True:
        try:
            selected = select(Recv(work), Recv(done), timeout=max(deadline - monotonic(), 0))
        except TimeoutError:
            return f"deadline after {n}"
        if selected.index == 1:
            return f"done after {n}"
        n += 1


def a_context_ends_by_deadline_or_by_cancel(world: World) -> None:
    work, done = Chan[int](), Chan[bool]()
    by_deadline = world.spawn("receiver", work_until, 0.03, work, Chan[bool]())
    assert by_deadline.result() == "deadline after 0"
    by_cancel = world.spawn("receiver", work_until, 1_000.0, work, done)
    for n in range(3):
        work.send(n)
    done.close()
    assert by_cancel.result() == "done after 3"


# -- routines that start routines, and wait for turns --------------------------------------------------------


def prime_filter(numbers: Chan[int], primes: Chan[int], left: int) -> None:
    """Each filter starts the next one itself; the channel between them never leaves its world."""
    prime = numbers.recv()
    primes.send(prime)
    if left == 1:
        primes.close()
        for _ in numbers:
            pass
        return
    rest = Chan[int]()
    go(prime_filter, rest, primes, left - 1)
    for number in numbers:
        if number % prime:
            rest.send(number)
    rest.close()


def a_sieve_that_grows_by_itself(world: World) -> None:
    numbers, primes = Chan[int](), Chan[int]()
    world.spawn("worker", prime_filter, numbers, primes, 12)
    world.spawn("sender", send_and_close, numbers, list(range(2, 60)))
    assert list(primes) == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37]


def mutex_work(mutex: Chan[bool], cell: Chan[int], rounds: int) -> None:
    """A channel of capacity 1 is a mutex for both worlds; `cell` holds what it guards."""
    for _ in range(rounds):
        mutex.send(True)
        value = cell.recv()
        yield_now()
        cell.send(value + 1)
        mutex.recv()


def a_channel_as_mutex_for_both_worlds(world: World) -> None:
    mutex, cell = Chan[bool](1), Chan[int](1)
    cell.send(0)
    workers = [world.spawn(("sender", "receiver", "worker")[n % 3], mutex_work, mutex, cell, 10) for n in range(9)]
    for worker in workers:
        worker.result()
    assert (cell.recv(), len(mutex)) == (90, 0)


def arrive(barrier: Chan[Chan[bool]], tickets: Chan[Chan[bool]], rounds: int) -> int:
    """At each round, hand in a channel and wait until it is closed."""
    for _ in range(rounds):
        mine = tickets.recv()
        barrier.send(mine)
        mine.recv_ok()
    return rounds


def give_tickets(tickets: Chan[Chan[bool]], count: int) -> None:
    for _ in range(count):
        tickets.send(Chan[bool]())


def a_barrier_of_reply_channels(world: World) -> None:
    barrier, tickets = Chan[Chan[bool]](), Chan[Chan[bool]]()
    go(give_tickets, tickets, 6 * 5)
    members = [world.spawn("worker", arrive, barrier, tickets, 5) for _ in range(6)]
    for _ in range(5):
        for waiting in [barrier.recv() for _ in range(6)]:
            waiting.close()
    assert [member.result() for member in members] == [5] * 6


# -- values ------------------------------------------------------------------------------------------------------


def mirror(there: Chan[bytes], back: Chan[bytes]) -> int:
    total = 0
    for data in there:
        back.send(data[::-1])
        total += len(data)
    back.close()
    return total


def pump(there: Chan[bytes], values: list[bytes]) -> None:
    for value in values:
        there.send(value)
    there.close()


def values_of_every_size_go_both_ways(world: World) -> None:
    """Around the sizes at which frames are cut and headers grow."""
    sizes = [0, 1, 2, 15, 16, 17, 255, 256, 1023, 1024, 4095, 4096, 65535, 65536, 65537, (1 << 20) - 17, (1 << 20) + 1]
    values = [bytes(n % 251 for n in range(min(size, 999))) * (size // 999 + 1) for size in sizes]
    values = [value[:size] for value, size in zip(values, sizes, strict=True)]
    there, back = Chan[bytes](1), Chan[bytes](1)
    worker = world.spawn("worker", mirror, there, back)
    go(pump, there, values)
    assert [value[::-1] for value in back] == values
    assert worker.result() == sum(sizes)


def say_small(small: Chan[int], rounds: int) -> None:
    for n in range(rounds):
        small.send(n)


def small_messages_pass_large_ones(world: World) -> None:
    there, back, small = Chan[bytes](), Chan[bytes](), Chan[int]()
    worker = world.spawn("worker", mirror, there, back)
    talker = world.spawn("sender", say_small, small, 50)
    go(pump, there, [bytes(1 << 21)] * 4)
    reader = go(list, back)
    assert [small.recv() for _ in range(50)] == list(range(50))
    talker.result()
    assert [len(value) for value in reader.result()] == [1 << 21] * 4
    worker.result()


# -- everything at once -------------------------------------------------------------------------------------------


def juggle(channels: list[Chan[int]], rounds: int, seed: int) -> tuple[int, int]:
    """Sends and receives at random, without ever waiting for ever; returns (sum sent, sum received)."""
    import random

    chance = random.Random(seed)
    sent = received = 0
    for n in range(rounds):
        one, two = chance.choice(channels), chance.choice(channels)
        value = seed * 1000 + n
        try:
            if chance.random() < 0.3:
                selected = select(Send(one, value), Recv(two), default=True)
            else:
                selected = select(Send(one, value), Recv(two), timeout=0.002)
        except TimeoutError:
            continue
        if selected.index == 0:
            sent += value
        elif selected.index == 1:
            received += selected.value
    return sent, received


def jugglers_neither_lose_nor_make_values(world: World) -> None:
    channels = [Chan[int](capacity) for capacity in (0, 0, 1, 3)]
    jugglers: list[Routine[tuple[int, int]]] = [
        world.spawn(("sender", "receiver", "worker")[n % 3], juggle, channels, 60, n) for n in range(1, 10)
    ]
    outcomes = [juggler.result() for juggler in jugglers]
    left = 0
    for channel in channels:
        while len(channel):
            left += channel.recv()
    assert sum(sent for sent, _ in outcomes) == sum(received for _, received in outcomes) + left
