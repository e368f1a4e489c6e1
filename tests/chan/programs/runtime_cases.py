"""After Go's runtime/chan_test.go. What is left out there concerns stacks that move, which Python does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gotee import Chan, ChannelClosed, Recv, Send, select, yield_now

if TYPE_CHECKING:
    from ..world import World

# -- TestChan ------------------------------------------------------------------------------------------


def recv_one(channel: Chan[int]) -> int:
    return channel.recv()


def recv_in_select(channel: Chan[int]) -> tuple[int, int]:
    selected = select(Recv(channel))
    return selected.index, selected.value


def send_and_tell(channel: Chan[int], value: int, told: Chan[str]) -> None:
    channel.send(value)
    told.send("sent")


def recv_or_closed(channel: Chan[int]) -> tuple[int | None, bool]:
    return channel.recv_ok()


def recv_or_closed_in_select(channel: Chan[int]) -> tuple[int | None, bool]:
    selected = select(Recv(channel), Recv(None))
    return selected.value, selected.ok


def recv_in_loop(channel: Chan[int]) -> tuple[int | None, bool]:
    for value in channel:
        return value, True
    return None, False


def recv_until_error(channel: Chan[int]) -> tuple[int | None, bool]:
    try:
        return channel.recv(), True
    except ChannelClosed:
        return None, False


def close(channel: Chan[int]) -> None:
    channel.close()


def send_numbers(channel: Chan[int], first: int, last: int) -> None:
    for n in range(first, last):
        channel.send(n)


def recv_counted(channel: Chan[int], count: int) -> list[int]:
    return [channel.recv() for _ in range(count)]


def recv_both_ways(channel: Chan[int], count: int) -> list[int]:
    """Alternate between plain receives and selects."""
    return [channel.recv() if n % 2 else select(Recv(channel)).value for n in range(count)]


CAPACITIES = (0, 1, 2, 3, 7, 100)


def receive_from_empty_waits(world: World) -> None:
    for capacity in CAPACITIES:
        channel = Chan[int](capacity)
        receivers = []
        for f in (recv_one, recv_in_select):
            receivers.append(world.spawn("receiver", f, channel))
            world.settle()  # they are served in the order of their coming
        assert not any(receiver.done() for receiver in receivers), capacity
        assert select(Recv(channel), default=True).index == -1
        channel.send(0)
        channel.send(1)
        assert [receiver.result() for receiver in receivers] == [0, (0, 1)], capacity


def send_to_full_waits(world: World) -> None:
    for capacity in CAPACITIES:
        channel, told = Chan[int](capacity), Chan[str](1)
        world.spawn("sender", send_numbers, channel, 0, capacity).result()
        assert len(channel) == capacity
        waiting = world.spawn("sender", send_and_tell, channel, capacity, told)
        world.settle()
        assert not waiting.done()
        assert len(told) == 0
        assert select(Send(channel, -1), default=True).index == -1
        received = world.spawn("receiver", recv_counted, channel, capacity + 1)
        assert received.result() == list(range(capacity + 1))
        assert told.recv() == "sent"


def receive_from_closed_ends(world: World) -> None:
    for capacity in CAPACITIES:
        channel = Chan[int](capacity)
        for n in range(capacity):
            channel.send(n)
        world.spawn("closer", close, channel).result()
        received = [world.spawn("receiver", recv_or_closed, channel).result() for _ in range(capacity)]
        assert received == [(n, True) for n in range(capacity)]
        for f in (recv_or_closed, recv_or_closed_in_select, recv_in_loop, recv_until_error):
            assert world.spawn("receiver", f, channel).result() == (None, False), (capacity, f.__name__)


def close_wakes_every_receiver(world: World) -> None:
    for capacity in CAPACITIES:
        channel = Chan[int](capacity)
        waiting = [
            world.spawn("receiver", f, channel)
            for f in (recv_or_closed, recv_or_closed_in_select, recv_in_loop, recv_until_error)
            for _ in range(3)
        ]
        world.settle()
        assert not any(receiver.done() for receiver in waiting)
        world.spawn("closer", close, channel)
        assert {receiver.result() for receiver in waiting} == {(None, False)}


def a_hundred_values_keep_their_order(world: World) -> None:
    for capacity in CAPACITIES:
        for receive in (recv_counted, recv_both_ways):
            channel = Chan[int](capacity)
            world.spawn("sender", send_numbers, channel, 0, 100)
            received = world.spawn("receiver", receive, channel, 100)
            assert received.result() == list(range(100)), capacity


def every_value_of_many_senders_is_received_once(world: World) -> None:
    senders, values = 4, 250
    for capacity in CAPACITIES:
        channel = Chan[int](capacity)
        for n in range(senders):
            world.spawn("sender", send_numbers, channel, n * values, (n + 1) * values)
        receivers = [world.spawn("receiver", recv_counted, channel, values) for _ in range(senders)]
        batches = [receiver.result() for receiver in receivers]
        assert sorted(value for batch in batches for value in batch) == list(range(senders * values)), capacity
        for batch in batches:  # what one receiver gets of one sender is in that sender's order
            for n in range(senders):
                own = [value for value in batch if value // values == n]
                assert own == sorted(own)


def length_and_capacity_are_those_of_the_buffer(world: World) -> None:
    for capacity in CAPACITIES:
        channel = Chan[int](capacity)
        assert (len(channel), channel.capacity) == (0, capacity)
        for n in range(capacity):
            channel.send(n)
            assert (len(channel), channel.capacity) == (n + 1, capacity)
        waiting = world.spawn("sender", send_numbers, channel, 0, 1)
        world.settle()
        assert (len(channel), waiting.done()) == (capacity, False)
        world.spawn("receiver", recv_counted, channel, capacity + 1).result()
        assert (len(channel), channel.capacity) == (0, capacity)
        channel.close()
        assert (len(channel), channel.capacity) == (0, capacity)


# -- TestNonblockRecvRace, TestNonblockSelectRace, TestNonblockSelectRace2 -----------------------------

RACES = 200


def try_recv(channels: list[Chan[int]]) -> int:
    return select(*(Recv(channel) for channel in channels), default=True).index


def a_value_that_is_there_is_never_missed_for_a_close(world: World) -> None:
    for _ in range(RACES):
        channel = Chan[int](1)
        channel.send(1)
        tried = world.spawn("receiver", try_recv, [channel])
        world.spawn("closer", close, channel)
        assert tried.result() == 0


def one_of_two_is_always_ready(world: World) -> None:
    """The second becomes ready before the first stops being so: the default is never right."""
    for closing in (False, True):
        for _ in range(RACES):
            first, second = Chan[int](1), Chan[int](1)
            first.send(1)
            tried = world.spawn("receiver", try_recv, [first, second])
            if closing:
                second.close()
            else:
                second.send(1)
            select(Recv(first), default=True)
            assert tried.result() in (0, 1)


# -- TestSelfSelect ------------------------------------------------------------------------------------


def send_or_recv(me: int, channel: Chan[int], rounds: int, stop: Chan[bool]) -> list[int]:
    """Send and receive in one select, with the cases in either order; returns what was received."""
    received = []
    for n in range(rounds):
        cases = [Send(channel, me), Recv(channel), Recv(stop)]
        if n % 2:
            cases[:2] = [cases[1], cases[0]]
        selected = select(*cases)
        if selected.index == 2:
            break
        if selected.index == 1 - n % 2:
            received.append(selected.value)
    return received


def a_select_never_meets_itself(world: World) -> None:
    rounds = 500
    for capacity in (0, 10):
        channel, stop = Chan[int](capacity), Chan[bool]()
        both = [world.spawn("worker", send_or_recv, me, channel, rounds, stop) for me in (0, 1)]
        while not any(routine.done() for routine in both):
            world.settle()
        stop.close()  # the other may wait for a partner for ever
        received = [routine.result() for routine in both]
        assert sum(len(batch) for batch in received) >= rounds // 4
        if capacity == 0:
            assert set(received[0]) <= {1}
            assert set(received[1]) <= {0}


def a_lone_select_with_both_ends_waits(world: World) -> None:
    alone = world.spawn("worker", send_or_recv, 1, Chan[int](), 1, Chan[bool]())
    world.settle()
    assert not alone.done()


# -- TestSelectStress ----------------------------------------------------------------------------------

STRESS = 300


def send_many(channel: Chan[int], count: int) -> None:
    for n in range(count):
        channel.send(n)
        if n % 7 == 0:
            yield_now()


def recv_many(channel: Chan[int], count: int) -> None:
    for n in range(count):
        channel.recv()
        if n % 5 == 0:
            yield_now()


def select_sends(channels: list[Chan[int]], count: int) -> list[int]:
    """`count` sends on each channel; a channel that had them all is taken out."""
    left = [count] * len(channels)
    while any(left):
        open_channels = [channel if left[n] else None for n, channel in enumerate(channels)]
        left[select(*(Send(channel, 0) for channel in open_channels)).index] -= 1
    return left


def select_recvs(channels: list[Chan[int]], count: int) -> list[int]:
    left = [count] * len(channels)
    while any(left):
        open_channels = [channel if left[n] else None for n, channel in enumerate(channels)]
        left[select(*(Recv(channel) for channel in open_channels)).index] -= 1
    return left


def selects_and_plain_operations_mixed_on_four_channels(world: World) -> None:
    channels = [Chan[int](capacity) for capacity in (0, 0, 2, 3)]
    routines = []
    for channel in channels:
        routines.append(world.spawn("sender", send_many, channel, STRESS))
        routines.append(world.spawn("receiver", recv_many, channel, STRESS))
    routines.append(world.spawn("sender", select_sends, channels, STRESS))
    routines.append(world.spawn("receiver", select_recvs, channels, STRESS))
    for routine in routines:
        routine.result()
    assert [len(channel) for channel in channels] == [0, 0, 0, 0]


# -- TestSelectFairness --------------------------------------------------------------------------------


def send_one(channel: Chan[int]) -> None:
    channel.send(1)


def count_recv_choices(channels: list[Chan[int]], trials: int) -> list[int]:
    """How often each channel is chosen to receive from, all of them always being ready."""
    counts = [0] * len(channels)
    for _ in range(trials):
        counts[select(*(Recv(channel) for channel in channels)).index] += 1
    return counts


def count_send_choices(channels: list[Chan[int]], trials: int) -> list[int]:
    counts = [0] * len(channels)
    for _ in range(trials):
        counts[select(*(Send(channel, 1) for channel in channels)).index] += 1
    return counts


def ready_cases_are_chosen_evenly(world: World) -> None:
    """Go's bound, a tenth off: more than ten standard deviations of a fair choice here."""
    trials = 4_000
    idle = [Chan[int](), Chan[int]()]
    channels = [Chan[int](trials), Chan[int](trials)]
    counts = world.spawn("sender", count_send_choices, [*channels, idle[0]], trials).result()
    assert counts == [len(channels[0]), len(channels[1]), 0]
    assert all(trials * 0.4 < count < trials * 0.6 for count in counts[:2]), counts
    for channel in channels:
        while len(channel) < trials:
            channel.send(1)
    counts = world.spawn("receiver", count_recv_choices, [*idle, *channels], trials).result()
    assert counts[:2] == [0, 0]
    assert all(trials * 0.4 < count < trials * 0.6 for count in counts[2:]), counts


