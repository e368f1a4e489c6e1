"""Channels between Python threads, each with its own routines: nothing is lost, doubled, reordered or left asleep."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from gotee import Chan, ChannelClosed, Recv, Routine, Send, go, select, yield_now

THREADS = 3
ROUTINES = 4  # a thread
VALUES = 100  # a routine


def run_in_threads(*calls: tuple[Any, ...]) -> list[Any]:
    """Each call `(f, *args)` in a thread of its own: what they return, or the first failure."""
    results: list[Any] = [None] * len(calls)
    failures: list[BaseException] = []

    def run(place: int, f: Callable[..., Any], *args: Any) -> None:
        try:
            results[place] = f(*args)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(n, *call)) for n, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def in_routines(f: Callable[..., Any], *calls: tuple[Any, ...]) -> list[Any]:
    """Run `f` with each of these arguments in a routine of the calling thread."""
    routines: list[Routine[Any]] = [go(f, *args) for args in calls]
    return [routine.result() for routine in routines]


def send_own(channel: Chan[tuple[int, int]], sender: int) -> None:
    for n in range(VALUES):
        channel.send((sender, n))
        if n % 10 == sender:
            yield_now()


def recv_all(channel: Chan[tuple[int, int]]) -> list[tuple[int, int]]:
    return list(channel)


def close_after(channel: Chan[Any], *threads: tuple[Any, ...]) -> None:
    run_in_threads(*threads)
    channel.close()


def assert_complete(batches: list[list[tuple[int, int]]], senders: int) -> None:
    """All values of all senders, once each, and in every batch each sender's in order."""
    everything = sorted(value for batch in batches for value in batch)
    assert everything == [(sender, n) for sender in range(senders) for n in range(VALUES)]
    for batch in batches:
        for sender in range(senders):
            numbers = [n for s, n in batch if s == sender]
            assert numbers == sorted(numbers)


@pytest.mark.parametrize("capacity", [0, 1, 10])
def test_values_of_each_sender_arrive_once_and_in_order(capacity: int):
    channel = Chan[tuple[int, int]](capacity)
    senders = [[(channel, t * ROUTINES + r) for r in range(ROUTINES)] for t in range(THREADS)]
    batches = run_in_threads(
        *[(in_routines, recv_all, *[(channel,)] * ROUTINES)] * THREADS,
        (close_after, channel, *((in_routines, send_own, *calls) for calls in senders)),
    )
    assert_complete([batch for batches_of_thread in batches[:-1] for batch in batches_of_thread], THREADS * ROUTINES)


def test_one_receiver_in_another_thread_sees_the_order_of_the_sender():
    for capacity in (0, 3):
        channel = Chan[tuple[int, int]](capacity)
        _, received = run_in_threads((close_after, channel, (send_own, channel, 0)), (recv_all, channel))
        assert received == [(0, n) for n in range(VALUES)]


def wait_for_close(way: str, channel: Chan[int], ready: Chan[bool]) -> str:
    """Announce, then wait on a channel that only its close can end."""
    ready.send(True)
    try:
        if way == "recv":
            return f"{channel.recv_ok()}"
        if way == "iterate":
            return f"{list(channel)}"
        selected = select(Recv(channel), Recv(None))
    except ChannelClosed:
        return "closed"
    return f"{selected.index} {selected.value} {selected.ok}"


def test_close_wakes_the_waiting_receivers_of_all_threads():
    ways = {"recv": "(None, False)", "iterate": "[]", "select": "0 None False"}
    for _ in range(10):
        channel, ready = Chan[int](), Chan[bool](THREADS * ROUTINES * len(ways))
        *told, _ = run_in_threads(
            *[(in_routines, wait_for_close, *[(way, channel, ready) for way in ways] * ROUTINES)] * THREADS,
            (close_when, channel, ready, ready.capacity),
        )
        assert told == [list(ways.values()) * ROUTINES] * THREADS


def close_when(channel: Chan[int], ready: Chan[bool], count: int) -> None:
    for _ in range(count):
        ready.recv()
    channel.close()


def send_until_closed(channel: Chan[int], ready: Chan[bool]) -> str:
    ready.send(True)
    try:
        channel.send(1)
    except ChannelClosed:
        return "closed"
    return "sent"


def test_close_wakes_the_waiting_senders_of_all_threads():
    for _ in range(10):
        channel, ready = Chan[int](), Chan[bool](THREADS * ROUTINES)
        *told, _ = run_in_threads(
            *[(in_routines, send_until_closed, *[(channel, ready)] * ROUTINES)] * THREADS,
            (close_when, channel, ready, ready.capacity),
        )
        assert told == [["closed"] * ROUTINES] * THREADS


def select_until_all_closed(channels: list[Chan[tuple[int, int]]]) -> list[tuple[int, int]]:
    cases: list[Chan[tuple[int, int]] | None] = list(channels)
    received = []
    while any(channel is not None for channel in cases):
        selected = select(*(Recv(channel) for channel in cases))
        if selected.ok:
            received.append(selected.value)
        else:
            cases[selected.index] = None
    return received


@pytest.mark.parametrize("capacity", [0, 2])
def test_selects_of_several_threads_share_channels_without_loss(capacity: int):
    channels = [Chan[tuple[int, int]](capacity) for _ in range(THREADS)]
    senders = [(close_after, channel, (send_own, channel, n)) for n, channel in enumerate(channels)]
    batches = run_in_threads(*[(in_routines, select_until_all_closed, *[(channels,)] * ROUTINES)] * THREADS, *senders)
    assert_complete([batch for thread in batches[:THREADS] for batch in thread], THREADS)


def exchange(me: int, channel: Chan[int], stop: Chan[bool]) -> tuple[int, list[int]]:
    """Offer and accept on one channel until told to stop: (values sent, values received)."""
    sent, received = 0, []
    while True:
        selected = select(Send(channel, me), Recv(channel), Recv(stop))
        if selected.index == 0:
            sent += 1
        elif selected.index == 1:
            received.append(selected.value)
        else:
            return sent, received
        if len(received) >= VALUES:
            return sent, received


def exchange_and_stop(me: int, channel: Chan[int], stop: Chan[bool]) -> tuple[int, list[int]]:
    outcome = exchange(me, channel, stop)
    select(Send(stop, True), default=True)  # wakes those that may have no partner left
    return outcome


def test_selects_of_two_threads_that_send_and_receive_exchange_every_value():
    channel, stop = Chan[int](), Chan[bool](1)
    (sent, received), (other_sent, other_received) = run_in_threads(
        (exchange_and_stop, 0, channel, stop), (exchange_and_stop, 1, channel, stop)
    )
    assert (sent, other_sent) == (len(other_received), len(received))
    assert set(received) <= {1}
    assert set(other_received) <= {0}
    assert VALUES in (len(received), len(other_received))


def answer(requests: Chan[tuple[int, Chan[int]]]) -> int:
    answered = 0
    for number, reply in requests:
        reply.send(number + 1)
        answered += 1
    return answered


def ask(requests: Chan[tuple[int, Chan[int]]], first: int) -> list[int]:
    answers = []
    for number in range(first, first + VALUES):
        reply = Chan[int]()
        requests.send((number, reply))
        answers.append(reply.recv())
    return answers


def test_a_reply_channel_for_each_request_across_threads():
    requests = Chan[tuple[int, Chan[int]]]()
    askers = [(in_routines, ask, *[(requests, VALUES * n) for n in range(ROUTINES)])] * THREADS
    answered, _ = run_in_threads((answer, requests), (close_after, requests, *askers))
    assert answered == THREADS * ROUTINES * VALUES
