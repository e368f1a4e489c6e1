"""`run_file`: a file runs as `python FILE` would run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gotee.errors import GoteeError
from gotee.syntax.run import run_file

from .conftest import Run

Write = Callable[[str, str], Path]

GO = "import gotee, builtins\nbuiltins.go = lambda f, *a, **k: f(*a, **k)\n"
DRIVER = "import sys\nfrom gotee.syntax.run import run_file\nrun_file(sys.argv[1], sys.argv[2:])\n"


@pytest.fixture
def run(write: Write, python: Run) -> Run:
    driver = write("driver/driver.py", DRIVER)
    return lambda *args, **options: python(str(driver), *args, **options)


def test_program_sees_what_python_shows_it(write: Write, run: Run, python: Run) -> None:
    write(
        "app/main.py",
        "import sys\nprint(sys.argv, sys.path[0], __file__, __name__, __spec__, __package__, __doc__)\n"
        "print(sys.modules['__main__'].__dict__ is globals(), type(__builtins__), type(__loader__).__mro__[-2])\n",
    )
    assert run("app/main.py", "a", "-b").stdout == python("app/main.py", "a", "-b").stdout != ""


def test_keyword_form_in_the_file_and_beside_it(write: Write, run: Run) -> None:
    write("app/mod.py", "import gotee\ngo print(1)\n")
    write("app/main.py", GO + "import mod\ngo print(2)\n")
    done = run("app/main.py")
    assert (done.stdout, done.stderr, done.returncode) == ("1\n2\n", "", 0)


def test_uncaught_error_shows_the_programs_frames_only(write: Write, run: Run) -> None:
    write(
        "main.py", GO + "def f(x):\n    raise ValueError(x)\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    go f(3)\n"
    )
    done = run("main.py")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert "    go f(3)\n" in done.stderr
    assert done.stderr.endswith("ValueError: 3\n")
    assert done.stderr.count('File "') == done.stderr.count('main.py", line') == 4


@pytest.mark.parametrize("text", ["go f(x) +\n", "if x:\npass\n"])
def test_syntax_error_of_the_file_is_shown_as_python_shows_it(write: Write, run: Run, python: Run, text: str) -> None:
    write("main.py", "import gotee\n" + text)
    done = run("main.py")
    assert done.returncode == 1
    assert 'main.py", line' in done.stderr
    assert "driver.py" not in done.stderr
    assert text.splitlines()[-1] in done.stderr


def test_error_in_an_imported_file_shows_no_import_machinery(write: Write, run: Run) -> None:
    write("mod.py", "import gotee\ngo f\n")
    write("main.py", "import mod\n")
    error = run("main.py").stderr
    assert "GT101" in error
    assert error.count('File "') == 1


def test_exception_hook_of_the_program_gets_the_short_traceback(write: Write, run: Run) -> None:
    write(
        "main.py", "import sys\nsys.excepthook = lambda k, e, t: print(t.tb_frame.f_code.co_name, t.tb_next)\n1 / 0\n"
    )
    assert run("main.py").stdout == "<module> None\n"


def test_exit_status_and_exit_functions_are_the_programs(write: Write, run: Run) -> None:
    write("main.py", "import atexit, sys\natexit.register(print, 'bye')\nsys.exit(7)\n")
    done = run("main.py")
    assert (done.stdout, done.stderr, done.returncode) == ("bye\n", "", 7)


def test_classes_of_the_file_can_be_pickled_and_inspected(write: Write, run: Run) -> None:
    write(
        "main.py",
        GO + "import pickle, typing, inspect, dataclasses\n@dataclasses.dataclass\nclass A:\n    x: 'A | None' = None\n"
        "print(pickle.loads(pickle.dumps(A(A()))), typing.get_type_hints(A)['x'] == A | None)\n"
        "def f(): return 1\ngo print(inspect.getsource(f))\n",
    )
    done = run("main.py")
    assert done.stderr == ""
    assert done.stdout == "A(x=A(x=None)) True\ndef f(): return 1\n\n"


def test_missing_file_and_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(GoteeError, match="there is no file"):
        run_file(str(tmp_path / "none.py"), [])
    with pytest.raises(GoteeError, match="is a directory"):
        run_file(str(tmp_path), [])
