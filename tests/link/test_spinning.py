"""How long waits spin, with times that are given: never beyond a budget, and not at all when that is of no use."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import islice, repeat

import pytest

from gotee.boundary.ring import SpinBudget

US, MS, SECOND = 1_000, 1_000_000, 1_000_000_000  # nanoseconds
CHEAP, SOON, CREDIT, PART = 60 * US, 400 * US, 1 * MS, 8  # as in gotee.boundary.spinning
WAKE = 50 * US


class Waits:
    """One side's waits, one after the other."""

    def __init__(self, *, useful: bool = True) -> None:
        self.now = SECOND
        self.budget = SpinBudget(useful, self.now)
        self.slept = 0
        self.charged = 0

    def wait(self, answer: int) -> int:
        """A wait whose answer comes after so many nanoseconds; how long it spun."""
        allowed = self.budget.allowed(self.now)
        found = answer <= allowed
        spun = answer if found else allowed
        waited = answer if found else answer + WAKE
        self.slept += not found
        self.charged += max(0, spun - CHEAP) if found else spun
        self.now += waited
        if spun:
            self.budget.took(spun, found)
        self.budget.learn(waited, True)
        return spun


def drawn(seed: int) -> Iterator[int]:
    chance = random.Random(seed)
    while True:
        yield int(10 ** chance.uniform(2, 8))


def just_too_late(waits: Waits) -> Callable[[], int]:
    """A peer that answers right after each spin has ended."""
    return lambda: min(waits.budget.allowed(waits.now) + 1, SOON - WAKE)


@pytest.mark.parametrize(
    "answers",
    [repeat(200 * US), repeat(390 * US), repeat(2 * MS), drawn(1), drawn(2), drawn(3)],
    ids=["200 us", "390 us", "2 ms", "drawn 1", "drawn 2", "drawn 3"],
)
def test_spins_never_cost_more_than_their_budget(answers: Iterator[int]) -> None:
    waits = Waits()
    begun = waits.now
    for answer in islice(answers, 3_000):
        waits.wait(answer)
        assert waits.charged <= CREDIT + (waits.now - begun) // PART


def test_a_peer_that_answers_right_after_each_spin_cannot_break_the_budget() -> None:
    waits = Waits()
    begun, answer = waits.now, just_too_late(waits)
    for _ in range(3_000):
        waits.wait(answer())
        assert waits.charged <= CREDIT + (waits.now - begun) // PART
    assert waits.slept > 2_000


def test_answers_that_come_soon_are_spun_for_and_cost_nothing() -> None:
    waits = Waits()
    for _ in range(1_000):
        assert waits.wait(2 * US) == 2 * US
    assert (waits.slept, waits.charged) == (0, 0)


def test_when_answers_take_long_waits_sleep_at_once_and_when_they_are_soon_again_they_spin() -> None:
    waits = Waits()
    for _ in range(20):
        waits.wait(10 * MS)
    assert [waits.wait(10 * MS) for _ in range(100)] == [0] * 100
    waits.wait(5 * US)
    assert waits.wait(5 * US) == 5 * US


def test_another_process_that_takes_the_processor_in_a_spin_ends_the_spins_for_a_while() -> None:
    waits = Waits()
    waits.wait(2 * US)
    waits.budget.took(4 * MS, False)
    assert waits.budget.allowed(waits.now + 20 * MS) == 0
    assert waits.budget.allowed(waits.now + 40 * MS) > 0


def test_on_a_single_processor_nobody_spins() -> None:
    waits = Waits(useful=False)
    assert [waits.wait(1 * US) for _ in range(100)] == [0] * 100
