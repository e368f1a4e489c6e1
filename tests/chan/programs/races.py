"""Patterns of Go programs that live on the edges of channels: closes that race, gates, tokens, gave-up partners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gotee import Chan, ChannelClosed, Recv, Send, select, yield_now

if TYPE_CHECKING:
    from ..world import World


def pass_on(left: Chan[int], right: Chan[int], rounds: int) -> None:
    for _ in range(rounds):
        right.send(left.recv() + 1)


def daisy_chain_counts_its_links(world: World) -> None:
    ends = [Chan[int]() for _ in range(31)]
    links = [world.spawn("worker", pass_on, ends[n], ends[n + 1], 1) for n in range(30)]
    ends[0].send(0)
    assert ends[-1].recv() == 30
    for link in links:
        link.result()


def a_token_goes_round_a_ring(world: World) -> None:
    ends = [Chan[int]() for _ in range(6)]
    members = [world.spawn("worker", pass_on, ends[n], ends[n + 1], 10) for n in range(5)]
    value = 0
    for _ in range(10):
        ends[0].send(value)
        value = ends[5].recv()
    assert value == 50
    for member in members:
        member.result()


def serve_turns(turn: Chan[int], back: Chan[int]) -> list[int]:
    seen = []
    for value in turn:
        seen.append(value)
        back.send(-value)
    return seen


def ping_and_pong_alternate_strictly(world: World) -> None:
    turn, back = Chan[int](), Chan[int]()
    other = world.spawn("worker", serve_turns, turn, back)
    for n in range(1, 40):
        turn.send(n)
        assert back.recv() == -n
    turn.close()
    assert other.result() == list(range(1, 40))


def enter_and_leave(gate: Chan[bool], inside: Chan[int], rounds: int) -> None:
    for _ in range(rounds):
        gate.send(True)
        inside.send(1)
        yield_now()
        inside.send(-1)
        gate.recv()


def a_buffered_channel_is_a_semaphore(world: World) -> None:
    for most in (1, 3):
        gate, inside = Chan[bool](most), Chan[int]()
        workers = [world.spawn("worker", enter_and_leave, gate, inside, 4) for _ in range(6)]
        now = 0
        for _ in range(6 * 4 * 2):
            now += inside.recv()
            assert 0 <= now <= most
        for worker in workers:
            worker.result()
        assert (now, len(gate)) == (0, 0)


def work_until_stopped(work: Chan[int], stop: Chan[None], done: Chan[int]) -> int:
    count = 0
    while True:
        got = select(Recv(work), Recv(stop))
        if got.index == 1:
            done.send(count)
            return count
        count += 1


def one_close_stops_all_workers(world: World) -> None:
    work, stop, done = Chan[int](), Chan[None](), Chan[int](10)
    workers = [world.spawn("receiver", work_until_stopped, work, stop, done) for _ in range(10)]
    for n in range(50):
        work.send(n)
    stop.close()
    assert sum(done.recv() for _ in range(10)) == 50
    assert sum(worker.result() for worker in workers) == 50


def send_tagged(channel: Chan[tuple[int, int]], tag: int, count: int) -> None:
    for n in range(count):
        channel.send((tag, n))


def each_senders_values_keep_their_order(world: World) -> None:
    for capacity in (0, 3):
        channel = Chan[tuple[int, int]](capacity)
        senders = [world.spawn("sender", send_tagged, channel, tag, 15) for tag in range(4)]
        last = [-1] * 4
        for _ in range(60):
            tag, n = channel.recv()
            assert n == last[tag] + 1
            last[tag] = n
        for sender in senders:
            sender.result()


def recv_in_turn(channel: Chan[int], order: Chan[tuple[int, int]], me: int) -> None:
    order.send((me, channel.recv()))


def receivers_are_served_in_the_order_in_which_they_came(world: World) -> None:
    channel, order = Chan[int](), Chan[tuple[int, int]](5)
    receivers = []
    for me in range(5):
        receivers.append(world.spawn("receiver", recv_in_turn, channel, order, me))
        world.settle()
    for n in range(5):
        channel.send(n)
    assert sorted(order.recv() for _ in range(5)) == [(n, n) for n in range(5)]


def send_value(channel: Chan[int], value: int) -> bool:
    try:
        channel.send(value)
    except ChannelClosed:
        return False
    return True


def senders_are_served_in_the_order_in_which_they_came(world: World) -> None:
    for capacity in (0, 2):
        channel = Chan[int](capacity)
        for n in range(6):
            world.spawn("sender", send_value, channel, n)
            world.settle()
        assert [channel.recv() for _ in range(6)] == list(range(6))


def recv_until_closed(channel: Chan[int]) -> list[int]:
    return list(channel)


def a_close_behind_full_buffers_loses_and_doubles_nothing(world: World) -> None:
    for capacity in (1, 4, 16):
        channel = Chan[int](capacity)
        receivers = [world.spawn("receiver", recv_until_closed, channel) for _ in range(4)]
        for n in range(40):
            channel.send(n)
        channel.close()
        assert sorted(value for receiver in receivers for value in receiver.result()) == list(range(40))


def senders_that_lose_a_race_with_close_are_told(world: World) -> None:
    for capacity in (0, 3):
        channel = Chan[int](capacity)
        senders = [world.spawn("sender", send_value, channel, n) for n in range(10)]
        got = [channel.recv() for _ in range(3)]
        channel.close()
        rest = list(channel)
        sent = [n for n, sender in enumerate(senders) if sender.result()]
        assert sorted(got + rest) == sent


def close_it(channel: Chan[int]) -> bool:
    try:
        channel.close()
    except ChannelClosed:
        return False
    return True


def of_many_closers_one_closes(world: World) -> None:
    channel = Chan[int]()
    closers = [world.spawn("closer", close_it, channel) for _ in range(6)]
    assert sorted(closer.result() for closer in closers) == [False] * 5 + [True]


def offer_or_take(mine: Chan[int], theirs: Chan[int], rounds: int) -> int:
    balance = 0
    for _ in range(rounds):
        got = select(Send(mine, 1), Recv(theirs))
        balance += 1 if got.index == 0 else -1
    return balance


def two_selects_that_offer_and_take_crosswise_agree(world: World) -> None:
    left, right = Chan[int](), Chan[int]()
    one = world.spawn("sender", offer_or_take, left, right, 40)
    two = world.spawn("receiver", offer_or_take, right, left, 40)
    assert one.result() + two.result() == 0


def keep_one(channel: Chan[int], rounds: int) -> list[int]:
    kept = []
    for n in range(rounds):
        got = select(Recv(channel), Send(channel, n))
        kept.append(-1 if got.index else got.value if got.value is not None else -2)
    return kept


def a_select_on_both_ends_of_one_buffer_alternates(world: World) -> None:
    for _ in range(3):
        kept = world.spawn("worker", keep_one, Chan[int](1), 10).result()
        assert kept == [-1, 0, -1, 2, -1, 4, -1, 6, -1, 8]


def poll(channel: Chan[int], most: int) -> list[int]:
    got: list[int] = []
    while len(got) < most:
        one = select(Recv(channel), default=True)
        if one.channel is None:
            yield_now()
        elif one.value is not None:
            got.append(one.value)
    return got


def send_all(channel: Chan[int], count: int) -> None:
    for n in range(count):
        channel.send(n)


def polling_meets_senders_in_the_end(world: World) -> None:
    for capacity in (0, 1):
        channel = Chan[int](capacity)
        sender = world.spawn("sender", send_all, channel, 10)
        receiver = world.spawn("receiver", poll, channel, 10)
        assert receiver.result() == list(range(10))
        sender.result()


def give_up_and_come_back(channel: Chan[int], count: int) -> list[int]:
    got: list[int] = []
    while len(got) < count:
        try:
            one = select(Recv(channel), timeout=0.0005)
        except TimeoutError:
            continue
        if one.value is not None:
            got.append(one.value)
    return got


def receivers_that_give_up_lose_no_value(world: World) -> None:
    channel = Chan[int]()
    receiver = world.spawn("receiver", give_up_and_come_back, channel, 12)
    sender = world.spawn("sender", send_all, channel, 12)
    assert receiver.result() == list(range(12))
    sender.result()


def offer_with_limit(channel: Chan[int], count: int) -> int:
    misses = 0
    for n in range(count):
        while True:
            try:
                select(Send(channel, n), timeout=0.0005)
                break
            except TimeoutError:
                misses += 1
    return misses


def senders_that_give_up_send_nothing_twice(world: World) -> None:
    channel = Chan[int]()
    sender = world.spawn("sender", offer_with_limit, channel, 12)
    receiver = world.spawn("receiver", give_up_and_come_back, channel, 12)
    assert receiver.result() == list(range(12))
    sender.result()


def a_cancelled_sender_leaves_nothing_behind(world: World) -> None:
    channel = Chan[int]()
    gone = world.spawn("sender", send_value, channel, 1)
    world.settle()
    assert gone.cancel()
    world.settle()
    assert gone.done()
    stays = world.spawn("sender", send_value, channel, 2)
    assert channel.recv() == 2
    assert stays.result()


def answer_some(requests: Chan[tuple[int, Chan[int]]]) -> int:
    late = 0
    for number, reply in requests:
        if select(Send(reply, number), default=True).channel is None:
            late += 1
    return late


def an_answer_that_nobody_waits_for_is_dropped_by_default(world: World) -> None:
    requests = Chan[tuple[int, Chan[int]]]()
    server = world.spawn("worker", answer_some, requests)
    for n in range(6):
        reply = Chan[int](n % 2)  # with room the answer fits, without nobody takes it
        requests.send((n, reply))
        world.settle()
        assert len(reply) == n % 2
    requests.close()
    assert server.result() == 3


def meet_all(arrive: Chan[int], leave: Chan[None], me: int) -> bool:
    arrive.send(me)
    return leave.recv_ok()[1]


def a_barrier_lets_all_go_at_once(world: World) -> None:
    for _ in range(3):
        arrive, leave = Chan[int](), Chan[None]()
        members = [world.spawn("worker", meet_all, arrive, leave, me) for me in range(7)]
        assert sorted(arrive.recv() for _ in range(7)) == list(range(7))
        assert not any(member.done() for member in members)
        leave.close()
        assert not any(member.result() for member in members)


def drain_either(channels: list[Chan[int]]) -> list[int]:
    """Go's way to merge: a closed channel becomes nil and its case is never ready again."""
    left: list[Chan[int] | None] = list(channels)
    got = []
    while any(channel is not None for channel in left):
        one = select(*map(Recv, left))
        if one.ok and one.value is not None:
            got.append(one.value)
        else:
            left[one.index] = None
    return got


