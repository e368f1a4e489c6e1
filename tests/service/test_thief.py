"""examples/thief, run as a user runs it: it gets in at level development, and gets nothing at level service."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import ADA, GOTEE, Service

THIEF = Path(__file__).parents[2] / "examples" / "thief" / "thief.py"
ATTEMPTS = 20
# Reading any file: a checkout and an interpreter in root's home are not open to ADA. It opens no memory of a process,
# but lists descriptors; test_service.py tries that without it.
READER = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
LISTED = "list /proc/PID/fd"


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="thief-of-gotee-", dir="/tmp"))
    shutil.copy(THIEF, folder)
    if os.geteuid() == 0:
        os.chown(folder, ADA, ADA)
    yield folder
    shutil.rmtree(folder)


def table(home: Path, *words: str, socket: str = "") -> tuple[dict[str, tuple[str, str]], str]:
    """What the thief says of each attempt (got in, stolen), and its last line."""
    become: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not installed")
        become = ["setpriv", f"--reuid={ADA}", f"--regid={ADA}", "--clear-groups", *READER]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "XDG_"))}
    environ |= {"HOME": str(home), "GOTEE_PLATFORM": socket} if socket else {"HOME": str(home)}
    command = [*become, *GOTEE, "run", *words, str(home / "thief.py")]
    done = subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    rows = [[word.strip() for word in line.split("|")] for line in lines if "|" in line][1:]
    assert len(rows) == ATTEMPTS
    assert [
        row for row in rows if "is seen" in row[3] or "not tried" in row[3]
    ] == []  # each had something to reach for
    return {row[0]: (row[1], row[2]) for row in rows}, lines[-1]


def test_at_level_development_the_thief_gets_in_and_says_so(home: Path) -> None:
    found, last = table(home)
    assert found["platform: open its memory"] == ("yes", "no")
    assert found["variables for the loader (LD_PRELOAD)"] == ("yes", "no")
    assert found["a filter that answers its system calls"] == ("yes", "no")
    assert "no confidentiality or integrity against code of the same user" in last


def test_at_level_service_the_thief_gets_nothing(service: Service, home: Path) -> None:
    found, last = table(home, "--level", "service", socket=service.settings.socket)
    assert {name for name, (_, stolen) in found.items() if stolen != "no"} == set()
    public = {"read the link's shared memory", "read /proc/PID/cmdline"}
    assert {name for name, (inside, _) in found.items() if inside == "yes"} - {LISTED} == public
    assert "not from root, kernel, hardware" in last
