"""Programs in a process of their own: for what may hang, ends the process, or changes its signals and threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import gotee

SECONDS = 20.0  # far more than any of these programs needs; one that takes longer hangs
_SOURCES = str(Path(gotee.__file__).parent.parent)

PRELUDE = """\
import os, signal, sys, threading, time
from gotee import *
def say(*words): print(*words, flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How a program ended. `lines` is its standard output."""

    status: int
    lines: list[str]
    errors: str


def run_script(source: str, *, warnings: str = "error", seconds: float = SECONDS) -> Ended:
    """Run `source` after PRELUDE; a program that does not end by itself fails the test with all its stacks."""
    process = start_script(source, warnings=warnings)
    return end_script(process, seconds)


def start_script(source: str, *, warnings: str = "error") -> subprocess.Popen[str]:
    imports = "import asyncio\n" if "asyncio" in source else ""  # so that programs run without it, too
    program = imports + PRELUDE + textwrap.dedent(source)
    paths = [_SOURCES, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))},
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GOTEE_TEE": "inline",  # `python -c` has no main file
    }
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-W", warnings, "-c", program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,  # so that its children can be ended with it
    )


def end_script(process: subprocess.Popen[str], seconds: float = SECONDS) -> Ended:
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # faulthandler prints where every thread is
        try:
            output, errors = process.communicate(timeout=1)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
        raise AssertionError(f"the program hangs; it said\n{output}\n{errors}") from None
    return Ended(process.returncode, output.splitlines(), errors)


def wait_for_line(process: subprocess.Popen[str], expected: str) -> None:
    """Read the program's output up to this line."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.rstrip("\n") == expected:
            return
    raise AssertionError(f"the program ended without saying {expected!r}: {end_script(process)}")


def lines_of(source: str, *, warnings: str = "error", seconds: float = SECONDS) -> list[str]:
    """The standard output of a program that ends well and complains of nothing."""
    ended = run_script(source, warnings=warnings, seconds=seconds)
    assert (ended.status, ended.errors) == (0, ""), ended
    return ended.lines
