"""System calls by their numbers, one after the other, from inside a real enclave: what is answered. For tests.

One that ends the enclave is the last of it; another enclave goes on with the next. Arguments are such that what gets to
the kernel does nothing: -1 is no descriptor, no address, no process and no known flag.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from gotee.platform import rules
from gotee.platform.numbers import numbers

COUNT = 471  # the kernel's own table ends here (6.18)
PROGRAM = """\
import json
import os
import sys

import raw
from gotee import EnclaveLost, gosecure


def attempt(number: int, words: list[int | None]) -> int:
    return raw.call(number, *(raw.call(39) if word is None else word for word in words))


def ask(asked: list[tuple[int, list[int | None]]], write: int) -> None:
    for number, words in asked:
        try:
            told: int | str = gosecure(attempt, number, words).result(timeout=1 if number == 34 else None)
        except EnclaveLost as lost:
            told = str(lost)
        except TimeoutError:
            told = "pause waits for a signal"
        os.write(write, json.dumps(told).encode() + b"\\n")
        if isinstance(told, str):
            os._exit(0)
    os._exit(0)


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    told: list[int | str] = []
    while len(told) < len(asked):
        read, write = os.pipe()
        if os.fork() == 0:  # with no enclave yet, so that each of these can have one
            ask(asked[len(told) :], write)
        os.close(write)
        with os.fdopen(read) as lines:
            told += map(json.loads, lines)
        os.wait()
    print(json.dumps(told))
"""
OWN = None
"""Stands for the enclave's own process number."""

# Arguments with which the filter lets a call through, which then fails or does nothing. `clone` would start a thread.
FITTING: dict[str, list[int | None]] = {
    "open": [-1, 0],
    "openat": [-1, -1, 0],
    "mmap": [0, 4096, 0, 2, -1, 0],
    "mprotect": [-1, 0, 0],
    "kill": [OWN, 0],
    "tgkill": [OWN, -1, 0],
    "fcntl": [-1, 1],
    "ioctl": [-1, 0x541B, -1],
    "prctl": [3],
    "socketpair": [1, 1, 0, -1],
    "sendto": [-1, -1, 0, 0, 0, 0],
    "recvfrom": [-1, -1, 0, 0, 0, 0],
    "getsockopt": [-1, 1, 3],
    "madvise": [-1, 0, 0],
    "prlimit64": [0, -1, 0, -1],
    "sched_getaffinity": [OWN, 0, -1],
    "sched_setaffinity": [OWN, 0, -1],
}
UNFILTERED = {335: "SIGILL", 336: -6}
"""Newer kernels let the two calls of probes past every filter, and answer none but their own probes."""

Row = tuple[int, list[int | None], str]


def rows(some: Iterable[int]) -> list[Row]:
    """Numbers, arguments, and what the lists say of them."""
    names = {number: name for name, number in numbers("x86_64").items()}
    found: list[Row] = []
    for number in some:
        name = names.get(number, "")
        if name == "rt_sigreturn":  # does what lies on the stack; Python's own signal handlers need it
            continue
        words: list[int | None] = [-1, 1] if name == "futex" else [-1] * 6  # an operation that there is
        found.append((number, words, _stated(name)))
        if name in FITTING:
            found.append((number, FITTING[name], "allowed"))
    return found


def _stated(name: str) -> str:
    if name in rules.KILLED:
        return "killed"
    if name in rules.REFUSED or name in rules.CHECKED:
        return "EPERM"
    return "allowed" if name in rules.ALLOWED else "ENOSYS"


def _became(told: int | str) -> str:
    if isinstance(told, str) and "killed by SIGSYS" in told:
        return "killed"
    return {-1: "EPERM", -38: "ENOSYS"}.get(told, "allowed") if isinstance(told, int) else "allowed"


def differences(asked: list[Row], folder: Path, distribution: Path, **settings: str) -> list[str]:
    """Where what became of the calls is not what the lists say."""
    (folder / "main.py").write_text(PROGRAM)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    environment = {**kept, "PYTHONPATH": f"{distribution}:{Path(__file__).parents[2] / 'src'}", **settings}
    gotee = [sys.executable, "-m", "gotee"]
    subprocess.run([*gotee, "build", "main.py"], cwd=folder, env=environment, check=True, timeout=60)
    done = subprocess.run(
        [*gotee, "run", "--image", "main.sgxs", "main.py"],
        input=json.dumps([(number, words) for number, words, _ in asked]),
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
        check=True,
        timeout=150,
    )
    answers: list[int | str] = json.loads(done.stdout)
    found: list[str] = []
    for (number, words, stated), told in zip(asked, answers, strict=True):
        if number in UNFILTERED and (told == UNFILTERED[number] or str(UNFILTERED[number]) in str(told)):
            continue
        if _became(told) != stated:
            found.append(f"call {number} with {words}: {told}, and the lists say {stated}")
    return found
