"""How the two worlds end: with the program, with Ctrl-C, and when one of the processes is killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from .program import Running, run, started, write_program

WAITERS = """
        def wait(channel: Chan[int]) -> int:
            return channel.recv()

        def say(word: str) -> str:
            return word

        def no_deadlock() -> None:
            go(sleep, 1_000)  # what waits below waits for a kill, of which the deadlock rule cannot know

        def outcome(what, *args, **kwargs) -> str:
            try:
                what(*args, **kwargs)
            except EnclaveLost:
                return "lost"
            return "not lost"
"""


def kill(program: Running, victim: str) -> None:
    os.kill(program.enclave if victim == "enclave" else program.platform, signal.SIGKILL)


def test_the_end_of_main_ends_the_program_whatever_still_runs_inside(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            def forever(channel: Chan[int]) -> None:
                channel.recv()

            def inside() -> None:
                Chan[int]().recv()

            def busy() -> None:
                while True:
                    pass

            def main() -> None:
                gosecure(inside)
                gosecure(forever, Chan[int]())
                sleep(0.01)
                gosecure(busy)
                sleep(0.01)
                print("main ends")
            """,
        )
    )
    assert (ended.status, ended.output, ended.errors) == (0, "main ends\n", "")


def test_the_exit_status_is_the_programs_own(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            def say(word: str) -> str:
                return word

            def main() -> None:
                print(gosecure(say, "x").result())
                sys.exit(9)
            """,
        )
    )
    assert (ended.status, ended.output, ended.errors) == (9, "x\n", "")


def test_an_uncaught_failure_inside_is_a_traceback_and_status_1(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            def fail() -> None:
                raise LookupError("no row")

            def main() -> None:
                gosecure(fail).result()
            """,
        )
    )
    assert ended.status == 1
    assert "SecuredRoutineError: LookupError: no row\ninside, most recent call last:\n" in ended.errors


@pytest.mark.parametrize("waiting", ["routine", "channel", "select", "sleep", "time.sleep", "asyncio", "join"])
def test_ctrl_c_ends_both_worlds_with_status_130(tmp_path: Path, waiting: str) -> None:
    main = write_program(
        tmp_path,
        """
        def wait(channel: Chan[int]) -> int:
            return channel.recv()

        def busy() -> None:
            while True:
                pass

        async def program(routine: Routine[int]) -> None:
            await routine

        def main() -> None:
            go(sleep, 1_000)  # else what waits below is a deadlock
            channel = Chan[int]()
            routine = gosecure(wait, channel)
            other = gosecure(wait, channel)
            routine.done()
            print("ready", flush=True)
            waiting = sys.argv[1]
            if waiting == "routine":
                routine.result()
            elif waiting == "channel":
                Chan[int]().recv()
            elif waiting == "select":
                select(Recv(channel), timeout=1_000)
            elif waiting == "sleep":
                sleep(1_000)
            elif waiting == "time.sleep":
                time.sleep(1_000)
            elif waiting == "asyncio":
                asyncio.run(program(routine))
            else:
                thread = threading.Thread(target=outcome, args=(other,), daemon=True)
                thread.start()
                thread.join()

        def outcome(routine: Routine[int]) -> None:
            try:
                routine.result()
            except EnclaveLost:
                pass
        """,
    )
    with started(main, waiting) as program:
        program.wait_for("ready")
        time.sleep(0.05)  # most often it waits by then; that it does not is no failure
        for process in (program.enclave, program.platform, program.process.pid):
            os.kill(process, signal.SIGINT)  # as the terminal does, to all of its group
        ended = program.end()
    assert ended.status in (130, -signal.SIGINT), ended  # a shell shows both as 130
    assert "KeyboardInterrupt" in ended.errors
    assert "EnclaveLost" not in ended.errors


def test_ctrl_c_ends_a_program_whose_threads_go_on_after_main(tmp_path: Path) -> None:
    main = write_program(
        tmp_path,
        """
        def wait() -> None:
            print("ready")
            sleep(1_000)

        def go_on() -> None:
            while threading.main_thread().is_alive():
                time.sleep(0.01)
            try:
                gosecure(wait).result()
            except EnclaveLost:
                pass

        def nothing() -> None:
            pass

        def main() -> None:
            if (3, 12) <= sys.version_info < (3, 12, 3):  # starts no thread of gotee's, or of anybody's, after main
                gosecure(nothing).result()
            threading.Thread(target=go_on).start()
        """,
    )
    with started(main) as program:
        program.wait_for("ready")
        program.process.send_signal(signal.SIGINT)
        ended = program.end()
    assert ended.status == -signal.SIGINT, ended


