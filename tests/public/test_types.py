"""The public names are typed: a checker knows arguments, results and elements."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("typed_program.py.txt")  # not .py: pytest would import it for doctests


def test_a_type_checker_sees_arguments_results_and_elements(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "program.py").write_text(PROGRAM.read_text())
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache", "--config-file=", "program.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    found = re.findall(r":(\d+): error: .*\[([a-z-]+)\]$", checked.stdout, re.MULTILINE)
    lines = PROGRAM.read_text().splitlines()
    wanted = [(str(i), line.split("# error: ")[1]) for i, line in enumerate(lines, 1) if "# error: " in line]
    assert sorted(found) == sorted(wanted), checked.stdout