def send_and_close(channel: Chan[int], first: int, count: int) -> None:
    for n in range(first, first + count):
        channel.send(n)
    channel.close()


def closed_channels_drop_out_of_a_merge(world: World) -> None:
    channels = [Chan[int](n % 3) for n in range(5)]
    merged = world.spawn("receiver", drain_either, channels)
    senders = [world.spawn("sender", send_and_close, channel, 10 * n, n) for n, channel in enumerate(channels)]
    assert sorted(merged.result()) == sorted(10 * n + m for n in range(5) for m in range(n))
    for sender in senders:
        sender.result()


def count_closed(channels: list[Chan[int]], trials: int) -> list[int]:
    counts = [0] * len(channels)
    for _ in range(trials):
        counts[select(*map(Recv, channels)).index] += 1
    return counts


def closed_channels_are_chosen_evenly(world: World) -> None:
    channels = [Chan[int]() for _ in range(4)]
    for channel in channels:
        channel.close()
    counts = world.spawn("receiver", count_closed, channels, 400).result()
    assert min(counts) > 50  # of 100 expected; by chance less than once in 10**8


def select_send_or_stop(channel: Chan[int], stop: Chan[None]) -> str:
    try:
        return "stopped" if select(Send(channel, 1), Recv(stop)).index else "sent"
    except ChannelClosed:
        return "closed"


