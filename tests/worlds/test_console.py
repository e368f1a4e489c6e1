"""What is printed inside appears outside: whole, in order, on the right stream."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .program import SECONDS, environment_of_a_user, lines_of, run, write_program


def test_prints_inside_and_outside_are_in_the_order_of_the_channel_operations(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def talk(turn: Chan[int], back: Chan[int]) -> None:
            for n in turn:
                print("inside", n)
                back.send(n)
            print("inside ends")

        def main() -> None:
            turn, back = Chan[int](), Chan[int]()
            routine = gosecure(talk, turn, back)
            for n in range(5):
                print("outside", n)
                turn.send(n)
                back.recv()
            turn.close()
            routine.result()
            print("outside ends")
        """,
    ) == [f"{where} {n}" for n in range(5) for where in ("outside", "inside")] + ["inside ends", "outside ends"]


def test_standard_error_inside_is_standard_error_outside(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            def talk() -> None:
                print("to output")
                print("to error", file=sys.stderr)
                sys.stderr.write("no line end")

            def main() -> None:
                gosecure(talk).result()
            """,
        )
    )
    assert (ended.status, ended.output, ended.errors) == (0, "to output\n", "to error\nno line end")


def test_what_has_no_line_end_is_shown_at_the_end(tmp_path: Path) -> None:
    assert (
        run(
            write_program(
                tmp_path,
                """
            def talk() -> None:
                print("a", end="")
                print("b", end="")
                go(go_on)

            def go_on() -> None:
                print("c", end="")
                Chan[int]().recv()

            def main() -> None:
                gosecure(talk).result()
            """,
            )
        ).output
        == "abc"
    )


def test_everything_printed_arrives_whole(tmp_path: Path) -> None:
    assert (
        run(
            write_program(
                tmp_path,
                """
            def talk() -> None:
                for n in range(5_000):
                    print(n, "ü€😀" * 10)
                print("x" * 1_000_000)

            def main() -> None:
                gosecure(talk)
                gosecure(talk).result()
                sleep(0.1)
            """,
            )
        ).output.count("\n")
        == 10_002
    )


def test_what_is_not_text_is_refused_and_surrogates_are_shown(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def talk() -> str:
            print("\\udc80")
            try:
                sys.stdout.write(b"x")
            except TypeError:
                return "refused"
            return "written"

        def main() -> None:
            print(gosecure(talk).result())
        """,
    ) == ["\\udc80", "refused"]


def test_import_time_prints_of_the_program_are_shown(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        from other import add

        def main() -> None:
            print(gosecure(add, 1, 2).result())
        """,
        {
            "other.py": """
            def announced() -> int:
                print("imported")
                return 0

            ZERO = announced()

            def add(a: int, b: int) -> int:
                return a + b + ZERO
            """
        },
    ) == ["imported", "imported", "3"]


def test_what_is_printed_inside_when_nobody_reads_is_dropped_and_calls_go_on(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            def talk(count: int) -> int:
                for n in range(count):
                    print(n)
                return count

            def main() -> None:
                reader, writer = os.pipe()
                os.close(reader)
                os.dup2(writer, 1)
                routine = gosecure(talk, 100)
                time.sleep(0.1)
                results = [routine.result(), gosecure(talk, 5).result()]
                sys.stdout = None
                results.append(gosecure(talk, 6).result())
                print(*results, file=sys.stderr)
            """,
        )
    )
    assert ended.errors.splitlines()[0] == "100 5 6"


TALK = """
            def talk() -> None:
                print("1 \u00fc 2")

            def main() -> None:
                gosecure(talk).result()
                gosecure(talk).result()
            """


def test_letters_that_the_terminal_has_not_are_shown_in_another_way(tmp_path: Path) -> None:
    ended = run(write_program(tmp_path, TALK), PYTHONIOENCODING="ascii")
    assert (ended.status, ended.lines, ended.errors) == (0, ["1 \\xfc 2"] * 2, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_what_finds_no_room_on_a_full_disk_is_told_once(tmp_path: Path) -> None:
    redirect = "            def main() -> None:\n                os.dup2(os.open('/dev/full', os.O_WRONLY), 1)"
    ended = run(write_program(tmp_path, TALK.replace("            def main() -> None:", redirect)))
    told = "gotee: what is printed inside is lost: standard output cannot be written: No space left on device\n"
    assert ended.errors.count("what is printed inside is lost") == ended.errors.count(told) == 1, ended


@pytest.mark.parametrize("closed", ["2>&-", "<&-", ">&- 2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_a_program_that_is_started_with_standard_descriptors_closed_has_its_enclave(
    tmp_path: Path, closed: str
) -> None:
    main = write_program(
        tmp_path,
        """
        def double(number: int) -> int:
            print("nobody reads this")
            return 2 * number

        def main() -> None:
            with open("answer", "w") as answer:
                answer.write(str(gosecure(double, 21).result()))
        """,
    )
    words = ["/bin/sh", "-c", f'exec "$0" "$1" {closed}', sys.executable, str(main)]
    subprocess.run(words, cwd=tmp_path, env=environment_of_a_user(), timeout=SECONDS, stderr=subprocess.DEVNULL)
    assert (tmp_path / "answer").read_text() == "42"
