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