def a_select_that_waits_to_send_is_told_of_the_close(world: World) -> None:
    channel, stop = Chan[int](), Chan[None]()
    senders = [world.spawn("sender", select_send_or_stop, channel, stop) for _ in range(4)]
    world.settle()
    assert channel.recv() == 1
    channel.close()
    assert sorted(sender.result() for sender in senders) == ["closed"] * 3 + ["sent"]


def fill_and_drain(channel: Chan[int], there: Chan[int], rounds: int) -> bool:
    """The buffer's places are used over and over, at every offset."""
    sent = received = 0
    for n in range(rounds):
        for _ in range(n % (channel.capacity + 1)):
            channel.send(sent)
            sent += 1
        while len(channel):
            if channel.recv() != received:
                return False
            received += 1
    there.send(sent)
    return sent == received


def buffers_keep_their_order_round_and_round(world: World) -> None:
    for capacity in (1, 2, 5):
        there = Chan[int](1)
        assert world.spawn("worker", fill_and_drain, Chan[int](capacity), there, 12).result()
        assert there.recv() == sum(n % (capacity + 1) for n in range(12))


def watch_length(channel: Chan[int], stop: Chan[None]) -> int:
    most = 0
    while select(Recv(stop), default=True).channel is None:
        most = max(most, len(channel))
        yield_now()
    return most


