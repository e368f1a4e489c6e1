"""Loans cannot be seen: with values or room lent into the enclave, every outcome is one of Go, and none is missing."""

from __future__ import annotations

import pytest

from .model import check
from .program import Program, program

ROOM = program("x=1", H="x!1; x!2; x!3", E="x?; x?")
BOTH_TAKE = program("x=2", H="x!1; x!2; x!3; x?", E="x?; x?")
OTHERS_TAKE = program("x=2", H="x!1; x!2; x!3", E="x?; x?", E2="x? | timeout")
POLLS = program("x=1 y=1", H="x!1; x!2; y?; x!3 | default", E="x?; x?; y!9")
ASKS = program("x=2 y=1", H="x!1; x!2; y?; len x", E="x?; x?; y!9")
ASKED = program("x=2", H="x!1; x!2; x!3", E="x?; x?; len x; x? | default")
CLOSES = program("x=1 y=1", H="x!1; x!2; x!3", H2="y?; close x", E="x?; x?; y!9")
DRAINS = program("x=2", H="x!1; x!2; x!3; close x", E="x?; x?; x?; x?")
MIXED = program("x=2 t=1", H="x!1; x!2; x?", E="x?; x? | t?; x? | default", E2="t!5")
FILLS = program("x=2", H="x?; x?; x?", E="x!1; x!2; x!3")
BOTH_SEND = program("x=2", H="x!3", E="x!1; x!2")
OTHERS_SEND = program("x=2", H="x?; x?", E="x!1; x!2", E2="x!3 | timeout")
LOOKS = program("x=2 y=0", H="y?; x?; x? | default", E="x!1; x!2; y!9")
COUNTS = program("x=2 y=0", H="y?; len x", E="x!1; x!2; y!9")
SHUTS = program("x=2 y=0", H="close x; y!9", E="x!1; y?; x!2")
SHUTS_INSIDE = program("x=3", H="x?; x?; x?", E="x!1; x!2; close x; x!3")
TURNS = program("x=2", H="x?; x!5", E="x!1; x!2; x?")
WAITS = program("x=2 y=1", H="x? | y?; x?", E="x!1; x!2; y!3")
EACH = [ROOM, BOTH_TAKE, OTHERS_TAKE, POLLS, ASKS, ASKED, CLOSES, DRAINS, MIXED]
EACH += [FILLS, BOTH_SEND, OTHERS_SEND, LOOKS, COUNTS, SHUTS, SHUTS_INSIDE, TURNS, WAITS]

each = pytest.mark.parametrize("p", EACH, ids=str)


@each
def test_nobody_can_see_that_values_are_lent(p: Program) -> None:
    report = check(p)
    assert report.violations == []
    assert report.missing == set()


@each
@pytest.mark.parametrize("feature", ["probe", "loss"])
def test_lending_keeps_deadlock_and_loss_right(p: Program, feature: str) -> None:
    assert check(p, features=frozenset({feature})).violations == []


@pytest.mark.parametrize(
    ("mutant", "p"),
    [
        ("takers_do_not_end_loans", BOTH_TAKE),
        ("full_is_believed", POLLS),
        ("len_does_not_look", ASKS),
        ("rest_says_nothing", ROOM),
        ("senders_do_not_end_loans", BOTH_SEND),
        ("empty_is_believed", LOOKS),
        ("len_does_not_collect", COUNTS),
        ("close_leaves_room_lent", SHUTS),
        ("host_does_not_listen", FILLS),
        ("listeners_do_not_look", FILLS),
    ],
)
def test_without_its_rule_lending_is_seen(mutant: str, p: Program) -> None:
    assert "Go has no such outcome" in "\n".join(check(p, mutants=frozenset({mutant})).violations)
