"""Routines do not leak into each other: contexts, decimal precision, exceptions, recursion, generators."""

from __future__ import annotations

import contextvars
import decimal
import gc
import sys
from collections.abc import Iterator

import pytest

from gotee import Chan, Routine, go, sleep, yield_now

from .script import lines_of

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


def test_a_context_variable_stays_in_its_routine_across_parks() -> None:
    def f(n: int) -> list[str]:
        seen = [VARIABLE.get()]
        VARIABLE.set(f"routine {n}")
        for _ in range(3):
            yield_now()
            seen.append(VARIABLE.get())
        return seen

    token = VARIABLE.set("main")
    try:
        routines = [go(f, n) for n in range(5)]
        for n, routine in enumerate(routines):
            assert routine.result() == ["unset"] + [f"routine {n}"] * 3
            assert VARIABLE.get() == "main"
    finally:
        VARIABLE.reset(token)


def test_a_reused_greenlet_starts_in_a_fresh_context() -> None:
    def f() -> tuple[str, int, int]:
        before = VARIABLE.get(), decimal.getcontext().prec, id(go)
        VARIABLE.set("leaked")
        decimal.getcontext().prec = 5
        return before

    default = decimal.DefaultContext.prec
    for _ in range(50):
        value, precision, _ = go(f).result()
        assert (value, precision) == ("unset", default)
    assert decimal.getcontext().prec == default


def test_a_reused_greenlet_starts_fresh_after_failure_and_cancel() -> None:
    def spoil(gate: Chan[int] | None) -> None:
        VARIABLE.set("leaked")
        decimal.getcontext().prec = 3
        if gate is None:
            raise KeyError
        gate.recv()

    failed, cancelled = go(spoil, None), go(spoil, Chan[int]())
    yield_now()
    cancelled.cancel()
    with pytest.raises(KeyError):
        failed.result()
    yield_now()
    for _ in range(4):
        assert go(VARIABLE.get).result() == "unset"
        assert go(lambda: decimal.getcontext().prec).result() == decimal.DefaultContext.prec


def test_decimal_precision_stays_in_its_routine_across_parks() -> None:
    def f(precision: int) -> list[str]:
        decimal.getcontext().prec = precision
        results = []
        for _ in range(3):
            results.append(str(decimal.Decimal(1) / decimal.Decimal(3)))
            yield_now()
        return results

    routines = {precision: go(f, precision) for precision in (3, 7, 11)}
    for precision, routine in routines.items():
        assert routine.result() == ["0." + "3" * precision] * 3
    assert str(decimal.Decimal(1) / 3) == "0." + "3" * decimal.getcontext().prec


def test_localcontext_of_main_is_main_s_while_routines_run() -> None:
    with decimal.localcontext() as context:
        context.prec = 4
        assert go(lambda: decimal.getcontext().prec).result() == decimal.DefaultContext.prec
        assert decimal.getcontext().prec == 4


def test_the_handled_exception_stays_in_its_routine() -> None:
    def f(name: str) -> tuple[str, object]:
        assert sys.exc_info() == (None, None, None)
        try:
            raise KeyError(name)
        except KeyError as error:
            for _ in range(3):
                yield_now()
                assert sys.exc_info()[1] is error  # noqa: PT017
            kept = str(sys.exc_info()[1])
        return kept, sys.exc_info()[1]

    try:
        raise ValueError("main")
    except ValueError as mine:
        routines = [go(f, "a"), go(f, "b")]
        assert [routine.result() for routine in routines] == [("'a'", None), ("'b'", None)]
        assert sys.exc_info()[1] is mine  # noqa: PT017
    assert go(sys.exc_info).result() == (None, None, None)


def test_an_exception_of_a_routine_has_no_context_from_elsewhere() -> None:
    def f() -> None:
        raise KeyError("own")

    try:
        raise ValueError("main")
    except ValueError:
        routine = go(f)
        yield_now()
    with pytest.raises(KeyError) as caught:
        routine.result()
    assert caught.value.__context__ is None


def test_each_routine_has_its_own_recursion_depth() -> None:
    depth = sys.getrecursionlimit() // 2

    def descend(levels: int) -> int:
        if levels:
            return 1 + descend(levels - 1)
        yield_now()
        return 0

    routines = [go(descend, depth) for _ in range(4)]
    assert [routine.result() for routine in routines] == [depth] * 4


def test_a_recursionerror_in_a_routine_is_its_failure() -> None:
    def forever(n: int) -> int:
        return forever(n + 1) + 1

    for _ in range(3):
        with pytest.raises(RecursionError):
            go(forever, 0).result()
    assert go(lambda: 1).result() == 1


def test_routines_started_in_a_chain_do_not_run_deeper_and_deeper() -> None:
    def chain(n: int) -> int:
        return 0 if n == 0 else 1 + go(chain, n - 1).result()

    assert go(chain, 3000).result() == 3000


def test_a_routine_that_parks_where_the_hub_started_it_leaves_a_hub_to_the_others() -> None:
    gate = Chan[int]()

    def wait(n: int) -> tuple[str, int]:
        before = VARIABLE.get()
        VARIABLE.set(f"routine {n}")
        received = gate.recv()
        assert VARIABLE.get() == f"routine {n}"
        return before, received

    parked = []
    for n in range(20):
        assert go(VARIABLE.get).result() == "unset"
        parked.append(go(wait, n))  # on the hub's stack, whose place the greenlet of the one before takes
        sleep(0.0001)  # only a hub fires it
        assert go(int, n).result() == n
    for n in range(20):
        gate.send(n)
    assert [routine.result() for routine in parked] == [("unset", n) for n in range(20)]


def test_hubs_that_follow_one_another_do_not_stand_deeper_and_deeper() -> None:
    assert lines_of(
        """
import threading
def one():
    gate = Chan()
    for n in range(1500):           # each begins below the one before, on a stack that has room for some hundred
        go(int).result()
        go(gate.recv)
        yield_now()
    say(go(int).result())
threading.stack_size(256 << 10)
thread = threading.Thread(target=one)
thread.start()
thread.join()
"""
    ) == ["0"]


def test_a_generator_may_park_in_its_body() -> None:
    values = Chan[int]()

    def generator() -> Iterator[int]:
        while True:
            value, ok = values.recv_ok()
            if not ok:
                return
            yield value

    def produce() -> None:
        for n in range(5):
            values.send(n)
        values.close()

    go(produce)
    assert go(lambda: list(generator())).result() == list(range(5))


def test_a_generator_may_move_from_one_routine_to_another() -> None:
    def numbers() -> Iterator[int]:
        for n in range(6):
            yield_now()
            yield n

    shared = numbers()
    assert [go(next, shared).result() for _ in range(6)] == list(range(6))


def test_a_parked_generator_raises_in_a_second_routine_as_in_any_thread() -> None:
    gate = Chan[int]()

    def one() -> Iterator[int]:
        yield gate.recv()

    shared = one()
    first = go(next, shared)
    yield_now()
    with pytest.raises(ValueError, match="already executing"):
        go(next, shared).result()
    gate.send(1)
    assert first.result() == 1


def test_a_done_routine_keeps_nothing_but_its_value_alive() -> None:
    class Kept:
        pass

    import weakref

    def f(kept: Kept) -> int:
        local = kept
        yield_now()
        del local
        return 1

    kept = Kept()
    gone = weakref.ref(kept)
    routine: Routine[int] = go(f, kept)
    del kept
    assert routine.result() == 1
    yield_now()
    gc.collect()
    assert gone() is None
