"""sleep, timeouts and the heap behind them."""

from __future__ import annotations

import itertools
import random
import time

import pytest

from gotee import Cancelled, Chan, Recv, Send, go, select, sleep, yield_now
from gotee.runtime.scheduler import scheduler_of_this_thread

from .script import lines_of


def test_sleepers_wake_in_the_order_of_their_deadlines() -> None:
    begun: list[tuple[int, float]] = []
    seen: list[int] = []

    def f(n: int, seconds: float) -> None:
        begun.append((n, time.monotonic()))
        sleep(seconds)
        seen.append(n)

    order = list(range(300))
    random.Random(1).shuffle(order)
    routines = [go(f, n, 0.05 + n * 0.0005) for n in order]
    go(f, 300, 0).result()
    for routine in routines:
        routine.result()
    # A deadline lies between these two: the machine may stop a routine between its look at the clock and its sleep.
    least = {n: at + 0.05 + n * 0.0005 for n, at in begun}
    most = {n: at + 0.05 + n * 0.0005 for (n, _), (_, at) in itertools.pairwise(begun)}
    seen.remove(300)
    assert sorted(seen) == sorted(order)
    latest = 0.0
    for n in seen:
        latest = max(latest, least[n])
        assert latest <= most[n]


def test_sleep_sleeps_at_least_as_long_as_asked() -> None:
    before = time.monotonic()
    sleep(0.02)
    assert time.monotonic() - before >= 0.02


def test_sleepers_sleep_side_by_side() -> None:
    assert lines_of(
        """
        for routine in [go(sleep, 0.3) for _ in range(200)]: routine.result()
        say("one after the other would take a minute")
        """
    )


@pytest.mark.parametrize("seconds", [0, -1, 0.0])
def test_sleep_zero_lets_the_others_run_first(seconds: float) -> None:
    seen: list[str] = []
    go(seen.append, "other")
    sleep(seconds)
    seen.append("me")
    assert seen == ["other", "me"]


def test_timers_fire_although_other_routines_never_stop() -> None:
    stop: list[bool] = []

    def busy() -> None:
        while not stop:
            yield_now()

    routines = [go(busy), go(busy)]
    sleep(0.01)
    stop.append(True)
    for routine in routines:
        routine.result()


def test_select_times_out_and_leaves_nothing_in_the_queues() -> None:
    inbox, outbox = Chan[int](), Chan[int]()
    for timeout in (0, -5, 0.001):
        with pytest.raises(TimeoutError):
            select(Recv(inbox), Send(outbox, 1), timeout=timeout)
        assert (len(inbox.receivers), len(outbox.senders)) == (0, 0)
    with pytest.raises(TimeoutError):
        select(timeout=0.001)


def test_a_timeout_of_zero_takes_what_is_ready() -> None:
    inbox = Chan[int](1)
    inbox.send(1)
    assert select(Recv(inbox), timeout=0).value == 1


def test_a_timeout_that_is_not_needed_leaves_no_timer() -> None:
    inbox = Chan[int]()
    go(inbox.send, 1)
    assert select(Recv(inbox), timeout=3600).value == 1
    assert scheduler_of_this_thread().live_timers == 0


def test_an_endless_timeout_is_allowed() -> None:
    inbox = Chan[int]()
    go(inbox.send, 1)
    assert select(Recv(inbox), timeout=float("inf")).value == 1


def test_a_value_and_a_timeout_at_once_lose_nothing() -> None:
    chan = Chan[int]()
    got: list[int] = []

    def receive() -> None:
        while True:
            try:
                value, ok = select(Recv(chan), timeout=1e-6)[2:]
            except TimeoutError:
                continue
            if not ok:
                return
            got.append(value)

    receiver = go(receive)
    for n in range(2000):
        chan.send(n)
    chan.close()
    receiver.result()
    assert got == list(range(2000))


def test_timers_of_waits_that_ended_early_do_not_pile_up() -> None:
    assert lines_of(
        """
        import gc, resource
        values = Chan()
        def produce():
            while True: values.send(1)
        go(produce)
        def turns(n):
            for _ in range(n): select(Recv(values), timeout=3600)
        turns(20_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        turns(200_000)   # a timer kept for each of them would be 40 MB
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        say(grown < 8_000 or grown)
        """
    ) == ["True"]


def test_cancelled_sleepers_do_not_pile_up() -> None:
    here = scheduler_of_this_thread()
    for _ in range(20):
        routines = [go(sleep, 3600) for _ in range(100)]
        yield_now()
        assert here.live_timers == 100
        for routine in routines:
            routine.cancel()
        for routine in routines:
            with pytest.raises(Cancelled):
                routine.result()
        assert here.live_timers == 0
