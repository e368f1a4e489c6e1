"""What the Makefile needs before there is an environment: tools/preflight.py, tools/pythons.py."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

PREFLIGHT = ROOT / "tools" / "preflight.py"


def preflight(**settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PREFLIGHT)],
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
        timeout=60,
    )


def test_preflight_is_silent_where_the_package_was_built() -> None:
    done = preflight()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_preflight_names_one_apt_line_for_a_missing_compiler(tmp_path: Path) -> None:
    done = preflight(CC=str(tmp_path / "no-compiler"))
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "apt-get" in line]
    assert len(lines) == 1
    assert lines[0].strip().removeprefix("sudo ") == "apt-get install -y gcc libc6-dev"


def test_preflight_sees_a_compiler_that_cannot_build_an_extension(tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    compiler.chmod(0o755)
    done = preflight(CC=str(compiler))
    assert done.returncode == 1
    assert "libc6-dev" in done.stderr


def test_preflight_can_be_read_by_old_pythons() -> None:
    """An old interpreter must get far enough to say that it is too old."""
    tree = ast.parse(PREFLIGHT.read_text(encoding="utf-8"), feature_version=(3, 4))
    too_new = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.Starred, ast.Nonlocal)
    nodes = list(ast.walk(tree))
    assert [node for node in nodes if isinstance(node, too_new)] == []
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    assert [f.name for f in functions if f.returns or any(a.annotation for a in f.args.args)] == []
    assert [f.name for f in functions if f.args.kwonlyargs or f.args.posonlyargs] == []
    prints = [n for n in nodes if isinstance(n, ast.Name) and n.id == "print"]
    assert prints == []  # a statement in Python 2


@pytest.mark.parametrize("answer", ["found: ", "absent: "])
def test_pythons_says_what_it_found_and_what_is_absent(answer: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "pythons.py"), "list"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.startswith(answer)]


# -- the few that failed, once more ---------------------------------------------------------------------

UNSTEADY = """
from pathlib import Path

def test_fails_once():
    met = Path("met")
    if not met.exists():
        met.touch()
        raise AssertionError
"""
STEADY = "def test_passes():\n    with open('passed', 'a') as file:\n        file.write('x')\n"


def run_tests(folder: Path, source: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """What tools/tests.py makes of a folder of tests."""
    (folder / "test_them.py").write_text(source)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "tests.py"), "test_them.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**kept, "WORKERS": "1", **settings},
        timeout=120,
    )


def test_a_test_that_fails_once_runs_once_more_alone_and_is_named(tmp_path: Path) -> None:
    done = run_tests(tmp_path, STEADY + UNSTEADY, GOTEE_ONCE_MORE=str(tmp_path / "unsteady"))
    assert done.returncode == 0, done.stdout
    assert "1 failed, 1 passed" in done.stdout and "1 passed" in done.stdout.splitlines()[-1]
    assert done.stderr == "UNSTEADY, to be mended:\n  test_them.py::test_fails_once\n"
    version = ".".join(map(str, sys.version_info[:2]))
    assert (tmp_path / "unsteady").read_text() == f"{version}: test_them.py::test_fails_once\n"
    assert (tmp_path / "passed").read_text() == "x"  # what passed does not run again


@pytest.mark.parametrize(
    "source", [UNSTEADY + "\ndef test_fails():\n    assert False\n", "raise RuntimeError\n"], ids=["test", "module"]
)
def test_what_fails_alone_too_fails_the_run(tmp_path: Path, source: str) -> None:
    record = tmp_path / "unsteady"
    done = run_tests(tmp_path, source, GOTEE_ONCE_MORE=str(record))
    assert done.returncode != 0
    assert "UNSTEADY" not in done.stderr
    assert "once more, alone:" in done.stdout
    assert not record.exists()


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("".join(f"def test_{number}():\n    assert False\n" for number in range(6)), 1),  # too many to be chance
        ("", 5),
    ],
    ids=["many", "no tests"],
)
def test_what_is_no_chance_does_not_run_again(tmp_path: Path, source: str, status: int) -> None:
    done = run_tests(tmp_path, source, GOTEE_ONCE_MORE=str(tmp_path / "unsteady"))
    assert done.returncode == status, done.stdout
    assert "once more" not in done.stdout


def test_without_the_setting_nothing_runs_again(tmp_path: Path) -> None:
    done = run_tests(tmp_path, UNSTEADY)
    assert done.returncode == 1
    assert "once more" not in done.stdout
