"""The deadlock rule over two worlds: declared when the enclave, too, is at rest, and never while anything can act."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import run, write_program

INSIDE = """
        def wait(channel: Chan[int]) -> int:
            return channel.recv()

        def wait_inside() -> int:
            return Chan[int]().recv()

        def nap_and_send(channel: Chan[int]) -> None:
            sleep(0.3)
            channel.send(7)

        def work_and_send(channel: Chan[int]) -> None:
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                pass
            channel.send(7)

        async def task_and_send(channel: Chan[int]) -> None:
            await asyncio.sleep(0.3)
            await channel.asend(7)

        def partners(channel: Chan[int]) -> None:
            trusted = Chan[int]()
            go(trusted.send, 6)
            sleep(0.1)
            channel.send(trusted.recv() + 1)

        def two_that_wait_for_each_other() -> None:
            a, b = Chan[int](), Chan[int]()

            def other() -> None:
                b.send(a.recv())

            go(other)
            a.send(b.recv())
"""


@pytest.mark.parametrize(
    ("body", "inside"),
    [
        ("gosecure(wait, Chan[int]()).result()", "inside: wait"),
        ("gosecure(wait_inside).result()", "inside: wait_inside"),
        ("gosecure(two_that_wait_for_each_other).result()", "inside: two_that_wait_for_each_other"),
        ("gosecure(wait, Chan[int]()); Chan[int]().recv()", "inside: wait"),
        ("gosecure(wait_inside); select(Recv(Chan[int]()))", "inside: wait_inside"),
    ],
    ids=["crossing", "trusted", "each_other", "both_worlds", "select"],
)
def test_a_deadlock_across_worlds_is_raised_in_main_and_names_who_waits_inside(
    tmp_path: Path, body: str, inside: str
) -> None:
    ended = run(write_program(tmp_path, INSIDE + f"\n        def main() -> None:\n            {body}\n"))
    assert ended.status == 1, ended
    assert "Deadlock: all routines are asleep - deadlock!" in ended.errors
    assert inside in ended.errors


@pytest.mark.parametrize("entry", ["nap_and_send", "work_and_send", "task_and_send", "partners"])
def test_no_deadlock_is_declared_while_the_enclave_can_act(tmp_path: Path, entry: str) -> None:
    ended = run(
        write_program(
            tmp_path,
            INSIDE
            + f"""
        def main() -> None:
            channel = Chan[int]()
            gosecure({entry}, channel)
            print(channel.recv())
""",
        )
    )
    assert (ended.status, ended.output) == (0, "7\n"), ended


@pytest.mark.parametrize("acts", ["timer", "thread", "asyncio"])
def test_no_deadlock_is_declared_while_the_host_can_act(tmp_path: Path, acts: str) -> None:
    ended = run(
        write_program(
            tmp_path,
            INSIDE
            + """
        def later(channel: Chan[int]) -> None:
            time.sleep(0.3)
            channel.send(5)

        def nap(channel: Chan[int]) -> None:
            sleep(0.3)
            channel.send(5)

        async def loop(channel: Chan[int]) -> None:
            await asyncio.sleep(0.3)
            await channel.asend(5)

        def main() -> None:
            channel = Chan[int]()
            routine = gosecure(wait, channel)
            if sys.argv[1] == "timer":
                go(nap, channel)
            elif sys.argv[1] == "thread":
                threading.Thread(target=later, args=(channel,)).start()
            else:
                asyncio.run(loop(channel))
            print(routine.result())
""",
        ),
        acts,
    )
    assert (ended.status, ended.output) == (0, "5\n"), ended


def test_a_program_goes_on_after_a_deadlock_that_it_handles(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            INSIDE
            + """
        def main() -> None:
            channel = Chan[int]()
            for _ in range(3):
                routine = gosecure(wait, channel)
                try:
                    routine.result()
                except Deadlock as error:
                    print("deadlock", any("inside: wait" in row for row in error.waiting))
                channel.send(1)
                print(routine.result())
""",
        )
    )
    assert (ended.status, ended.output) == (0, "deadlock True\n1\n" * 3), ended


def test_an_idle_enclave_does_not_hide_a_deadlock_of_the_host(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            INSIDE
            + """
        def main() -> None:
            channel = Chan[int](1)
            gosecure(nap_and_send, channel).result()
            channel.recv()
            channel.recv()
""",
        )
    )
    assert ended.status == 1, ended
    assert "Deadlock" in ended.errors
