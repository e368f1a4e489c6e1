"""A way to run Python on small programs that import gotee, whether or not gotee is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gotee.syntax

SOURCE_ROOT = Path(gotee.syntax.__file__).parents[2]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file of a program under the test's own directory."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def python(tmp_path: Path) -> Run:
    """Run this Python with arguments in the test's own directory."""

    def python(*args: str, cwd: Path = tmp_path, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
        env |= {"PYTHONPATH": str(SOURCE_ROOT), "PYTHONIOENCODING": "utf-8"} | environment
        return subprocess.run(
            [sys.executable, *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    return python
