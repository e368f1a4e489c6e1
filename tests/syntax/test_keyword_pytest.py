"""The pytest plugin: keyword form in test files, conftest.py and modules, with pytest's own explanations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from .conftest import Run

Write = Callable[[str, str], Path]

CONFTEST = "import gotee, builtins\nbuiltins.go = lambda f, *a, **k: f(*a, **k)\nREADY = go int('3')\n"


@pytest.fixture
def run_pytest(write: Write, python: Run) -> Callable[..., CompletedProcess[str]]:
    write("pytest.ini", "[pytest]\n")
    write("conftest.py", CONFTEST)

    def run_pytest(*args: str, plugin: bool = True) -> CompletedProcess[str]:
        chosen = ("-p", "gotee.syntax.pytest_plugin") if plugin else ()
        return python("-m", "pytest", "-q", *chosen, *args, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")

    return run_pytest


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_keyword_test_file_runs_with_a_keyword_module(write: Write, run_pytest: Run, mode: str) -> None:
    write("mod.py", "import gotee\ndef f(x):\n    return go int(x)\n")
    write("pytest.ini", "[pytest]\npythonpath = .\n")
    write("test_it.py", "import gotee, mod\ndef test_it():\n    assert go mod.f('3') == 3\n")
    done = run_pytest("--import-mode", mode)
    assert "1 passed" in done.stdout, done.stdout


def test_failing_assert_shows_the_values_and_the_line_as_written(write: Write, run_pytest: Run) -> None:
    write("test_it.py", "import gotee\ndef test_it():\n    assert go int('3') == 4\n")
    done = run_pytest()
    assert ">       assert go int('3') == 4\n" in done.stdout
    assert "E       AssertionError: assert 3 == 4\n" in done.stdout
    assert "test_it.py:3: AssertionError" in done.stdout


def test_cache_of_pytest_never_serves_a_keyword_file(write: Write, run_pytest: Run) -> None:
    write("test_it.py", "import gotee\ndef test_it():\n    assert go int('3') == 3\n")
    assert "1 passed" in run_pytest().stdout
    assert "1 passed" in run_pytest().stdout
    write("conftest.py", "")
    without = run_pytest(plugin=False)
    assert "SyntaxError" in without.stdout
    write("conftest.py", CONFTEST)
    write("test_it.py", "import gotee\ndef test_it():\n    assert go int('4') == 3\n")
    assert "assert 4 == 3" in run_pytest().stdout


def test_malformed_form_is_a_collection_error_with_its_place(write: Write, run_pytest: Run) -> None:
    write("test_it.py", "import gotee\ndef test_it():\n    go int\n")
    done = run_pytest()
    assert done.returncode == 2
    assert "test_it.py:3:8: GT101" in done.stdout


def test_syntax_error_quotes_the_text_as_written(write: Write, run_pytest: Run) -> None:
    write("test_it.py", "import gotee\ngo int(3) +\n")
    assert "go int(3) +\n" in run_pytest().stdout


def test_keyword_file_keeps_its_encoding(tmp_path: Path, run_pytest: Run) -> None:
    text = "# coding: latin-1\nimport gotee\ndef test_it():\n    assert go ord('\xe9') == 233\n"
    (tmp_path / "test_it.py").write_bytes(text.encode("latin-1"))
    assert "1 passed" in run_pytest().stdout


@pytest.mark.parametrize("mode", ["rewrite", "plain"])
def test_projects_without_gotee_are_not_changed(write: Write, run_pytest: Run, mode: str) -> None:
    write("conftest.py", "")
    write("test_it.py", "import sys\ndef test_it():\n    assert 'got' + 'ee.syntax.rewrite' not in sys.modules\n")
    assert "1 passed" in run_pytest(f"--assert={mode}").stdout


def test_plain_assert_mode_imports_keyword_files_too(write: Write, run_pytest: Run) -> None:
    write("test_it.py", "import gotee\ndef test_it():\n    assert go int('3') == 3\n")
    assert "1 passed" in run_pytest("--assert=plain").stdout
