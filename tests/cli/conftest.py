"""Runs the command as a user would: in a process of its own, in a directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Gotee = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without gotee's own settings, with the package importable."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOTEE_")}
    path = os.pathsep.join([str(ROOT / "src"), *filter(None, [kept.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path, **changes}


@pytest.fixture
def gotee(tmp_path: Path) -> Gotee:
    def call(*arguments: object, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gotee", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(**settings),
            timeout=60,
        )

    return call


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a program's source and returns where it is."""

    def write(source: str) -> Path:
        path = tmp_path / "program.py"
        path.write_text(source, encoding="utf-8")
        return path

    return write
