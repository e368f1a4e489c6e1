"""Programs as users write them, each run as a process of its own with its enclave. Test world only.

Whatever a program starts is found as its descendant: while a program runs, this process adopts orphans (see
prctl(2), PR_SET_CHILD_SUBREAPER), so one that outlives its program cannot escape.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import gotee
from gotee.host.loader import BANNER

SECONDS = 40.0  # far more than any of these programs needs; one that takes longer hangs
LINGER = 10.0  # seconds in which everything a program started must have ended after it
_PR_SET_CHILD_SUBREAPER = 36
_SOURCES = str(Path(gotee.__file__).parents[1])

PRELUDE = """\
import asyncio, os, signal, sys, threading, time, warnings
from dataclasses import dataclass
from gotee import *


"""
GUARD = """

if __name__ == "__main__":
    main()
"""


@dataclass(frozen=True)
class Ended:
    """How a program ended. `errors` is its standard error without gotee's banner."""

    status: int
    output: str
    errors: str

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()


class Running:
    """A program that runs."""

    def __init__(self, process: subprocess.Popen[str], before: set[int]) -> None:
        self.process = process
        self._before = before
        self._read: list[str] = []

    @property
    def platform(self) -> int:
        """The process that is the platform of this program's enclave."""
        (platform,) = (pid for pid in children(self.process.pid) if "gotee.platform" in _command(pid))
        return platform

    @property
    def enclave(self) -> int:
        """The enclave: the first process of its process namespace, whose parent only waits for it."""
        (outer,) = (pid for pid in children(self.platform) if "gotee.enclave" in _command(pid))
        return next(iter(children(outer)), outer)

    def wait_for(self, expected: str) -> None:
        """Read the program's output up to this line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._read.append(line)
            if line == expected + "\n":
                return
        raise AssertionError(f"the program ended without saying {expected!r}: {self.end()}")

    def end(self) -> Ended:
        """Wait for the program's end; a hang, and a process that is left behind, fails the test."""
        try:
            output, errors = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler prints where every thread is
            output, errors = self.process.communicate(timeout=LINGER)
            raise AssertionError(f"the program hangs; it said\n{output}\n{errors}") from None
        assert nothing_left(self._before) == []
        return Ended(self.process.returncode, "".join(self._read) + output, errors.replace(BANNER, ""))


def write_program(directory: Path, source: str, files: Mapping[str, str] | None = None) -> Path:
    """Write main.py, with PRELUDE and a guarded call of main(), and the program's other files."""
    for name, text in (files or {}).items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
    main = directory / "main.py"
    main.write_text(PRELUDE + textwrap.dedent(source).strip("\n") + GUARD)
    return main


@contextmanager
def started(
    file: Path, *words: str, before: tuple[str, ...] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Run a program file as a user does, `python FILE WORDS`; `before` is what stands between the two."""
    with _adopting_orphans():
        known = set(children(os.getpid()))
        process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", *before, str(file), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment_of_a_user(**(environment or {})),
            cwd=file.parent,
            start_new_session=True,
        )
        try:
            yield Running(process, known)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
            for pid in nothing_left(known, seconds=0):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            nothing_left(known)


def run(file: Path, *words: str, before: tuple[str, ...] = (), **environment: str) -> Ended:
    """Run a program to its end."""
    with started(file, *words, before=before, environment=environment) as program:
        return program.end()


def lines_of(directory: Path, source: str, files: Mapping[str, str] | None = None) -> list[str]:
    """The standard output of a program that ends well and complains of nothing."""
    ended = run(write_program(directory, source, files))
    assert (ended.status, ended.errors) == (0, ""), ended
    return ended.lines


def environment_of_a_user(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    return {**kept, "PYTHONPATH": _SOURCES, "PYTHONDONTWRITEBYTECODE": "1", "GOTEE_TEE": "process", **more}


# -- processes ---------------------------------------------------------------------------------------


def children(of: int) -> list[int]:
    """The children of a process, zombies too."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                if parent(int(entry)) == of:
                    found.append(int(entry))
    return found


def parent(child: int) -> int:
    """The parent of a process."""
    return int(Path("/proc", str(child), "stat").read_text().rpartition(")")[2].split()[1])


def _command(pid: int) -> str:
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def nothing_left(before: set[int], seconds: float = LINGER) -> list[int]:
    """Wait until this process has no children but those of `before`; returns those that stay."""
    end = time.monotonic() + seconds
    while True:
        left = [pid for pid in children(os.getpid()) if pid not in before]
        for pid in list(left):
            with suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0] == pid:
                    left.remove(pid)
        if not left or time.monotonic() >= end:
            return left
        time.sleep(0.005)


@contextmanager
def _adopting_orphans() -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0)