def waiting_partners_are_chosen_evenly(world: World) -> None:
    """With `waiting` partners on each of two channels, for as many choices: 100 expected, deviation 7."""
    waiting = 200
    for role, partner, f in (
        ("sender", send_one, count_recv_choices),
        ("receiver", recv_one, count_send_choices),
    ):
        channels = [Chan[int](), Chan[int]()]
        for channel in channels:
            for _ in range(waiting):
                world.spawn(role, partner, channel)
        world.settle()
        counts = world.spawn("worker", f, channels, waiting).result()
        assert sum(counts) == waiting
        assert all(40 < count < 160 for count in counts), counts


def choice_among_many_ready_cases_is_even(world: World) -> None:
    channels = [Chan[int]() for _ in range(8)]
    for channel in channels:
        channel.close()
    trials = 8_000
    counts = world.spawn("receiver", count_recv_choices, channels, trials).result()
    # 1,000 expected each, standard deviation 30
    assert all(750 < count < 1_250 for count in counts), counts


# -- TestChanSendInterface, TestPseudoRandomSend -------------------------------------------------------


def send_any(channel: Chan[int | str | None], value: int | str | None) -> int:
    return select(Send(channel, value), Send(channel, value)).index


def recv_any(channel: Chan[int | str | None], count: int) -> list[int | str | None]:
    return [channel.recv() for _ in range(count)]


