"""Routine: results, failures, cancellation. One thread, no asyncio."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from gotee import (
    Cancelled,
    Chan,
    Recv,
    Routine,
    Send,
    UsageError,
    go,
    select,
    sleep,
    yield_now,
)

from .script import lines_of, run_script


class Oops(Exception):
    pass


def fail(error: BaseException) -> None:
    raise error


def settle() -> None:
    for _ in range(20):
        yield_now()


# -- results ---------------------------------------------------------------------------------------------


def test_result_returns_the_value_with_positional_and_keyword_arguments() -> None:
    def f(*args: int, **kwargs: int) -> tuple[tuple[int, ...], dict[str, int]]:
        return args, kwargs

    assert go(f, 1, 2, function=3, name=4).result() == ((1, 2), {"function": 3, "name": 4})


def test_a_routine_does_not_start_before_its_thread_parks() -> None:
    seen: list[str] = []
    routine = go(seen.append, "routine")
    seen.append("main")
    routine.result()
    assert seen == ["main", "routine"]


def test_routines_start_in_the_order_of_their_go() -> None:
    seen: list[int] = []
    for routine in [go(seen.append, n) for n in range(10)]:
        routine.result()
    assert seen == list(range(10))


def test_result_can_be_asked_again_and_by_many() -> None:
    gate = Chan[int]()
    routine = go(gate.recv)
    waiters = [go(routine.result) for _ in range(50)]
    settle()
    assert not any(waiter.done() for waiter in waiters)
    gate.send(7)
    assert [waiter.result() for waiter in waiters] == [7] * 50
    assert routine.result() == routine.result() == 7


def test_many_waiters_all_get_the_failure() -> None:
    gate, error = Chan[int](), Oops("x")

    def f() -> None:
        gate.recv()
        raise error

    routine = go(f)
    waiters = [go(routine.result) for _ in range(10)]
    settle()
    gate.send(1)
    for waiter in waiters:
        with pytest.raises(Oops) as caught:
            waiter.result()
        assert caught.value is error
    with pytest.raises(Oops):
        routine.result()


def test_a_failure_is_reraised_as_the_original_object_with_its_traceback() -> None:
    error = Oops("x")
    routine = go(fail, error)
    with pytest.raises(Oops) as caught:
        routine.result()
    assert caught.value is error
    assert "fail" in [entry.name for entry in caught.traceback]
    assert routine.done()


def test_result_of_a_routine_of_another_thread() -> None:
    gate: Chan[int] = Chan()
    routines: Chan[Routine[int]] = Chan(1)

    def thread() -> None:
        routine = go(gate.recv)
        routines.send(routine)
        routine.result()

    worker = threading.Thread(target=thread)
    worker.start()
    routine = routines.recv()
    waiter = go(routine.result)
    settle()
    gate.send(5)
    assert (waiter.result(), routine.result()) == (5, 5)
    worker.join()


def test_go_refuses_what_is_not_callable() -> None:
    with pytest.raises(TypeError, match="go\\(f, x\\)"):
        go(5)  # type: ignore[call-overload]


def test_go_with_wrong_arguments_fails_like_the_call_itself() -> None:
    with pytest.raises(TypeError, match="argument"):
        go(lambda: 1, 2).result()  # type: ignore[call-overload]


def test_a_routine_cannot_be_made_by_hand() -> None:
    with pytest.raises(TypeError, match="go"):
        Routine()


def test_a_routine_type_can_be_subscripted() -> None:
    assert Routine[int].__args__ == (int,)


def test_str_names_the_function_and_repr_tells_the_state() -> None:
    def some_work(gate: Chan[int]) -> int:
        return gate.recv()

    gate = Chan[int]()
    routine, failed, cancelled = go(some_work, gate), go(fail, Oops()), go(some_work, gate)
    assert "some_work" in str(routine)
    settle()
    assert "parked" in repr(routine)
    cancelled.cancel()
    gate.send(1)
    settle()
    for each, state in [(routine, "done"), (failed, "failed"), (cancelled, "cancelled")]:
        assert state in repr(each)
        assert str(each) in repr(each)
    with pytest.raises(Oops):
        failed.result()
    assert str(cancelled) != str(routine)


def test_str_of_a_routine_whose_callable_has_no_name() -> None:
    class Nameless:
        def __call__(self) -> int:
            return 1

    routine = go(Nameless())
    assert "Nameless" in str(routine)
    assert routine.result() == 1


# -- result(timeout) -------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0, -1, 0.001])
def test_result_with_a_timeout_raises_and_leaves_the_routine_alone(timeout: float) -> None:
    gate = Chan[int]()
    routine = go(gate.recv)
    with pytest.raises(TimeoutError):
        routine.result(timeout=timeout)
    assert not routine.done()
    gate.send(3)
    assert routine.result(timeout=0) == 3


def test_result_in_time_needs_no_timeout() -> None:
    assert go(lambda: 1).result(timeout=60) == 1


def test_a_routine_that_raises_timeouterror_is_done_and_one_that_is_late_is_not() -> None:
    late = TimeoutError("mine")
    routine = go(fail, late)
    with pytest.raises(TimeoutError) as caught:
        routine.result(timeout=60)
    assert caught.value is late


BAD_TIMEOUTS: list[Any] = ["1", object(), float("nan"), 1j]
IDS = ["str", "object", "nan", "complex"]


@pytest.mark.parametrize("timeout", BAD_TIMEOUTS, ids=IDS)
def test_a_bad_timeout_of_select_is_refused_and_leaves_nothing_in_the_queues(timeout: Any) -> None:
    inbox, outbox = Chan[int](), Chan[int]()
    with pytest.raises((TypeError, ValueError, OverflowError)):
        select(Recv(inbox), Send(outbox, 1), timeout=timeout)
    assert (len(inbox.receivers), len(outbox.senders)) == (0, 0)


@pytest.mark.parametrize("timeout", ["'1'", "object()", "nan", "1j", "Decimal('0.001')"])
def test_main_waits_as_before_after_a_bad_timeout_of_result(timeout: str) -> None:
    """A waiter left behind would wake main a second time when the routine ends, in the middle of another wait."""
    ended = run_script(
        f"""
        from decimal import Decimal
        nan, first, second = float("nan"), Chan(), Chan()
        routine = go(first.recv)
        yield_now()
        try: routine.result(timeout={timeout})
        except (TypeError, ValueError, OverflowError, TimeoutError): say("refused")
        def later():
            first.send(1); sleep(0.01); second.send(2)
        go(later)
        say(second.recv_ok(), routine.result())
        """
    )
    assert (ended.lines, ended.errors) == (["refused", "(2, True) 1"], "")


HUGE = 10**400  # no float is as large: it may be refused or mean for ever, but must leave nothing behind


@pytest.mark.parametrize("operation", ["select", "result", "sleep"])
def test_a_timeout_too_large_for_a_float_is_refused_or_endless(operation: str) -> None:
    chan, gate = Chan[int](), Chan[int]()
    routine = go(gate.recv)
    operations: dict[str, Callable[[], object]] = {
        "select": lambda: select(Recv(chan), timeout=HUGE),
        "result": lambda: routine.result(timeout=HUGE),
        "sleep": lambda: sleep(HUGE),
    }
    waiting = go(operations[operation])
    settle()
    assert waiting.cancel() or waiting.done()
    with pytest.raises((Cancelled, ValueError, OverflowError)):
        waiting.result()
    assert len(chan.receivers) == 0
    gate.send(1)
    assert routine.result() == 1


def test_a_decimal_timeout_of_select_works_or_is_refused_and_leaves_nothing() -> None:
    inbox = Chan[int]()
    with pytest.raises((TypeError, TimeoutError)):
        select(Recv(inbox), timeout=Decimal("0.001"))  # type: ignore[arg-type]
    assert len(inbox.receivers) == 0


@pytest.mark.parametrize("seconds", ["1", None, float("nan")])
def test_sleep_refuses_what_is_no_number_of_seconds(seconds: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        sleep(seconds)


# -- ignored failures ------------------------------------------------------------------------------------


def test_an_ignored_failure_is_reported_once_when_the_handle_is_dropped() -> None:
    ended = run_script(
        """
        def failing(): raise KeyError("gone")
        go(failing)
        for _ in range(3): yield_now()
        import gc; gc.collect()
        sys.stderr.write("dropped\\n")
        """
    )
    assert ended.status == 0
    assert ended.errors.count("KeyError: 'gone'") == 1
    assert ended.errors.index("KeyError") < ended.errors.index("dropped")
    assert "failing" in ended.errors


@pytest.mark.parametrize("where", ["main", "thread"])
def test_an_ignored_failure_whose_handle_is_kept_is_reported_once_at_exit(where: str) -> None:
    ended = run_script(
        f"""
        def failing(): raise KeyError("kept")
        def work():
            sys.kept = go(failing)
            yield_now()
        if {where!r} == "main":
            work()
        else:
            t = threading.Thread(target=work); t.start(); t.join()
        sys.stderr.write("ending\\n")
        """
    )
    assert ended.status == 0
    assert ended.errors.count("KeyError: 'kept'") == 1
    assert ended.errors.index("ending") < ended.errors.index("KeyError")


@pytest.mark.parametrize(
    "asking",
    [
        "try: routine.result()\nexcept KeyError: pass",
        "async def ask():\n    try: await routine\n    except KeyError: pass\nasyncio.run(ask())",
    ],
    ids=["result", "await"],
)
def test_a_failure_that_was_asked_for_is_not_reported(asking: str) -> None:
    assert lines_of(f'def f(): raise KeyError("asked")\nroutine = go(f)\n{asking}\n') == []


def test_a_timed_out_ask_does_not_count_as_asked() -> None:
    ended = run_script(
        """
        def f():
            sleep(0.05); raise KeyError("late")
        routine = go(f)
        try: routine.result(timeout=0)
        except TimeoutError: pass
        sleep(0.1)
        """
    )
    assert ended.errors.count("KeyError: 'late'") == 1


def test_a_cancelled_routine_is_not_reported() -> None:
    assert lines_of("r = go(Chan().recv); yield_now(); r.cancel(); yield_now(); del r") == []


def test_a_failure_that_cannot_be_printed_ends_nothing() -> None:
    ended = run_script(
        """
        class Bad(Exception):
            def __str__(self): raise ValueError("no words")
        def f(): raise Bad
        go(f); yield_now(); yield_now()
        kept = go(f); yield_now()
        say("still here")
        """
    )
    assert (ended.status, ended.lines) == (0, ["still here"])
    assert ended.errors.count("nobody asked") == 2


def test_a_routine_still_parked_when_main_ends_ends_with_it_and_runs_no_finally() -> None:
    assert lines_of(
        """
            def f():
                try: Chan().recv()
                finally: say("finally")
            go(f); kept = go(f)
            yield_now()
            say("main ends")
            """
    ) == ["main ends"]


# -- cancellation ----------------------------------------------------------------------------------------


def test_a_routine_that_never_started_never_starts() -> None:
    seen: list[int] = []
    routine = go(seen.append, 1)
    assert routine.cancel() is True
    with pytest.raises(Cancelled):
        routine.result()
    assert seen == []
    assert routine.done()


def test_cancelled_is_no_exception_subclass_and_passes_except_exception() -> None:
    seen: list[str] = []
    gate = Chan[int]()

    def f() -> None:
        try:
            gate.recv()
        except Exception:
            seen.append("caught")
        finally:
            seen.append("finally")

    routine = go(f)
    settle()
    routine.cancel()
    with pytest.raises(Cancelled):
        routine.result()
    assert seen == ["finally"]


def test_cancel_of_a_done_routine_is_false_and_changes_nothing() -> None:
    routine = go(lambda: 3)
    assert routine.result() == 3
    assert routine.cancel() is False
    assert routine.result() == 3


def test_a_second_cancel_before_delivery_is_one() -> None:
    gate, deliveries = Chan[int](), []

    def f() -> str:
        for _ in range(2):
            try:
                gate.recv()
            except Cancelled:
                deliveries.append(1)
        return "swallowed"

    routine = go(f)
    settle()
    assert (routine.cancel(), routine.cancel()) == (True, True)
    settle()
    assert len(deliveries) == 1
    assert not routine.done()
    routine.cancel()
    assert routine.result() == "swallowed"
    assert len(deliveries) == 2


def test_a_routine_that_swallows_cancelled_goes_on() -> None:
    gate = Chan[int]()

    def f() -> int:
        try:
            gate.recv()
        except Cancelled:
            pass
        return gate.recv()

    routine = go(f)
    settle()
    routine.cancel()
    settle()
    gate.send(9)
    assert routine.result() == 9


def test_a_routine_can_cancel_itself_at_its_next_park() -> None:
    own: list[Routine[Any]] = []
    seen: list[str] = []

    def f() -> None:
        own[0].cancel()
        seen.append("before")
        yield_now()
        seen.append("after")

    own.append(go(f))
    with pytest.raises(Cancelled):
        own[0].result()
    assert seen == ["before"]


@pytest.mark.parametrize("park", ["recv", "send", "select", "sleep", "sleep(0)", "yield", "result"])
def test_cancel_of_a_computing_routine_is_delivered_at_its_next_park(park: str) -> None:
    never = Chan[int]()
    other = go(Chan[int]().recv)
    parks: dict[str, Callable[[], object]] = {
        "recv": never.recv,
        "send": lambda: never.send(1),
        "select": lambda: select(Recv(never), Send(never, 1)),
        "sleep": lambda: sleep(3600),
        "sleep(0)": lambda: sleep(0),
        "yield": yield_now,
        "result": other.result,
    }

    def f() -> None:
        own[0].cancel()
        parks[park]()

    own = [go(f)]
    with pytest.raises(Cancelled):
        own[0].result(timeout=30)
    assert (len(never.receivers), len(never.senders)) == (0, 0)
    other.cancel()
    with pytest.raises(Cancelled):
        other.result()


@pytest.mark.parametrize("park", ["recv", "send", "select", "select(timeout)", "sleep", "result", "result(timeout)"])
def test_cancel_of_a_parked_routine_leaves_no_waiter_and_no_timer(park: str) -> None:
    inbox, outbox = Chan[int](), Chan[int]()
    other = go(Chan[int]().recv)
    parks: dict[str, Callable[[], object]] = {
        "recv": inbox.recv,
        "send": lambda: outbox.send(1),
        "select": lambda: select(Recv(inbox), Send(outbox, 1), Recv(None)),
        "select(timeout)": lambda: select(Recv(inbox), Send(outbox, 1), timeout=3600),
        "sleep": lambda: sleep(3600),
        "result": other.result,
        "result(timeout)": lambda: other.result(timeout=3600),
    }
    routine = go(parks[park])
    settle()
    routine.cancel()
    assert (len(inbox.receivers), len(outbox.senders)) == (0, 0)  # at once, not when it runs
    assert select(Send(inbox, 1), Recv(outbox), default=True).index == -1
    with pytest.raises(Cancelled):
        routine.result()
    receiver = go(inbox.recv)
    inbox.send(42)
    assert receiver.result() == 42
    other.cancel()
    with pytest.raises(Cancelled):
        other.result()


def test_a_value_already_given_to_a_receiver_is_not_lost_by_a_cancel_before_it_ran() -> None:
    chan = Chan[int]()
    got: list[int] = []

    def f() -> None:
        got.append(chan.recv())
        yield_now()
        got.append(-1)

    routine = go(f)
    settle()
    chan.send(1)
    routine.cancel()
    with pytest.raises(Cancelled):
        routine.result()
    assert got == [1]


def test_a_cancelled_sender_sends_nothing_or_everything() -> None:
    chan = Chan[int]()
    routine = go(chan.send, 1)
    settle()
    assert chan.recv() == 1
    assert routine.cancel() is (not routine.done())
    with pytest.raises((Cancelled, TimeoutError)):
        routine.result()
        raise TimeoutError  # it had sent: a plain end is fine too
    assert select(Recv(chan), default=True).index == -1


def test_cancel_of_a_waiter_does_not_cancel_what_it_waits_for() -> None:
    gate = Chan[int]()
    routine = go(gate.recv)
    waiter = go(routine.result)
    settle()
    waiter.cancel()
    with pytest.raises(Cancelled):
        waiter.result()
    gate.send(4)
    assert routine.result() == 4


def test_a_routine_that_waits_for_a_cancelled_one_gets_cancelled_as_its_failure() -> None:
    routine = go(Chan[int]().recv)
    waiter = go(routine.result)
    settle()
    routine.cancel()
    with pytest.raises(Cancelled):
        waiter.result()


def test_cancel_from_another_thread() -> None:
    gate = Chan[int]()
    routine = go(gate.recv)
    settle()
    thread = threading.Thread(target=routine.cancel)
    thread.start()
    with pytest.raises(Cancelled):
        routine.result()
    thread.join()
    assert len(gate.receivers) == 0


def test_finally_blocks_of_a_cancelled_routine_may_park() -> None:
    gate, cleanup = Chan[int](), Chan[str]()

    def f() -> None:
        try:
            gate.recv()
        finally:
            cleanup.send("clean")

    routine = go(f)
    settle()
    routine.cancel()
    assert cleanup.recv() == "clean"
    with pytest.raises(Cancelled):
        routine.result()


def test_cancel_lets_go_of_the_arguments() -> None:
    class Big:
        pass

    gone: list[int] = []
    import weakref

    big = Big()
    weakref.finalize(big, gone.append, 1)
    routine = go(lambda _: None, big)
    del big
    routine.cancel()
    with pytest.raises(Cancelled):
        routine.result()
    gc.collect()
    assert gone == [1]


# -- what nobody should do --------------------------------------------------------------------------------


FOREIGN = """
from greenlet import greenlet
def foreign():
    try: {operation}
    except UsageError: say("refused")
{before}
greenlet(foreign).switch()
values = Chan()
def later():
    sleep(0.01); values.send(7)
