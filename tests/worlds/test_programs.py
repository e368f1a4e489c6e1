"""Programs of every shape: several modules, the keyword form, no guard around main; and what the compiler refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .program import PRELUDE, SECONDS, environment_of_a_user, lines_of, run, write_program

GOTEE_RUN = ("-m", "gotee", "run")


def test_modules_and_packages_of_the_program_go_inside(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import shop.orders
        from shop import prices
        from shop.deep.stock import count as stock_count
        from helpers import shout as loud

        def main() -> None:
            print(gosecure(shop.orders.total, [1, 2]).result())
            print(gosecure(prices.price, 3).result())
            print(gosecure(stock_count, "pen").result())
            print(gosecure(loud, "hey").result())
        """,
        {
            "shop/__init__.py": "RATE = 10\n",
            "shop/orders.py": """
            from . import RATE
            from .prices import price

            def total(items: list[int]) -> int:
                return RATE * sum(price(item) for item in items)
            """,
            "shop/prices.py": """
            def price(item: int) -> int:
                return item + 100
            """,
            "shop/deep/__init__.py": "",
            "shop/deep/stock.py": """
            from .. import RATE

            def count(name: str) -> int:
                return len(name) * RATE
            """,
            "helpers.py": """
            def shout(text: str) -> str:
                return text.upper()
            """,
        },
    ) == ["2030", "103", "30", "HEY"]


def test_packages_without_an_init_file_go_inside(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        from shop.deep import stock

        def main() -> None:
            print(gosecure(stock.count, "pen").result())
        """,
        {"shop/deep/stock.py": "def count(name: str) -> int:\n    return len(name)\n"},
    ) == ["3"]


def test_an_entry_of_another_module_can_use_its_types(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        from model import Order, Price, total

        def main() -> None:
            result = gosecure(total, [Order("pen", 2), Order("ink", 3)]).result()
            print(result, type(result) is Price)
        """,
        {
            "model.py": """
            from __future__ import annotations
            from dataclasses import dataclass

            @dataclass
            class Order:
                name: str
                count: int

            @dataclass(frozen=True)
            class Price:
                amount: int

            def total(orders: list[Order]) -> Price:
                return Price(sum(order.count for order in orders))
            """
        },
    ) == ["Price(amount=5) True"]


def test_types_of_the_main_file_cross(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import enum

        class Colour(enum.Enum):
            RED = 1

        @dataclass
        class Point:
            x: int
            colour: Colour

        def move(point: Point) -> Point:
            return Point(point.x + 1, point.colour)

        def main() -> None:
            print(gosecure(move, Point(1, Colour.RED)).result() == Point(2, Colour.RED))
        """,
    ) == ["True"]


def test_a_module_that_calls_gosecure_itself(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import vault

        def main() -> None:
            print(vault.ask(20))
        """,
        {
            "vault.py": """
            import gotee
            from gotee import gosecure as secured

            def double(x: int) -> int:
                return 2 * x

            def ask(x: int) -> int:
                return secured(double, x).result() + gotee.gosecure(double, 1).result()
            """
        },
    ) == ["42"]


