"""Secured routines of a program whose enclave is a process of its own: arguments, results, errors, cancel."""

from __future__ import annotations

from pathlib import Path

from .program import lines_of, run, write_program


def test_results_and_arguments_of_every_form_arrive(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def add(a: int, b: int = 10, *more: int, c: int = 0, **named: int) -> int:
            return a + b + sum(more) + c + sum(named.values())

        def shape(x: list[tuple[str, bytes | None]]) -> dict[str, bytes | None]:
            return dict(x)

        def anything(x):
            return x

        def nothing() -> None:
            pass

        def main() -> None:
            print(gosecure(add, 1).result(), gosecure(add, 1, 2).result(), gosecure(add, a=1, b=3).result())
            print(gosecure(add, 1, 2, 3, 4, c=5, d=6, e=7).result())
            print(gosecure(shape, [("a", b"1"), ("b", None)]).result())
            value = (1, {2: [3.5, None]}, {4}, "x", b"y", 2**100)
            got = gosecure(anything, value).result()
            print(got == value, type(got))
            print(gosecure(nothing).result())
        """,
    ) == ["11 3 4", "28", "{'a': b'1', 'b': None}", "True <class 'tuple'>", "None"]


def test_a_result_may_be_asked_for_many_times_and_by_many(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def slow() -> int:
            sleep(0.05)
            return 7

        def waiter(routine: Routine[int]) -> int:
            return routine.result()

        def main() -> None:
            routine = gosecure(slow)
            both = [go(waiter, routine) for _ in range(3)]
            print(routine.done(), routine.result(), routine.result(), routine.done())
            print([each.result() for each in both])
        """,
    ) == ["False 7 7 True", "[7, 7, 7]"]


def test_an_async_entry_runs_inside(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        async def twice(x: int) -> int:
            await asyncio.sleep(0.01)
            return 2 * x

        async def fails() -> None:
            await asyncio.sleep(0)
            raise LookupError("no such row")

        def main() -> None:
            print([routine.result() for routine in [gosecure(twice, n) for n in range(10)]])
            try:
                gosecure(fails).result()
            except SecuredRoutineError as error:
                print(error.remote_type, error.remote_message)
        """,
    ) == [f"{[2 * n for n in range(10)]}", "LookupError no such row"]


def test_an_exception_inside_is_a_secured_routine_error_with_type_and_message(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        class Refused(Exception):
            pass

        class Mute(Exception):
            def __str__(self) -> str:
                raise ValueError

        def fail(kind: str) -> None:
            if kind == "key":
                raise KeyError("k")
            if kind == "own":
                raise Refused("a", 1)
            if kind == "mute":
                raise Mute
            raise AssertionError

        def main() -> None:
            for kind in ("key", "own", "mute", ""):
                try:
                    gosecure(fail, kind).result()
                except SecuredRoutineError as error:
                    print(error, "|", error.remote_type, "|", error.remote_message)
        """,
    ) == [
        "KeyError: 'k' | KeyError | 'k'",
        "Refused: ('a', 1) | Refused | ('a', 1)",
        "Mute: (its message could not be made) | Mute | (its message could not be made)",
        "AssertionError | AssertionError | ",
    ]


def test_system_exit_and_keyboard_interrupt_inside_are_failures_of_the_routine_only(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def stop(kind: str) -> None:
            if kind == "exit":
                sys.exit(3)
            raise KeyboardInterrupt

        def add(a: int, b: int) -> int:
            return a + b

        def main() -> None:
            for kind in ("exit", "interrupt"):
                try:
                    gosecure(stop, kind).result()
                except SecuredRoutineError as error:
                    print(error.remote_type, error.remote_message)
            print(gosecure(add, 1, 2).result())
        """,
    ) == ["SystemExit 3", "KeyboardInterrupt ", "3"]


def test_a_failure_that_nobody_asks_for_is_reported(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            def fail(done: Chan[bool]) -> None:
                done.close()
                raise LookupError("nobody asks")

            def main() -> None:
                done = Chan[bool]()
                gosecure(fail, done)
                done.recv_ok()
                sleep(0.2)
            """,
        )
    )
    assert ended.status == 0
    assert "fail" in ended.errors
    assert "LookupError: nobody asks" in ended.errors


def test_an_argument_that_cannot_cross_is_refused_at_the_caller_with_nothing_sent(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        ran = 0

        def count(x: object = None) -> int:
            global ran
            ran += 1
            return ran

        def typed(x: list[int], y: str = "") -> None:
            global ran
            ran += 1

        def attempt(f, *args, **kwargs) -> None:
            try:
                f(*args, **kwargs)
            except BoundaryTypeError as error:
                print("refused", error.path)

        def main() -> None:
            print(gosecure(count).result())
            attempt(lambda: gosecure(count, lambda: 1))
            attempt(lambda: gosecure(count, [1, {"k": open}]))
            attempt(lambda: gosecure(typed, [1, "2"]))
            attempt(lambda: gosecure(typed, [1], y=2))
            attempt(lambda: gosecure(typed))
            attempt(lambda: gosecure(typed, [1], "", 3))
            attempt(lambda: gosecure(typed, [1], z=3))
            print(gosecure(count).result())
        """,
    ) == [
        "1",
        "refused args[0]",
        "refused args[0][1]['k']",
        "refused args[0][1]",
        "refused kwargs['y']",
        "refused ",
        "refused ",
        "refused ",
        "2",
    ]


def test_a_result_that_does_not_fit_or_cannot_cross_is_a_boundary_type_error_at_the_caller(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def wrong() -> list[int]:
            return [1, "2"]

        def function():
            return {"f": print}

        def generator() -> object:
            return (n for n in range(3))

        def main() -> None:
            for routine in (gosecure(wrong), gosecure(function), gosecure(generator)):
                try:
                    routine.result()
                except BoundaryTypeError as error:
                    print("refused", error.path)
        """,
    ) == ["refused result[1]", "refused result['f']", "refused result"]