def length_never_passes_capacity(world: World) -> None:
    channel, stop = Chan[int](3), Chan[None]()
    watcher = world.spawn("worker", watch_length, channel, stop)
    senders = [world.spawn("sender", send_all, channel, 15) for _ in range(3)]
    assert sorted(channel.recv() for _ in range(45)) == sorted([*range(15)] * 3)
    for sender in senders:
        sender.result()
    stop.close()
    assert watcher.result() <= 3


def hand_back(deep: Chan[Chan[Chan[int]]]) -> None:
    deep.recv().recv().send(7)


def channels_through_channels_through_channels(world: World) -> None:
    deep, middle, inner = Chan[Chan[Chan[int]]](), Chan[Chan[int]](1), Chan[int](1)
    helper = world.spawn("worker", hand_back, deep)
    deep.send(middle)
    middle.send(inner)
    assert inner.recv() == 7
    helper.result()


def mirror(there: Chan[bytes], back: Chan[bytes]) -> None:
    for data in there:
        back.send(data)
    back.close()


def send_blobs(there: Chan[bytes], sizes: list[int]) -> None:
    for size in sizes:
        there.send(bytes(size))
    there.close()


def large_and_small_values_keep_their_order_both_ways(world: World) -> None:
    sizes = [0, 1, 300_000, 2, 70_000, 1_000_000, 3, 65_536]
    there, back = Chan[bytes](1), Chan[bytes]()
    world.spawn("worker", mirror, there, back)
    world.spawn("sender", send_blobs, there, sizes)
    assert [len(data) for data in back] == sizes


def take_or_time_out(channel: Chan[int], own: Chan[int]) -> str:
    try:
        got = select(Recv(channel), Recv(own), timeout=0.002)
    except TimeoutError:
        return "late"
    return "closed" if not got.ok else "value"


def a_close_beside_a_time_limit_is_seen_or_late(world: World) -> None:
    """Nothing else can come out, and nothing is left behind that would take a later value."""
    for _ in range(8):
        channel, own = Chan[int](1), Chan[int]()
        waiting = world.spawn("receiver", take_or_time_out, channel, own)
        yield_now()
        channel.close()
        assert waiting.result() in ("closed", "late")


def a_waiter_with_several_cases_takes_one_value_only(world: World) -> None:
    for _ in range(5):
        channels = [Chan[int](1) for _ in range(3)]
        waiting = world.spawn("receiver", first_of, channels)
        world.settle()
        for n, channel in enumerate(channels):
            channel.send(n)
        index = waiting.result()
        world.settle()
        assert [len(channel) for channel in channels] == [int(n != index) for n in range(3)]


def first_of(channels: list[Chan[int]]) -> int:
    return select(*map(Recv, channels)).index