def values_of_several_types_through_one_channel(world: World) -> None:
    channel = Chan[int | str | None](1)
    values: list[int | str | None] = [1, "one", None]
    for value in values:
        assert world.spawn("sender", send_any, channel, value).result() in (0, 1)
        assert world.spawn("receiver", recv_any, channel, 1).result() == [value]


def send_random_bits(channel: Chan[int], count: int) -> None:
    for _ in range(count):
        select(Send(channel, 0), Send(channel, 1))


def select_between_two_sends_makes_both_bits(world: World) -> None:
    count = 100
    for capacity in (0, 1):
        channel = Chan[int](capacity)
        received = world.spawn("receiver", recv_counted, channel, count)
        world.spawn("sender", send_random_bits, channel, count)
        assert count // 10 < sum(received.result()) < count - count // 10, capacity


# -- TestMultiConsumer ---------------------------------------------------------------------------------

FACTORS = (2, 3, 7, 11, 13, 17, 19, 23, 27, 31)


def feed(queue: Chan[int], count: int) -> int:
    """Send `count` numbers; returns their sum."""
    total = 0
    for n in range(count):
        value = FACTORS[n % len(FACTORS)]
        queue.send(value)
        total += value
    queue.close()
    return total


def consume(queue: Chan[int], results: Chan[int], done: Chan[bool]) -> None:
    for value in queue:
        if value % 3 == 0:
            yield_now()  # some of the work takes longer
        results.send(value)
    done.send(True)