def test_an_entry_in_a_variable_is_found_in_the_table(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def double(x: int) -> int:
            return 2 * x

        def half(x: int) -> int:
            return x // 2

        def unnamed(x: int) -> int:
            return x

        def main() -> None:
            gosecure(double, 0), gosecure(half, 0)
            for f in (double, half):
                print(gosecure(f, 10).result())
            f = unnamed
            try:
                gosecure(f, 10)
            except SecuredRoutineError as error:
                print("unnamed is not in the image's table" in str(error))
        """,
    ) == ["20", "5", "True"]


@pytest.mark.parametrize(
    "start", ["main()", "print(gosecure(add, 1, 2).result())", "routine = gosecure(add, 1, 2)\nprint(routine.result())"]
)
def test_main_needs_no_guard(tmp_path: Path, start: str) -> None:
    file = tmp_path / "main.py"
    file.write_text(
        PRELUDE
        + """
def add(a: int, b: int) -> int:
    return a + b


def main() -> None:
    print(gosecure(add, 1, 2).result())


"""
        + start
        + "\n"
    )
    ended = run(file)
    assert (ended.status, ended.output, ended.errors) == (0, "3\n", "")


KEYWORD = """\
from gotee import Chan, go, gosecure


def double(x: int) -> int:
    return 2 * x


def send(channel: Chan[int], x: int) -> None:
    channel.send(x)


def main() -> None:
    routine = gosecure double(4)
    print(routine.result())
    channel = Chan[int]()
    gosecure send(channel, 5)
    print(channel.recv())
    go send(channel, 6)
    print(channel.recv())


if __name__ == "__main__":
    main()
"""


def test_the_keyword_form_runs_with_gotee_run(tmp_path: Path) -> None:
    file = tmp_path / "main.py"
    file.write_text(KEYWORD)
    ended = run(file, before=GOTEE_RUN)
    assert (ended.status, ended.output, ended.errors) == (0, "8\n5\n6\n", "")


def test_gotee_run_names_the_place_on_its_command_line(tmp_path: Path) -> None:
    file = tmp_path / "main.py"
    file.write_text(KEYWORD)
    ended = run(file, before=(*GOTEE_RUN, "--tee", "process"), GOTEE_TEE="inline")
    assert (ended.status, ended.output, ended.errors) == (0, "8\n5\n6\n", "")


def test_a_keyword_form_module_goes_inside(tmp_path: Path) -> None:
    (tmp_path / "vault.py").write_text(
        "from gotee import gosecure\n\n\ndef double(x: int) -> int:\n    return 2 * x\n\n\n"
        "def ask(x: int) -> int:\n    routine = gosecure double(x)\n    return routine.result()\n"
    )
    file = tmp_path / "main.py"
    file.write_text("import gotee\nimport vault\n\nprint(vault.ask(21))\n")
    ended = run(file, before=GOTEE_RUN)
    assert (ended.status, ended.output, ended.errors) == (0, "42\n", "")


REFUSED = {
    "lambda": ("gosecure(lambda: 1)", "lambda: 1", "GT202", "lambda"),
    "call": ("gosecure(make())", "make()", "GT203", "result of a call"),
    "class": ("gosecure(Thing)", "Thing", "GT204", "class"),
    "closure": ("gosecure(inner)", "inner", "GT205", "inside a function"),
    "builtin": ("gosecure(print, 1)", "print", "GT206", "builtin"),
    "generator": ("gosecure(count)", "count", "GT207", "generator"),
    "async generator": ("gosecure(acount)", "acount", "GT207", "generator"),
    "method of an object": ("gosecure(thing.method)", "thing.method", "GT208", "method"),
    "method of a new object": ("gosecure(Thing().method)", "Thing().method", "GT208", "method"),
    "method of a literal": ("gosecure([].append, 1)", "[].append", "GT208", "method"),
    "method of a list": ("gosecure(numbers.append, 1)", "numbers.append", "GT208", "method"),
    "method of a class": ("gosecure(Thing.method, 1)", "Thing.method", "GT208", "method"),
    "nothing": ("gosecure()", "gosecure()", "GT201", "no function"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_an_entry_is_a_compile_error_with_place_caret_and_cure(tmp_path: Path, kind: str) -> None:
    call, operand, code, cause = REFUSED[kind]
    main = write_program(
        tmp_path,
        f"""
        class Thing:
            def method(self) -> None:
                pass

        thing = Thing()
        numbers: list[int] = []

        def count():
            yield 1

        async def acount():
            yield 1

        def make():
            return make

        def good() -> int:
            return 1

        def main() -> None:
            def inner() -> None:
                pass
            inner()
            gosecure(good)
            {call}
        """,
    )
    ended = run(main)
    assert ended.status == 1
    line = "    " + call
    number = main.read_text().splitlines().index(line) + 1
    column = line.index(operand)
    lines = ended.errors.splitlines()
    (place,) = (n for n, text in enumerate(lines) if f"{main}:{number}:{column + 1}: {code} " in text)
    assert cause in lines[place]
    assert lines[place + 1] == "    " + line
    assert lines[place + 2] == " " * (4 + column) + "^" * len(operand)
    assert lines[place + 3].startswith("    cure: ")


def test_a_method_of_a_live_object_is_refused(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        class Thing:
            def method(self) -> int:
                return 1

        def good() -> int:
            return 1

        def main() -> None:
            thing = Thing()
            for f in (thing.method, Thing.method, [].append):
                try:
                    gosecure(f)
                except SecuredRoutineError as error:
                    print("refused")
            print(gosecure(good).result())
        """,
    ) == ["refused"] * 3 + ["1"]


def test_a_program_that_fails_to_import_inside_ends_with_a_sentence(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            import gotee.runtime.worlds as worlds
            if worlds.inside():
                raise LookupError("no table")

            def add(a: int, b: int) -> int:
                return a + b

            def main() -> None:
                try:
                    gosecure(add, 1, 2).result()
                except EnclaveLost:
                    print("lost")
            """,
        )
    )
    assert (ended.status, ended.output) == (0, "lost\n")
    assert "LookupError: no table" in ended.errors


def test_the_enclave_has_no_environment_and_no_descriptors_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    assert lines_of(
        tmp_path,
        """
        import ctypes

        def look() -> tuple[dict[str, str], int, list[bytes]]:
            names, buffer = [], ctypes.create_string_buffer(4096)
            for n in range(1024):
                size = ctypes.CDLL(None).readlink(b"/proc/self/fd/%d" % n, buffer, 4096)
                names += [buffer.raw[:size]] if size > 0 else []
            assert len(names) > 3
            return dict(os.environ), os.getpid(), [name for name in names if b"secret" in name]

        def main() -> None:
            os.environ["SECRET"] = "1"
            descriptor = os.open("secret.txt", os.O_RDONLY)
            os.set_inheritable(descriptor, True)
            environment, pid, names = gosecure(look).result()
            print("SECRET" in environment, "PATH" in environment, pid == os.getpid(), names)
        """,
    ) == ["False False False []"]


def test_threads_of_the_program_may_make_the_first_call_at_once(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def pid() -> int:
            return os.getpid()

        def main() -> None:
            pids: list[int] = []
            threads = [threading.Thread(target=lambda: pids.append(gosecure(pid).result())) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            print(len(pids), len(set(pids)))
        """,
    ) == ["8 1"]


