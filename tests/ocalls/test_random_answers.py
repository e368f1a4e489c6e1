"""Whatever bytes the host answers with, they are used checked, or end the enclave. CI tries some, `make fuzz` many."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.ocalls import KNOWN_ERRORS

from .test_lying_host import GOOD, LIES, QUESTIONS, Host, answer_of_open, asking, described, encode

SECONDS = float(os.environ.get("GOTEE_FUZZ_SECONDS", "0"))
ROUNDS = 150  # answers to each question, if no time is named
HONEST = [
    answer_of_open(7, GOOD),
    described(GOOD),
    *(encode(each) for each in ([[b"a", "f"]], b"/a/b", True, 5, 1_700_000_000 * 10**9, {"LANG": b"C"})),
]
VALUES: list[Any] = [None, True, 0, -1, 1 << 62, (1 << 64) - 1, 1.5, float("nan"), "x", "", b"x", b"\0", [], {}, [[]]]


def made_up(chance: random.Random) -> bytes:
    """An answer: chance, an honest one with a few bytes changed, or a tree of odd values."""
    kind = chance.randrange(3)
    if kind == 0:
        return chance.randbytes(chance.choice((0, 1, 3, 10, 40, 300)))
    if kind == 1:
        data = bytearray(chance.choice([*HONEST, *(lie for _, lie in LIES)]))
        for _ in range(chance.randrange(4)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data[: chance.choice((len(data), chance.randrange(len(data) + 1)))])
    value: Any = [chance.choice(VALUES) for _ in range(chance.choice((2, 10, 10)))]
    return encode(chance.choice((value, [7, value], [value], {"LANG": value}, value[0])))


BELIEVABLE: dict[str, Callable[[Any], bool]] = {
    "open": lambda found: type(found).__name__ == "HostFile",
    "stat": lambda found: found.size >= 0 and 0 <= found.mode < 1 << 16,
    "list": lambda found: all("/" not in name and name not in ("", ".", "..") for name, _ in found),
    "link": lambda found: isinstance(found, str) and 0 < len(found) <= 4096,
    "mkdir": lambda found: found is None,
    "access": lambda found: found in (True, False),
    "read": lambda found: isinstance(found, bytes) and len(found) <= 10,
    "write": lambda found: 1 <= found <= 10,
    "input": lambda found: isinstance(found, bytes) and len(found) <= 10,
    "time": lambda found: 946_684_800 * 10**9 <= found < 7_258_118_400 * 10**9,
    "environment": lambda found: set(found) <= {"LANG"} and all(isinstance(text, str) for text in found.values()),
    "home": lambda found: found.startswith("/") and ".." not in found.split("/"),
}
"""Whether what trusted code gets has the form that the question promises, and is no more than was asked for."""


def answer_once(kind: str, chance: random.Random) -> None:
    host = Host()
    routine = asking(host, QUESTIONS[kind](host))
    error = chance.choice((0, 0, 0, chance.choice(sorted(KNOWN_ERRORS)), chance.randrange(1 << 64)))
    answer = made_up(chance)
    try:
        host.say(answer, error=error)
    except LinkCorrupt:
        assert not routine.done()
        routine.cancel()
        return
    if error and kind != "access":
        with pytest.raises(OSError) as refused:
            routine.result()
        assert refused.value.errno == error
    else:
        found = routine.result()
        assert BELIEVABLE[kind](found), (kind, answer, found)


@pytest.mark.parametrize("kind", QUESTIONS)
def test_no_answer_gets_past_its_check(kind: str) -> None:
    end, seed = time.monotonic() + SECONDS / len(QUESTIONS), 0
    while seed < ROUNDS or time.monotonic() < end:
        answer_once(kind, random.Random(f"{kind} {seed}"))
        seed += 1
