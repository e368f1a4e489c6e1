"""What Python's spelling adds to Go's channels: exceptions, iteration, truth, time limits, the fields of Selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gotee import Chan, ChannelClosed, Recv, Send, select

if TYPE_CHECKING:
    from ..world import World


def send_and_say(channel: Chan[int], value: int) -> str:
    try:
        channel.send(value)
    except ChannelClosed:
        return "closed"
    return "sent"


def select_send_and_say(channel: Chan[int], value: int) -> str:
    try:
        select(Send(channel, value), Recv(None), timeout=1_000)
    except ChannelClosed:
        return "closed"
    return "sent"


def close(channel: Chan[int]) -> None:
    channel.close()


def send_all_and_close(channel: Chan[int], values: list[int]) -> None:
    for value in values:
        channel.send(value)
    channel.close()


def iterate(channel: Chan[int]) -> list[int]:
    return list(channel)


def iterate_twice(channel: Chan[int]) -> tuple[list[int], list[int]]:
    return list(channel), list(channel)


def take_two_and_stop(channel: Chan[int]) -> list[int]:
    taken = []
    for value in channel:
        taken.append(value)
        if len(taken) == 2:
            break
    return taken


def recv_all_ok(channel: Chan[int]) -> list[tuple[int | None, bool]]:
    received = [channel.recv_ok()]
    while received[-1][1]:
        received.append(channel.recv_ok())
    return received


def truth(channel: Chan[int]) -> tuple[bool, int]:
    return bool(channel), len(channel)


def waiting_senders_are_told_that_the_channel_closed(world: World) -> None:
    for capacity in (0, 2):
        channel = Chan[int](capacity)
        for n in range(capacity):
            channel.send(n)
        senders = [world.spawn("sender", f, channel, 9) for f in (send_and_say, select_send_and_say) * 3]
        world.settle()
        assert not any(sender.done() for sender in senders)
        world.spawn("closer", close, channel)
        assert [sender.result() for sender in senders] == ["closed"] * 6
        assert world.spawn("receiver", iterate, channel).result() == list(range(capacity))


def buffered_values_are_received_after_close(world: World) -> None:
    channel = Chan[int](3)
    world.spawn("sender", send_all_and_close, channel, [1, 2, 3]).result()
    assert world.spawn("receiver", recv_all_ok, channel).result() == [
        (1, True), (2, True), (3, True), (None, False),
    ]  # fmt: skip


def iteration_ends_at_close_and_stays_ended(world: World) -> None:
    for capacity in (0, 1, 4):
        channel = Chan[int](capacity)
        world.spawn("sender", send_all_and_close, channel, [0, 1, 2])
        assert world.spawn("receiver", iterate_twice, channel).result() == ([0, 1, 2], [])


def leaving_an_iteration_takes_nothing_more(world: World) -> None:
    channel = Chan[int](4)
    world.spawn("sender", send_all_and_close, channel, [0, 1, 2, 3]).result()
    assert world.spawn("receiver", take_two_and_stop, channel).result() == [0, 1]
    assert world.spawn("receiver", iterate, channel).result() == [2, 3]


def a_channel_is_true_whatever_its_length(world: World) -> None:
    channel = Chan[int](1)
    assert world.spawn("receiver", truth, channel).result() == (True, 0)
    channel.send(1)
    assert world.spawn("receiver", truth, channel).result() == (True, 1)
    channel.recv()
    channel.close()
    assert world.spawn("receiver", truth, channel).result() == (True, 0)


# -- the fields of Selected ----------------------------------------------------------------------------


def select_fields(
    channels: list[Chan[int] | None], sends: list[bool], default: bool
) -> tuple[int, int, int | None, bool]:
    """(index, which of the channels, value, ok); the place of the default's channel is -1."""
    cases = [Send(c, 5) if send else Recv(c) for c, send in zip(channels, sends, strict=True)]
    index, channel, value, ok = select(*cases, default=default)
    place = -1 if channel is None else next(n for n, c in enumerate(channels) if c is channel)
    return index, place, value, ok


def selected_names_its_case(world: World) -> None:
    idle, stored, room, closed = Chan[int](), Chan[int](1), Chan[int](1), Chan[int]()
    stored.send(3)
    closed.close()
    for default in (False, True):
        fields = world.spawn("sender", select_fields, [idle, None, room], [False, True, True], default)
        assert fields.result() == (2, 2, None, True)
        assert room.recv() == 5
    fields = world.spawn("receiver", select_fields, [None, idle, idle, stored], [False] * 4, False)
    assert fields.result() == (3, 3, 3, True)
    fields = world.spawn("receiver", select_fields, [idle, closed], [False, False], False)
    assert fields.result() == (1, 1, None, False)
    fields = world.spawn("worker", select_fields, [idle, None], [True, False], True)
    assert fields.result() == (-1, -1, None, False)


