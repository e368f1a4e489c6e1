"""examples/thief, run as a user runs it: it gets in at level development, and gets nothing at level service."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gotee.platform.service.settings import Settings

from .conftest import ADA, GOTEE, Service
from .test_kept import kept as await_kept

THIEF = Path(__file__).parents[2] / "examples" / "thief" / "thief.py"
ATTEMPTS = 22
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


def table(home: Path, *words: str, socket: str = "") -> tuple[dict[str, tuple[str, str]], str, str]:
    """What the thief says of each attempt (got in, stolen), and its first and its last line."""
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
    return {row[0]: (row[1], row[2]) for row in rows}, lines[0], lines[-1]


def test_at_level_development_the_thief_gets_in_and_says_so(home: Path) -> None:
    found, _, last = table(home)
    assert found["platform: open its memory"] == ("yes", "no")
    assert found["platform: pidfd_getfd, for its gate"] == ("yes", "no")
    assert found["variables for the loader (LD_PRELOAD)"] == ("yes", "no")
    assert found["a filter that answers its system calls"] == ("yes", "no")
    assert "no confidentiality or integrity against code of the same user" in last


@pytest.mark.parametrize("kept", [0, 1], ids=["started for it", "kept"])
def test_at_level_service_the_thief_gets_nothing(installation: Settings, home: Path, tmp_path: Path, kept: int) -> None:
    service = Service(replace(installation, kept=kept), tmp_path)
    try:
        waited = await_kept(service) if kept else set()
        found, first, last = table(home, "--level", "service", socket=service.settings.socket)
    finally:
        service.stop()
    assert service.nobody_left()
    assert {name for name, (_, stolen) in found.items() if stolen != "no"} == set()
    public = {"read the link's shared memory", "read /proc/PID/cmdline"}
    assert {name for name, (inside, _) in found.items() if inside == "yes"} - {LISTED} == public
    assert "not from root, kernel, hardware" in last
    prey = set(json.loads(first[first.index("[") :]))
    assert prey >= waited if kept else prey  # it reached for its own enclave, not for the next one that is kept