@pytest.mark.skipif(sys.executable == getattr(sys, "_base_executable", None), reason="not in a virtual environment")
def test_the_enclave_runs_the_base_interpreter(tmp_path: Path) -> None:
    (line,) = lines_of(
        tmp_path,
        """
        def prefix() -> tuple[str, str]:
            return sys.prefix, sys.base_prefix

        def main() -> None:
            print(*gosecure(prefix).result())
        """,
    )
    first, second = line.split()
    assert first == second != os.fspath(Path(sys.prefix))


def test_functions_of_the_standard_library_and_of_packages_can_be_secured_routines(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import os.path
        import textwrap
        from base64 import b64encode as encode

        def main() -> None:
            print(gosecure(textwrap.dedent, "  hello").result())
            print(gosecure(os.path.join, "a", "b").result())
            print(gosecure(encode, b"hello").result())
        """,
    ) == ["hello", "a/b", "b'aGVsbG8='"]


def test_builtin_function_of_a_module_is_refused_and_stops_no_other_entry(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import math
        from textwrap import dedent

        def main() -> None:
            try:
                gosecure(math.sqrt, 2.0)
            except SecuredRoutineError as error:
                print(error)
            print(gosecure(dedent, " x").result())
        """,
    ) == [
        "sqrt is a builtin_function_or_method, not a Python function: write a module-level function that calls it",
        "x",
    ]


def test_annotation_that_means_nothing_fails_its_own_entry_only(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def odd(x: "Decimal") -> int:
            return 1

        def even(x: int) -> int:
            return x

        def main() -> None:
            try:
                gosecure(odd, 2)
            except UsageError as error:
                print(error)
            print(gosecure(even, 2).result())
        """,
    ) == ["annotation 'Decimal': name 'Decimal' is not defined where it is needed", "2"]


def test_why_an_enclave_cannot_start_is_said_to_the_caller(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
        LIMIT = int("x" if __name__ != "__main__" else "1")

        def over(x: int) -> bool:
            return x > LIMIT

        def main() -> None:
            try:
                gosecure(over, 2)
            except EnclaveLost as error:
                print(error)
        """,
        )
    )
    assert ended.lines == ["the enclave could not start: ValueError: invalid literal for int() with base 10: 'x'"]
    assert "LIMIT = int(" in ended.errors  # the traceback of the trusted module


@pytest.mark.parametrize("name", ["my prog.py", "two  blanks.py", "no-suffix", "1st.v2.py"])
def test_a_main_file_may_have_any_name_that_can_be_shown(tmp_path: Path, name: str) -> None:
    main = write_program(
        tmp_path,
        """
        def double(number: int) -> int:
            return 2 * number

        def main() -> None:
            print(gosecure(double, 21).result())
        """,
    )
    ended = run(main.rename(tmp_path / name), before=("-m", "gotee", "run"))
    assert (ended.status, ended.output, ended.errors) == (0, "42\n", "")


def test_a_main_file_whose_name_cannot_be_told_is_refused(tmp_path: Path) -> None:
    main = write_program(tmp_path, "def inside() -> None: ...\n\n\ndef main() -> None:\n    gosecure(inside).result()")
    ended = run(main.rename(tmp_path / os.fsdecode(b"b\xff.py")), before=("-m", "gotee", "run"))
    assert ended.status == 1
    assert ended.errors.startswith("gotee: error: ImageError: the name of ")
    assert ended.errors.endswith("rename it\n")


def test_a_program_from_a_pipe_is_refused_in_one_line(tmp_path: Path) -> None:
    main = write_program(tmp_path, "def inside() -> None: ...\n\n\ndef main() -> None:\n    gosecure(inside).result()")
    done = subprocess.run(
        [sys.executable, "-m", "gotee", "run", "/dev/stdin"],
        input=main.read_text(),
        capture_output=True,
        text=True,
        env=environment_of_a_user(),
        timeout=SECONDS,
    )
    cause = (
        "gotee: error: ImageError: the program came from /dev/stdin, which cannot be read again: run it from a file\n"
    )
    assert (done.returncode, done.stderr) == (1, cause)


@pytest.mark.parametrize(
    "first", ["# coding: latin-1", "#!/usr/bin/env python\n# -*- coding: latin-1 -*-"], ids=["1", "2"]
)
def test_a_file_of_another_encoding_has_its_letters_inside_too(tmp_path: Path, first: str) -> None:
    main = write_program(
        tmp_path,
        """
    def letters() -> str:
        return "\u00e9\u00fc"

    def main() -> None:
        print(ascii(gosecure(letters).result()), gosecure(letters).result() == letters())
    """,
    )
    main.write_text(f"{first}\n{main.read_text('utf-8')}", "latin-1")
    ended = run(main)
    assert (ended.status, ended.lines) == (0, ["'\\xe9\\xfc' True"]), ended