def a_select_that_waited_names_its_case_too(world: World) -> None:
    for sends in (False, True):
        idle, chosen = Chan[int](), Chan[int]()
        waiting = world.spawn("worker", select_fields, [idle, None, chosen], [False, False, sends], False)
        world.settle()
        if sends:
            assert world.spawn("receiver", recv_one, chosen).result() == 5
            assert waiting.result() == (2, 2, None, True)
        else:
            assert world.spawn("sender", send_and_say, chosen, 6).result() == "sent"
            assert waiting.result() == (2, 2, 6, True)


def a_select_that_waited_sees_the_close(world: World) -> None:
    idle, closing = Chan[int](), Chan[int]()
    waiting = world.spawn("receiver", select_fields, [idle, closing], [False, False], False)
    world.settle()
    world.spawn("closer", close, closing)
    assert waiting.result() == (1, 1, None, False)


def recv_one(channel: Chan[int]) -> int:
    return channel.recv()


# -- time limits ---------------------------------------------------------------------------------------


def select_with_limit(channels: list[Chan[int] | None], sends: bool, timeout: float) -> str:
    cases = [Send(channel, 5) if sends else Recv(channel) for channel in channels]
    try:
        selected = select(*cases, timeout=timeout)
    except TimeoutError:
        return "timeout"
    return f"{selected.index} {selected.value} {selected.ok}"


def a_time_limit_ends_a_select_that_nothing_else_would(world: World) -> None:
    idle = Chan[int]()
    for timeout in (0, 0.0, 0.01):
        for channels in ([], [None], [idle], [idle, idle, None]):
            for sends in (False, True):
                limited = world.spawn("worker", select_with_limit, channels, sends, timeout)
                assert limited.result() == "timeout", (timeout, len(channels), sends)


def a_ready_case_comes_before_a_time_limit_of_zero(world: World) -> None:
    channel = Chan[int](1)
    assert world.spawn("sender", select_with_limit, [None, channel], True, 0).result() == "1 None True"
    assert world.spawn("receiver", select_with_limit, [None, channel], False, 0).result() == "1 5 True"


def a_select_that_timed_out_is_no_partner(world: World) -> None:
    channel = Chan[int]()
    for sends in (False, True):
        assert world.spawn("worker", select_with_limit, [channel], sends, 0.001).result() == "timeout"
    assert select(Recv(channel), default=True).index == -1
    assert select(Send(channel, 1), default=True).index == -1
    behind = world.spawn("receiver", recv_one, channel)
    assert world.spawn("sender", send_and_say, channel, 8).result() == "sent"
    assert behind.result() == 8


# -- many cases ----------------------------------------------------------------------------------------


def sum_until_all_closed(channels: list[Chan[int]]) -> tuple[int, int]:
    """Receive from all until each is closed; returns (sum, number of values)."""
    cases: list[Chan[int] | None] = list(channels)
    total = count = 0
    while any(channel is not None for channel in cases):
        selected = select(*(Recv(channel) for channel in cases))
        if selected.ok:
            total += selected.value
            count += 1
        else:
            cases[selected.index] = None
    return total, count


def a_select_merges_two_to_sixty_four_channels(world: World) -> None:
    values = [1, 2, 3]
    for width in (2, 3, 5, 8, 16, 33, 64):
        for capacity in (0, 2):
            channels = [Chan[int](capacity) for _ in range(width)]
            for channel in channels:
                world.spawn("sender", send_all_and_close, channel, values)
            merged = world.spawn("receiver", sum_until_all_closed, channels)
            assert merged.result() == (width * sum(values), width * len(values)), (width, capacity)


def every_place_among_sixty_four_can_wake_a_select(world: World) -> None:
    for place in range(64):
        channels = [Chan[int]() for _ in range(64)]
        waiting = world.spawn("receiver", select_fields, channels, [False] * 64, False)
        world.settle()
        world.spawn("sender", send_and_say, channels[place], place)
        assert waiting.result() == (place, place, place, True)


# -- channels in values --------------------------------------------------------------------------------


def answer_requests(requests: Chan[tuple[int, Chan[int]]]) -> int:
    answered = 0
    for number, reply in requests:
        reply.send(number * number)
        answered += 1
    return answered


def ask(requests: Chan[tuple[int, Chan[int]]], replies: list[Chan[int]]) -> list[int]:
    answers = []
    for number, reply in enumerate(replies):
        requests.send((number, reply))
        answers.append(reply.recv())
    requests.close()
    return answers


def channels_are_sent_through_channels(world: World) -> None:
    requests = Chan[tuple[int, Chan[int]]]()
    replies = [Chan[int]() for _ in range(10)]
    server = world.spawn("receiver", answer_requests, requests)
    assert world.spawn("sender", ask, requests, replies).result() == [n * n for n in range(10)]
    assert server.result() == 10
