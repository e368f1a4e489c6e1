"""Several threads, each with its scheduler: routines stay where they were started, wakes and ends cross threads."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

from gotee import Cancelled, Chan, Recv, Routine, go, select, sleep, yield_now
from gotee.runtime.scheduler import scheduler_of_this_thread, schedulers

from .script import lines_of


def in_thread(f: Callable[..., object], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=f, args=args)
    thread.start()
    return thread


def test_a_routine_stays_on_the_thread_that_called_go() -> None:
    seen: list[tuple[int, int]] = []

    def routine(home: int) -> None:
        for _ in range(5):
            seen.append((home, threading.get_ident()))
            yield_now()

    def thread() -> None:
        for started in [go(routine, threading.get_ident()) for _ in range(5)]:
            started.result()

    threads = [in_thread(thread) for _ in range(4)]
    thread()
    for each in threads:
        each.join()
    assert len(seen) == 5 * 5 * 5
    assert all(home == here for home, here in seen)


def test_a_routine_started_by_a_routine_stays_on_its_thread() -> None:
    idents: list[int] = []

    def outer() -> None:
        go(lambda: idents.append(threading.get_ident())).result()

    thread = in_thread(lambda: go(outer).result())
    thread.join()
    assert idents == [thread.ident]


@pytest.mark.parametrize("capacity", [0, 1, 7])
def test_values_cross_threads_in_order(capacity: int) -> None:
    there, back = Chan[int](capacity), Chan[int](capacity)

    def echo() -> None:
        for n in there:
            back.send(n)
        back.close()

    def produce() -> None:
        for n in range(2000):
            there.send(n)
        there.close()

    thread = in_thread(echo)
    go(produce)
    assert list(back) == list(range(2000))
    thread.join()


def test_a_parked_thread_is_woken_by_each_kind_of_operation_of_another() -> None:
    ready, values, slot = Chan[int](), Chan[int](), Chan[int](1)

    def other() -> None:
        ready.send(1)
        values.send(2)
        slot.recv()
        values.close()

    slot.send(0)
    thread = in_thread(other)
    assert ready.recv() == 1
    assert select(Recv(values), timeout=60).value == 2
    slot.send(3)
    assert values.recv_ok() == (None, False)
    thread.join()


def test_the_end_of_a_thread_cancels_its_routines() -> None:
    routines: list[Routine[Any]] = []
    seen: list[str] = []

    def parked(name: str, park: Callable[[], object]) -> None:
        try:
            park()
        except Cancelled:
            seen.append(f"{name} cancelled")
            raise
        finally:
            seen.append(f"{name} finally {threading.get_ident()}")

    gate = Chan[int]()

    def thread() -> None:
        routines.append(go(parked, "recv", gate.recv))
        routines.append(go(parked, "sleep", lambda: sleep(3600)))
        routines.append(go(parked, "select", lambda: select(Recv(gate), timeout=3600)))
        routines.append(go(parked, "result", routines[0].result))
        yield_now()
        routines.append(go(seen.append, "never"))

    worker = in_thread(thread)
    worker.join()
    for routine in routines:
        assert routine.done()
        with pytest.raises(Cancelled):
            routine.result()
    assert sorted(seen) == sorted(
        f"{name} {what}"
        for name in ("recv", "sleep", "select", "result")
        for what in ("cancelled", f"finally {worker.ident}")
    )
    assert len(gate.receivers) == 0


def test_waiters_of_other_threads_get_cancelled_when_the_routine_s_thread_ends() -> None:
    handles: Chan[Routine[int]] = Chan(2)
    leave = threading.Event()
    gate = Chan[int]()

    def thread() -> None:
        handles.send(go(gate.recv))
        yield_now()
        handles.send(go(gate.recv))  # has not started when the thread ends
        leave.wait()

    worker = in_thread(thread)
    waiters = [go(handles.recv().result) for _ in range(2)]
    for _ in range(5):
        yield_now()
    leave.set()
    for waiter in waiters:
        with pytest.raises(Cancelled):
            waiter.result(timeout=60)
    worker.join()


def test_finally_blocks_at_the_end_of_a_thread_may_use_channels_and_each_park_is_cancelled() -> None:
    out, never = Chan[str](1), Chan[int]()

    def stubborn() -> None:
        try:
            never.recv()
        finally:
            out.send("clean")
            try:
                never.recv()
            finally:
                never.close()

    def thread() -> None:
        go(stubborn)
        yield_now()

    in_thread(thread).join()
    assert out.recv() == "clean"
    assert never.recv_ok() == (None, False)


def test_a_routine_that_swallows_every_cancel_does_not_stop_its_thread_from_ending() -> None:
    assert lines_of(
        """
        def stubborn():
            while True:
                try: Chan().recv()
                except Cancelled: pass
        def thread():
            go(stubborn); yield_now()
        t = threading.Thread(target=thread); t.start(); t.join()
        say("ended")
        """
    ) == ["ended"]


@pytest.mark.parametrize("stop", ["SystemExit(3)", "KeyboardInterrupt()", "GeneratorExit()", "KeyError()"])
def test_one_that_ends_badly_at_the_thread_s_end_does_not_keep_the_others_from_being_cancelled(stop: str) -> None:
    assert lines_of(
        f"""
        gate, routines = Chan(), []
        def bad():
            try: gate.recv()
            finally: raise {stop}
        def good():
            try: gate.recv()
            finally: say("finally")
        def thread():
            routines.extend([go(bad), *[go(good) for _ in range(8)]])
            yield_now()
            routines.append(go(good))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)   # how the bad end is reported is not the question here
        t = threading.Thread(target=thread); t.start(); t.join()
        for routine in routines[1:]:
            try: routine.result(timeout=2)
            except Cancelled: say("cancelled")
        say(routines[0].done())
        """
    ) == ["finally"] * 8 + ["cancelled"] * 9 + ["True"]


def test_the_end_of_a_thread_cancels_its_async_routines() -> None:
    ended = lines_of(
        """
        routines = []
        async def f():
            try: await asyncio.sleep(3600)
            finally: say("finally")
        def thread():
            routines.append(go(f)); sleep(0.02)
        t = threading.Thread(target=thread); t.start(); t.join()
        try: routines[0].result(timeout=2)
        except Cancelled: say("cancelled")
        """
    )
    assert ended == ["finally", "cancelled"]


def test_go_at_the_end_of_a_thread_is_refused() -> None:
    seen: list[BaseException] = []

    def late() -> None:
        try:
            Chan[int]().recv()
        finally:
            try:
                go(int)
            except BaseException as error:
                seen.append(error)

    def thread() -> None:
        go(late)
        yield_now()

    in_thread(thread).join()
    assert [type(error) for error in seen] == [Cancelled]


def test_hundreds_of_short_threads_leave_nothing_behind() -> None:
    gc.collect()
    here = scheduler_of_this_thread()
    results = Chan[int](300)

    def thread(n: int) -> None:
        gate = Chan[int]()
        go(gate.recv)  # left parked
        results.send(go(lambda: n).result())
        yield_now()

    for batch in range(30):
        threads = [in_thread(thread, batch * 10 + n) for n in range(10)]
        for each in threads:
            each.join()
    assert sorted(results.recv() for _ in range(300)) == list(range(300))
    assert schedulers == {here}


def test_the_memory_of_short_threads_is_given_back() -> None:
    assert lines_of(
        """
        import gc
        from greenlet import greenlet
        def thread():
            for _ in range(20): go(Chan().recv)
            yield_now()
        def batch(n):
            for _ in range(n):
                t = threading.Thread(target=thread); t.start(); t.join()
            yield_now(); gc.collect()
            return sum(isinstance(o, greenlet) for o in gc.get_objects())
        before = batch(20)
        say(batch(50) - before <= 10)   # each thread made 22 of them
        """
    ) == ["True"]


def test_a_handle_outlives_its_thread() -> None:
    handles: list[Routine[int]] = []

    def thread() -> None:
        handles.append(go(lambda: 8))
        handles[0].result()

    in_thread(thread).join()
    assert handles[0].result() == 8
    assert handles[0].cancel() is False


def test_daemon_threads_that_wake_while_the_interpreter_ends_do_not_crash_it() -> None:
    assert lines_of(
        """
        values = Chan()
        def send():
            while True: values.send(1)
        def nap():
            while True: sleep(0.0001)
        def napping(): go(nap).result()
        for target in (send, send, nap, napping):
            threading.Thread(target=target, daemon=True).start()
        for _ in range(500): values.recv()
        class Slow:  # ends after the interpreter has begun to, and lets other threads run
            def __del__(self, sleep=time.sleep):
                for _ in range(50): sleep(0.001)
        sys.slow = Slow()
        say("main ends")
        """
    ) == ["main ends"]