go(later)
say(values.recv_ok(), len(values.receivers))
"""


@pytest.mark.parametrize("operation", ["yield_now()", "sleep(0)", "sleep(1)", "Chan().recv()", "go(int).result()"])
def test_a_greenlet_that_is_no_routine_cannot_park_and_does_no_harm(operation: str) -> None:
    assert lines_of(FOREIGN.format(operation=operation, before="yield_now()")) == ["refused", "(7, True) 0"]


@pytest.mark.parametrize("operation", ["yield_now()", "Chan().recv()"])
def test_the_first_use_of_a_thread_may_be_in_a_greenlet_of_the_program(operation: str) -> None:
    """Its own stack is main, not the greenlet that happened to come first."""
    assert lines_of(FOREIGN.format(operation=operation, before="")) == ["refused", "(7, True) 0"]


def test_a_routine_that_raises_greenletexit_is_done_and_wakes_nobody_else() -> None:
    ended = run_script(
        """
        from greenlet import GreenletExit
        values = Chan()
        def leaving(): raise GreenletExit
        def later():
            sleep(0.01); values.send(7)
        routine = go(leaving); go(later)
        say(values.recv_ok(), routine.done())
        """
    )
    assert ended.lines == ["(7, True) True"]


def test_result_of_oneself_is_a_deadlock() -> None:
    assert lines_of(
        """
            own = []
            def f(): own[0].result()
            own.append(go(f))
            try: own[0].result()
            except Deadlock: say("deadlock")
            """
    ) == ["deadlock"]


def test_usageerror_is_a_goteeerror() -> None:
    with pytest.raises(UsageError):
        sleep(float("nan"))