@pytest.mark.parametrize("victim", ["enclave", "platform"])
def test_a_killed_enclave_is_enclave_lost_for_every_waiter_at_once(tmp_path: Path, victim: str) -> None:
    main = write_program(
        tmp_path,
        WAITERS
        + """
        async def await_all(routine: Routine[int], channel: Chan[int]) -> None:
            async def one(what) -> str:
                try:
                    await what
                except EnclaveLost:
                    return "lost"
                return "not lost"

            print(*await asyncio.gather(one(routine), one(channel.arecv()), one(channel.asend(1))))

        def main() -> None:
            no_deadlock()
            channel, other, full, both = Chan[int](), Chan[int](), Chan[int](), Chan[int]()
            routines = [gosecure(wait, Chan[int]()) for _ in range(100)]
            gosecure(wait, channel)
            gosecure(wait, both)
            gosecure(hold, other)
            gosecure(hold, full)
            waiters = [go(outcome, routine.result) for routine in routines]
            waiters.append(go(outcome, other.recv))
            waiters.append(go(outcome, full.send, 1))
            waiters.append(go(outcome, lambda: select(Recv(other), Recv(None))))
            past = Chan[int]()
            gosecure(glance, past).result()  # and has no handle of it any more
            waiters.append(go(outcome, past.recv))
            threads = []
            answers: list[str] = []
            for what in (routines[0].result, other.recv):
                threads.append(threading.Thread(target=lambda what=what: answers.append(outcome(what))))
                threads[-1].start()
            sleep(0.05)
            print("ready", flush=True)
            print(set(waiter.result() for waiter in waiters))
            for thread in threads:
                thread.join()
            print(answers)
            print(outcome(gosecure, say, "x"), outcome(both.send, 1), outcome(both.recv), outcome(both.close))
            asyncio.run(await_all(routines[1], both))
            local = Chan[int](1)
            local.send(5)
            print(local.recv())

        def hold(channel: Chan[int]) -> None:
            wait(Chan[int]())
            channel.close()

        def glance(channel: Chan[int]) -> int:
            return len(channel)
        """,
    )
    with started(main) as program:
        program.wait_for("ready")
        kill(program, victim)
        ended = program.end()
    assert ended.status == 0, ended
    assert ended.lines[1:] == [
        "{'lost'}", "['lost', 'lost']", "lost lost lost lost", "lost lost lost", "5",
    ]  # fmt: skip


@pytest.mark.parametrize("victim", ["enclave", "platform"])
def test_buffered_values_drain_before_enclave_lost(tmp_path: Path, victim: str) -> None:
    main = write_program(
        tmp_path,
        WAITERS
        + """
        def fill(channel: Chan[int], done: Chan[bool]) -> None:
            for n in range(3):
                channel.send(n)
            done.send(True)
            wait(Chan[int]())

        def main() -> None:
            no_deadlock()
            channel, done = Chan[int](5), Chan[bool]()
            gosecure(fill, channel, done)
            done.recv()
            waiting = gosecure(wait, Chan[int]())
            print("ready", flush=True)
            print(outcome(waiting.result), len(channel))
            print(channel.recv(), select(Recv(channel)).value, channel.recv_ok())
            print(outcome(channel.recv), outcome(channel.recv_ok), outcome(select, Recv(channel)))
            print(outcome(list, channel), outcome(channel.send, 1))
        """,
    )
    with started(main) as program:
        program.wait_for("ready")
        kill(program, victim)
        ended = program.end()
    assert ended.lines[1:] == ["lost 3", "0 1 (2, True)", "lost lost lost", "lost lost"], ended


def test_an_enclave_lost_while_the_host_sleeps_is_seen_after(tmp_path: Path) -> None:
    main = write_program(
        tmp_path,
        WAITERS
        + """
        def main() -> None:
            routine = gosecure(wait, Chan[int]())
            print("ready", flush=True)
            while not routine.done():
                time.sleep(0.01)
            print(outcome(routine.result), outcome(gosecure, say, "x"))
        """,
    )
    with started(main) as program:
        program.wait_for("ready")
        kill(program, "enclave")
        ended = program.end()
    assert ended.lines[1:] == ["lost lost"], ended


def test_a_ctrl_c_while_the_loss_is_told_leaves_nobody_waiting(tmp_path: Path) -> None:
    main = write_program(
        tmp_path,
        WAITERS
        + """
        def end() -> None:
            os._exit(0)

        class Remotes(list):
            def remove(self, remote):  # the first that is done about the loss: a Ctrl-C comes on main
                if threading.current_thread() is threading.main_thread():
                    signal.raise_signal(signal.SIGINT)
                super().remove(remote)

        def main() -> None:
            from gotee.runtime import deadlock

            waiting = gosecure(wait, Chan[int]())
            deadlock.remotes = Remotes(deadlock.remotes)
            sys.setswitchinterval(1_000)  # the service thread does not come between: main leads when the end comes
            gosecure(say, "main has led").result()
            try:
                gosecure(end).result()
            except KeyboardInterrupt:
                print("interrupted")
            print(outcome(waiting.result))
        """,
    )
    ended = run(main)
    assert (ended.status, ended.lines) == (0, ["interrupted", "lost"]), ended


def test_an_enclave_that_ends_itself_is_lost(tmp_path: Path) -> None:
    main = write_program(
        tmp_path,
        WAITERS
        + """
        def end() -> None:
            os._exit(0)

        def main() -> None:
            waiting = gosecure(wait, Chan[int]())
            print(outcome(gosecure(end).result), outcome(waiting.result))
        """,
    )
    ended = run(main)
    assert (ended.status, ended.lines) == (0, ["lost lost"]), ended


@pytest.mark.parametrize(
    ("victim", "reason"),
    [
        ("itself", "the enclave ended: exit status 5"),
        ("enclave", "the enclave ended: killed by SIGKILL"),
        ("platform", "the enclave ended: its platform has ended without a word"),
    ],
)
def test_a_lost_enclave_is_lost_with_the_way_it_ended(tmp_path: Path, victim: str, reason: str) -> None:
    main = write_program(
        tmp_path,
        """
        def wait() -> None:
            sleep(1_000)

        def end() -> None:
            os._exit(5)

        def main() -> None:
            waiting = gosecure(wait)
            if sys.argv[1] == "itself":
                gosecure(end)
            else:
                print("ready", flush=True)
            try:
                waiting.result()
            except EnclaveLost as error:
                print(error)
        """,
    )
    with started(main, victim) as program:
        if victim != "itself":
            program.wait_for("ready")
            kill(program, victim)
        ended = program.end()
    assert ended.lines[-1:] == [reason], ended