def close_after(done: Chan[bool], count: int, results: Chan[int]) -> None:
    for _ in range(count):
        done.recv()
    results.close()


def sum_up(results: Chan[int]) -> tuple[int, int]:
    values = list(results)
    return len(values), sum(values)


def many_consumers_lose_nothing(world: World) -> None:
    consumers, count = 23, 2_000
    queue, results, done = Chan[int](consumers * 4), Chan[int](consumers * 4), Chan[bool]()
    for _ in range(consumers):
        world.spawn("worker", consume, queue, results, done)
    world.spawn("closer", close_after, done, consumers, results)
    sent = world.spawn("sender", feed, queue, count)
    assert world.spawn("receiver", sum_up, results).result() == (count, sent.result())


# -- TestSelectDuplicateChannel ------------------------------------------------------------------------


def recv_twice_or_else(channel: Chan[int], other: Chan[int]) -> tuple[int, int]:
    selected = select(Recv(channel), Recv(channel), Recv(other))
    return selected.index, selected.value


def a_channel_named_twice_leaves_its_queue_entirely(world: World) -> None:
    channel, other = Chan[int](), Chan[int]()
    twice = world.spawn("receiver", recv_twice_or_else, channel, other)
    world.settle()
    behind = world.spawn("receiver", recv_one, channel)
    world.settle()
    world.spawn("sender", send_numbers, other, 7, 8)
    assert twice.result() == (2, 7)
    world.spawn("sender", send_numbers, channel, 8, 9)
    assert behind.result() == 8