def test_what_was_sent_is_a_copy(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        kept: list[int] = []

        def keep(x: list[int]) -> None:
            kept.extend(x)
            x.clear()

        def show() -> list[int]:
            return kept

        def main() -> None:
            values = [1, 2]
            gosecure(keep, values).result()
            print(values, kept)
            shown = gosecure(show).result()
            shown.append(3)
            print(gosecure(show).result())
        """,
    ) == ["[1, 2] []", "[1, 2]"]


def test_cancel_stops_a_routine_at_its_park_and_tells_whether_there_was_one(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def stuck(kind: str, channel: Chan[int], told: Chan[str]) -> None:
            try:
                if kind == "recv":
                    channel.recv()
                elif kind == "send":
                    channel.send(1)
                elif kind == "select":
                    select(Recv(channel), Send(channel, 1))
                elif kind == "inside":
                    Chan[int]().recv()
                else:
                    sleep(1_000)
            except Cancelled:
                told.send(f"{kind} stopped")
                raise

        async def stuck_async(channel: Chan[int], told: Chan[str]) -> None:
            try:
                await told.asend("async started")
                await channel.arecv()
            finally:
                await told.asend("async stopped")

        def main() -> None:
            channel, told = Chan[int](), Chan[str](1)
            for kind in ("recv", "send", "select", "inside", "sleep"):
                routine = gosecure(stuck, kind, channel, told)
                sleep(0.02)
                print(routine.cancel(), told.recv())
                try:
                    routine.result()
                except Cancelled:
                    print("cancelled", routine.done(), routine.cancel())
            routine = gosecure(stuck_async, channel, told)
            print(told.recv())
            sleep(0.02)
            print(routine.cancel(), told.recv())
            print(select(Recv(channel), default=True).index, select(Send(channel, 1), default=True).index)
        """,
    ) == [
        line
        for kind in ("recv", "send", "select", "inside", "sleep")
        for line in (f"True {kind} stopped", "cancelled True False")
    ] + ["async started", "True async stopped", "-1 -1"]


def test_a_routine_may_be_cancelled_before_it_ran(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def forever(channel: Chan[int]) -> None:
            channel.recv()

        def main() -> None:
            channel = Chan[int]()
            routines = [gosecure(forever, channel) for _ in range(100)]
            for routine in routines:
                routine.cancel()
            ended = 0
            for routine in routines:
                try:
                    routine.result()
                except Cancelled:
                    ended += 1
            print(ended, select(Send(channel, 1), default=True).index)
        """,
    ) == ["100 -1"]


def test_a_result_with_a_timeout_raises_and_can_be_asked_for_again(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def wait(channel: Chan[int]) -> int:
            return channel.recv()

        def main() -> None:
            channel = Chan[int]()
            routine = gosecure(wait, channel)
            for seconds in (0, 0.01):
                try:
                    routine.result(timeout=seconds)
                except TimeoutError:
                    print("not yet", routine.done())
            channel.send(5)
            print(routine.result(timeout=30))
        """,
    ) == ["not yet False", "not yet False", "5"]


def test_two_thousand_routines_in_flight(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def wait(n: int, gate: Chan[int]) -> int:
            gate.recv_ok()
            return n * n

        def add(a: int, b: int) -> int:
            return a + b

        def main() -> None:
            gate = Chan[int]()
            waiting = [gosecure(wait, n, gate) for n in range(2_000)]
            print(gosecure(add, 1, 2).result(), any(routine.done() for routine in waiting))
            gate.close()
            print([routine.result() for routine in waiting] == [n * n for n in range(2_000)])
        """,
    ) == ["3 False", "True"]


def test_state_inside_is_its_own_and_lasts(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        counter = 100

        def count() -> int:
            global counter
            counter += 1
            return counter

        def main() -> None:
            global counter
            counter = 5
            print(gosecure(count).result(), gosecure(count).result(), counter, count())
        """,
    ) == ["101 102 5 6"]


def test_big_values_cross_both_ways_at_once(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def turn(data: bytes) -> bytes:
            return data[::-1]

        def main() -> None:
            data = bytes(range(256)) * 40_000
            routines = [gosecure(turn, data) for _ in range(4)]
            print(all(routine.result() == data[::-1] for routine in routines))
        """,
    ) == ["True"]


def test_calls_in_a_row_starve_no_timer_no_routine_and_no_cancel(tmp_path: Path) -> None:
    """An answer that comes at once does not let the caller off its duties at a park."""
    assert lines_of(
        tmp_path,
        """
        def one() -> int:
            return 1

        def sleeper(done: list[int]) -> None:
            sleep(0.01)
            done.append(1)

        def caller() -> None:
            while True:
                gosecure(one).result()

        def main() -> None:
            done: list[int] = []
            go(sleeper, done)
            while not done:
                gosecure(one).result()
            print("the timer fired")
            routine = go(caller)
            sleep(0.01)
            print(routine.cancel())
            try:
                routine.result()
            except Cancelled:
                print("cancelled")
            ready = []
            go(ready.append, 1)
            gosecure(one).result()
            print(ready)
        """,
    ) == ["the timer fired", "True", "cancelled", "[1]"]
