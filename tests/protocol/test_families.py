"""Families of small programs, every interleaving of each: outcomes are exactly Go's.

GOTEE_MODEL=full checks every program of three routines and many more drawn ones (long); otherwise a fixed part.
"""

from __future__ import annotations

import os
from itertools import islice

import pytest

from .families import PLACES, drawn_programs, every_program
from .model import check
from .program import Program

FULL = os.environ.get("GOTEE_MODEL") == "full"
NOTHING: frozenset[str] = frozenset()


def assert_exactly_go(p: Program, features: frozenset[str] = NOTHING) -> None:
    report = check(p, features=features)
    assert report.violations == []
    assert report.missing == set(), f"{p} cannot reach an outcome of Go"


@pytest.mark.parametrize("places", ["HE", "EE"])
def test_every_program_of_two_routines_has_exactly_the_outcomes_of_go(places: str) -> None:
    for p in every_program(places):
        assert_exactly_go(p)


@pytest.mark.parametrize("places", [name for name in PLACES if len(name) == 3])
def test_programs_of_three_routines_have_exactly_the_outcomes_of_go(places: str) -> None:
    for p in islice(every_program(places), 0, None, 1 if FULL else 97):
        assert_exactly_go(p)


def test_drawn_programs_of_up_to_four_routines_have_exactly_the_outcomes_of_go() -> None:
    for p in islice(drawn_programs(seed=20), 3000 if FULL else 150):
        assert_exactly_go(p)


@pytest.mark.parametrize("places", PLACES)
def test_it_makes_no_difference_if_all_room_is_lent_from_the_start(places: str) -> None:
    for p in islice(every_program(places), 0, None, 1 if FULL else 7 if len(places) == 2 else 211):
        assert_exactly_go(p, frozenset({"roomy"}))


@pytest.mark.parametrize("feature", ["probe", "loss"])
def test_every_program_across_the_boundary_holds_with_probe_and_with_loss(feature: str) -> None:
    for p in islice(every_program("HE"), 0, None, 1 if FULL else 3):
        report = check(p, features=frozenset({feature}))
        assert report.violations == []
