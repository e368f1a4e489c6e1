"""asyncio programs as hosts: async channel operations, routines driven by the loop, coroutines as routines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from gotee import (
    Cancelled,
    Chan,
    ChannelClosed,
    Recv,
    Send,
    UsageError,
    aselect,
    asleep,
    go,
    select,
    sleep,
    yield_now,
)

from .script import lines_of, run_script

LIMIT = 30.0  # seconds; what takes as long hangs


def run(main: Coroutine[Any, Any, Any]) -> Any:
    async def limited() -> Any:
        return await asyncio.wait_for(main, LIMIT)

    return asyncio.run(limited())


async def turns(n: int = 10) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


# -- operations -------------------------------------------------------------------------------------------


def test_tasks_send_and_receive_in_order() -> None:
    async def main() -> list[int]:
        chan = Chan[int]()

        async def produce() -> None:
            for n in range(200):
                await chan.asend(n)
            chan.close()

        task = asyncio.create_task(produce())
        got = [n async for n in chan]
        await task
        with pytest.raises(ChannelClosed):
            await chan.arecv()
        assert await chan.arecv_ok() == (None, False)
        with pytest.raises(ChannelClosed):
            await chan.asend(1)
        return got

    assert run(main()) == list(range(200))


def test_close_wakes_waiting_tasks() -> None:
    async def main() -> None:
        inbox, outbox = Chan[int](), Chan[int]()

        async def iterate() -> list[int]:
            return [value async for value in inbox]

        receiver = asyncio.create_task(inbox.arecv())
        iterator = asyncio.create_task(iterate())
        sender = asyncio.create_task(outbox.asend(1))
        selector = asyncio.create_task(aselect(Send(outbox, 1)))
        await turns()
        inbox.close()
        outbox.close()
        for task in (receiver, sender, selector):
            with pytest.raises(ChannelClosed):
                await task
        assert await iterator == []

    run(main())


def test_aselect_chooses_as_select() -> None:
    async def main() -> None:
        inbox, outbox = Chan[int](1), Chan[int](1)
        assert (await aselect(Recv(inbox), Send(outbox, 5))).index == 1
        assert (await aselect(Recv(inbox), default=True)).index == -1
        with pytest.raises(TimeoutError):
            await aselect(Recv(inbox), Recv(None), timeout=0.001)
        for timeout in (0, -1):
            with pytest.raises(TimeoutError):
                await aselect(Recv(inbox), timeout=timeout)
        inbox.close()
        selected = await aselect(Recv(inbox), timeout=10)
        assert (selected.index, selected.channel, selected.value, selected.ok) == (0, inbox, None, False)
        assert len(outbox) == 1

    run(main())


def test_a_waiting_aselect_is_chosen_by_its_partner_and_leaves_the_other_queues() -> None:
    async def main() -> None:
        a, b, c = Chan[int](), Chan[int](), Chan[int]()
        task = asyncio.create_task(aselect(Recv(a), Recv(b), Send(c, 1), timeout=20))
        await turns()
        await b.asend(7)
        selected = await task
        assert (selected.index, selected.value, selected.ok) == (1, 7, True)
        assert (len(a.receivers), len(b.receivers), len(c.senders)) == (0, 0, 0)

    run(main())


@pytest.mark.parametrize(
    "timeout", ["1", object(), float("nan"), Decimal("0.001")], ids=["str", "object", "nan", "decimal"]
)
def test_a_bad_timeout_of_aselect_leaves_nothing_in_the_queues(timeout: Any) -> None:
    async def main() -> None:
        chan = Chan[int]()
        with pytest.raises((TypeError, ValueError, OverflowError, TimeoutError)):
            await aselect(Recv(chan), Send(chan, 1), timeout=timeout)
        assert (len(chan.receivers), len(chan.senders)) == (0, 0)

    run(main())


@pytest.mark.parametrize("operation", ["aselect", "asleep"])
def test_a_time_too_large_for_a_float_is_refused_or_endless(operation: str) -> None:
    async def main() -> None:
        chan = Chan[int]()
        task = asyncio.ensure_future(
            aselect(Recv(chan), timeout=10**400) if operation == "aselect" else asleep(10**400)
        )
        await turns()
        task.cancel()
        with pytest.raises((asyncio.CancelledError, ValueError, OverflowError)):
            await task
        assert len(chan.receivers) == 0

    run(main())


def test_asleep_lets_routines_run_and_refuses_nan() -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        routine = go(seen.append, "routine")
        await asleep(0)
        await asleep(-1)
        await asleep(0.001)
        seen.append("task")
        await routine
        with pytest.raises(UsageError):
            await asleep(float("nan"))
        return seen

    assert run(main()) == ["routine", "task"]


# -- the loop's own stack ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "instead"),
    [
        (lambda c: c.recv(), "arecv"),
        (lambda c: c.recv_ok(), "arecv"),
        (lambda c: c.send(1), "asend"),
        (lambda c: next(c), "arecv"),
        (lambda c: select(Recv(c)), "aselect"),
        (lambda c: select(Recv(c), timeout=0), "aselect"),
        (lambda c: sleep(1), "asleep"),
        (lambda c: sleep(0), "asyncio.sleep|asleep"),
        (lambda c: yield_now(), "asyncio.sleep"),
        (lambda c: go(int).result(), "await"),
    ],
    ids=["recv", "recv_ok", "send", "next", "select", "select0", "sleep", "sleep0", "yield", "result"],
)
def test_a_blocking_operation_on_the_loop_s_stack_names_the_async_one(
    operation: Callable[[Chan[int]], object], instead: str
) -> None:
    async def main() -> None:
        chan = Chan[int]()
        with pytest.raises(UsageError, match=instead):
            operation(chan)
        in_callback: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def callback() -> None:
            try:
                operation(chan)
            except UsageError as error:
                in_callback.set_result(str(error))

        asyncio.get_running_loop().call_soon(callback)
        await in_callback
        assert (len(chan.receivers), len(chan.senders)) == (0, 0)
        chan.close()
        await turns()

    run(main())


def test_what_never_blocks_is_fine_on_the_loop_s_stack() -> None:
    async def main() -> None:
        chan = Chan[int](1)
        assert select(Send(chan, 1), default=True).index == 0
        assert select(Recv(chan), default=True).value == 1
        routine = go(chan.recv)
        await turns()
        chan.close()
        with pytest.raises(ChannelClosed):
            await routine
        assert go(int).cancel()
        await turns()

    run(main())


def test_blocking_operations_are_fine_in_a_routine_that_the_loop_drives() -> None:
    async def main() -> int:
        chan = Chan[int]()

        def routine() -> int:
            sleep(0.001)
            yield_now()
            total = sum(chan)
            return total + go(lambda: 1).result() + select(Recv(Chan[int](1)), default=True).index

        started = go(routine)
        for n in range(10):
            await chan.asend(n)
        chan.close()
        return await started

    assert run(main()) == 45


# -- routines while a loop runs ---------------------------------------------------------------------------


def test_routines_started_before_and_inside_run_are_driven_by_the_loop() -> None:
    chan, results = Chan[int](), Chan[int](10)

    def work(n: int) -> None:
        results.send(chan.recv() * 10 + n)

    before = go(work, 1)
    yield_now()
    unstarted = go(work, 2)

    async def main() -> None:
        inside = go(work, 3)
        for n in range(3):
            await chan.asend(n)
        for routine in (before, unstarted, inside):
            await routine

    run(main())
    assert sorted(results.recv() for _ in range(3)) == [1, 12, 23]


def test_a_loop_that_never_calls_gotee_drives_what_was_started_before_it() -> None:
    seen: list[str] = []
    chan = Chan[str]()

    def unstarted() -> None:
        seen.append("unstarted")

    def sleeping() -> None:
        sleep(0.001)
        seen.append("woken by time")

    def receiving() -> None:
        seen.append(chan.recv())

    def again() -> None:
        seen.append("second run")

    async def until(length: int) -> None:
        while len(seen) < length:
            await asyncio.sleep(0.001)

    go(sleeping)
    go(receiving)
    yield_now()
    go(unstarted)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=chan.send, args=("sent by a thread",))
    thread.start()
    loop.run_until_complete(asyncio.wait_for(until(3), 10))
    thread.join()
    assert sorted(seen) == ["sent by a thread", "unstarted", "woken by time"]
    go(again)
    loop.run_until_complete(asyncio.wait_for(until(4), 10))
    assert seen[-1] == "second run"
    loop.close()


def test_timers_of_routines_fire_while_the_loop_runs() -> None:
    async def main() -> list[str]:
        seen: list[str] = []

        def f(name: str, seconds: float) -> None:
            sleep(seconds)
            seen.append(name)

        routines = [go(f, "b", 0.05), go(f, "a", 0.001), go(f, "c", 0.1)]
        for routine in routines:
            await routine
        return seen

    assert run(main()) == ["a", "b", "c"]


def test_a_timer_set_before_run_fires_while_the_loop_runs() -> None:
    def f() -> str:
        sleep(0.01)
        return "woken"

    routine = go(f)
    yield_now()

    async def main() -> str:
        return await routine

    assert run(main()) == "woken"


def test_busy_routines_leave_the_loop_its_turn() -> None:
    async def main() -> None:
        stop: list[int] = []

        def busy() -> None:
            while not stop:
                yield_now()

        routines = [go(busy) for _ in range(3)]
        await asyncio.sleep(0.01)
        stop.append(1)
        for routine in routines:
            await routine

    run(main())


def test_await_reraises_the_original_failure_and_many_may_await() -> None:
    error = KeyError("x")

    def f() -> None:
        yield_now()
        raise error

    async def main() -> None:
        routine = go(f)

        async def wait() -> None:
            await routine

        for result in await asyncio.gather(*[wait() for _ in range(5)], return_exceptions=True):
            assert result is error

    run(main())


def test_await_of_a_cancelled_routine_raises_cancelled() -> None:
    async def main() -> None:
        routine = go(Chan[int]().recv)
        await turns()
        routine.cancel()
        with pytest.raises(Cancelled):
            await routine

    run(main())


def test_a_cancelled_await_leaves_the_routine_running() -> None:
    async def main() -> int:
        gate = Chan[int]()
        routine = go(gate.recv)

        async def wait() -> int:
            return await routine

        task = asyncio.create_task(wait())
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not routine.done()
        await gate.asend(6)
        return await routine

    assert run(main()) == 6


def test_several_loops_one_after_the_other() -> None:
    chan = Chan[int]()

    def feed() -> None:
        for n in range(6):
            chan.send(n)

    routine = go(feed)
    got = [run(chan.arecv()) for _ in range(3)]
    got.append(chan.recv())
    got += [run(chan.arecv()) for _ in range(2)]
    routine.result()
    assert got == list(range(6))


def test_asyncio_run_inside_a_routine() -> None:
    chan = Chan[int]()

    async def inner() -> int:
        inside = go(lambda: 5)
        return await chan.arecv() + await inside

    def routine() -> int:
        return asyncio.run(inner())

    started = go(routine)
    go(chan.send, 10)
    assert started.result() == 15
    assert asyncio.run(asyncio.sleep(0, "main may run one afterwards")) is not None


def test_main_wakes_while_a_routine_runs_a_loop() -> None:
    stop, values = Chan[int](), Chan[int]()

    async def inner() -> None:
        for n in range(3):
            await values.asend(n)
        await stop.arecv()

    started = go(lambda: asyncio.run(inner()))
    assert [values.recv() for _ in range(3)] == [0, 1, 2]
    sleep(0.001)
    stop.send(1)
    started.result()


# -- coroutines as routines --------------------------------------------------------------------------------


async def double(n: int) -> int:
    await asyncio.sleep(0.001)
    return 2 * n


async def broken() -> None:
    await asyncio.sleep(0)
    raise KeyError("broken")


def test_an_async_function_is_a_routine_without_a_loop() -> None:
    routines = [go(double, n) for n in range(5)]
    assert [routine.result() for routine in routines] == [0, 2, 4, 6, 8]
    with pytest.raises(KeyError):
        go(broken).result()


def test_an_async_function_is_a_routine_inside_a_loop() -> None:
    async def main() -> None:
        assert await asyncio.gather(*[wait(n) for n in range(5)]) == [0, 2, 4, 6, 8]
        with pytest.raises(KeyError):
            await go(broken)

    async def wait(n: int) -> int:
        return await go(double, n)

    run(main())


def test_async_and_plain_routines_meet_on_a_channel_without_a_loop() -> None:
    chan = Chan[int]()

    async def produce() -> None:
        for n in range(20):
            await chan.asend(n)
        chan.close()

    producer = go(produce)
    assert go(lambda: list(chan)).result() == list(range(20))
    producer.result()


def test_blocking_in_an_async_routine_is_refused() -> None:
    async def f() -> None:
        Chan[int]().recv()

    with pytest.raises(UsageError, match="arecv"):
        go(f).result()


def test_cancel_of_an_async_routine_runs_its_finally_blocks() -> None:
    seen: list[str] = []
    begun = Chan[None](1)

    async def f() -> None:
        try:
            await begun.asend(None)
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            seen.append("finally")

    routine = go(f)
    begun.recv()
    routine.cancel()
    with pytest.raises(Cancelled):
        routine.result()
    assert seen == ["cancelled", "finally"]


def test_an_async_routine_started_before_run_goes_on_while_another_loop_runs() -> None:
    assert lines_of(
        """
        async def f():
            await asyncio.sleep(0.05); return "done"
        routine = go(f)
        sleep(0.001)
        async def main(): return await asyncio.wait_for(wait(), 5)
        async def wait(): return await routine
        say(asyncio.run(main()))
        """
    ) == ["done"]


def test_systemexit_in_an_async_routine_ends_the_program() -> None:
    ended = run_script(
        """
        async def f():
            await asyncio.sleep(0); sys.exit(4)
        go(f)
        Chan().recv()
        """
    )
    assert ended.status == 4


# -- cancelled tasks ---------------------------------------------------------------------------------------


def test_a_task_cancelled_in_arecv_takes_nothing() -> None:
    async def main() -> None:
        chan = Chan[int]()
        task = asyncio.create_task(chan.arecv())
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(chan.receivers) == 0
        receiver = asyncio.create_task(chan.arecv())
        await chan.asend(3)
        assert await receiver == 3

    run(main())


@pytest.mark.parametrize("kind", ["arecv", "aselect", "anext"])
def test_a_task_that_was_given_a_value_and_then_cancelled_gives_it_back_first_in_line(kind: str) -> None:
    async def main() -> list[int]:
        chan = Chan[int](5)
        operations: dict[str, Callable[[], Awaitable[Any]]] = {
            "arecv": chan.arecv,
            "aselect": lambda: aselect(Recv(Chan[int]()), Recv(chan)),
            "anext": lambda: anext(chan),
        }

        async def receive() -> None:
            await operations[kind]()

        task = asyncio.create_task(receive())
        await turns()
        await chan.asend(1)
        await chan.asend(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return [await chan.arecv(), await chan.arecv()]

    assert run(main()) == [1, 2]


def test_a_value_given_back_goes_to_the_next_waiting_receiver() -> None:
    async def main() -> int:
        chan = Chan[int]()
        first, second = asyncio.create_task(chan.arecv()), asyncio.create_task(chan.arecv())
        await turns()
        await chan.asend(1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert run(main()) == 1


def test_a_task_cancelled_in_asend_sends_nothing() -> None:
    async def main() -> None:
        chan = Chan[int]()
        task = asyncio.create_task(chan.asend(1))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(chan.senders) == 0
        assert (await aselect(Recv(chan), default=True)).index == -1

    run(main())


def test_a_task_cancelled_after_its_value_was_taken_does_not_send_twice() -> None:
    async def main() -> None:
        chan = Chan[int]()
        task = asyncio.create_task(chan.asend(1))
        await turns()
        assert await chan.arecv() == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await aselect(Recv(chan), default=True)).index == -1

    run(main())


def test_a_task_cancelled_in_aselect_leaves_no_timer_and_no_queue() -> None:
    async def main() -> None:
        a, b = Chan[int](), Chan[int]()
        task = asyncio.create_task(aselect(Recv(a), Send(b, 1), timeout=3600))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (len(a.receivers), len(b.senders)) == (0, 0)

    run(main())


def test_wait_for_around_arecv_loses_nothing() -> None:
    async def main() -> list[int]:
        chan = Chan[int](1)
        got: list[int] = []

        def produce() -> None:
            for n in range(300):
                chan.send(n)
                if n % 7 == 0:
                    sleep(0.0002)
            chan.close()

        routine = go(produce)
        while True:
            try:
                value, ok = await asyncio.wait_for(chan.arecv_ok(), 0.0002)
            except TimeoutError:
                continue
            if not ok:
                break
            got.append(value)
        await routine
        return got

    assert run(main()) == list(range(300))


def test_a_loop_that_is_closed_with_a_waiting_task_loses_no_value() -> None:
    chan = Chan[int](3)
    loop = asyncio.new_event_loop()
    task = loop.create_task(chan.arecv())
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    chan.send(1)
    assert chan.recv() == 1


# -- threads -----------------------------------------------------------------------------------------------


def test_a_loop_in_one_thread_and_routines_in_another() -> None:
    there, back = Chan[int](), Chan[int](3)

    async def main() -> None:
        async for n in there:
            await back.asend(n * 2)
        back.close()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()

    def produce() -> None:
        for n in range(500):
            there.send(n)
        there.close()

    go(produce)
    assert list(back) == [2 * n for n in range(500)]
    thread.join()


def test_a_loop_thread_s_routine_is_woken_from_another_thread() -> None:
    gate: Chan[int] = Chan()
    up = Chan[int](1)

    async def main() -> int:
        routine = go(gate.recv)
        await up.asend(1)
        return await routine

    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(asyncio.run(main())))
    thread.start()
    up.recv()
    gate.send(11)
    thread.join()
    assert results == [11]


def test_loops_in_several_threads_share_one_channel() -> None:
    tokens, out = Chan[int](), Chan[int](10)

    async def relay() -> None:
        async for n in tokens:
            await out.asend(n)

    threads = [threading.Thread(target=asyncio.run, args=(relay(),)) for _ in range(3)]
    for thread in threads:
        thread.start()

    def produce() -> None:
        for n in range(600):
            tokens.send(n)
        tokens.close()

    producer = go(produce)
    assert sorted(out.recv() for _ in range(600)) == list(range(600))
    producer.result()  # it closes the channel; in thread.join() it would not run
    for thread in threads:
        thread.join()


# -- interrupts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "status"), [("sys.exit(5)", 5), ("raise KeyboardInterrupt", -2)], ids=["exit", "interrupt"]
)
def test_systemexit_and_keyboardinterrupt_of_a_driven_routine_end_the_loop(stop: str, status: int) -> None:
    ended = run_script(
        f"""
        def leave():
            sleep(0.01)
            {stop}
        async def main():
            go(leave)
            try: await asyncio.sleep(3600)
            finally: say("finally")
        asyncio.run(main())
        """
    )
    assert (ended.status, ended.lines) == (status, ["finally"])


def test_sigint_while_a_driven_routine_computes_or_the_loop_waits() -> None:
    assert lines_of(
        """
        ends = time.monotonic() + 1
        def compute():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            while time.monotonic() < ends: pass   # asyncio's own handler interrupts the main task, not us
        def interrupt(*_): signal.raise_signal(signal.SIGINT)
        signal.signal(signal.SIGALRM, interrupt)
        async def busy():
            go(compute)
            await asyncio.sleep(3600)
        async def idle():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            await Chan().arecv()
        try: asyncio.run(idle())
        except KeyboardInterrupt: say("interrupted")
        try: asyncio.run(busy())
        except KeyboardInterrupt: say("interrupted")
        say(go(lambda: "on").result())
        """
    ) == ["interrupted", "interrupted", "on"]


def test_a_failing_driven_routine_disturbs_neither_loop_nor_others() -> None:
    async def main() -> int:
        bad, good = go(int, "x"), go(lambda: 3)
        value = await good
        with pytest.raises(ValueError):
            await bad
        return value

    assert run(main()) == 3
