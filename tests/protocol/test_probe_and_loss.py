"""Deadlock is neither missed nor invented; a lost enclave leaves nobody waiting and no value twice."""

from __future__ import annotations

import pytest

from .model import check
from .program import Program, program
from .rules import RULES

BUSY = program("x=0 t=1", H="x?", E="t!1; t?")
MOVES = program("x=1 y=0", H="x!1; y?", E="x?; y!2")
LENS = program("x=0 y=0", H="y?", E="len x; y!1")
CANCELS = program("x=0 y=0", H="y?", E="x? | timeout; y!1")
WAITS = program("x=0", H="x?", E="x!1")
BUFFERED = program("x=1", H="x?; x?", E="x!1; x!2; close x")
GHOST = program("x=0 y=0", H="x?; y?", E="y!5", E2="x!1")


@pytest.mark.parametrize("p", [BUSY, MOVES, LENS, CANCELS, *(rule.program for rule in RULES)], ids=str)
def test_deadlock_is_declared_exactly_when_nothing_can_move(p: Program) -> None:
    assert check(p, features=frozenset({"probe"})).violations == []


@pytest.mark.parametrize(
    ("mutant", "p", "wrong"),
    [
        ("busy_answer", BUSY, "deadlock missed"),
        ("movement_ignored", MOVES, "deadlock invented"),
        ("len_and_cancel_do_not_move", LENS, "deadlock invented"),
        ("len_and_cancel_do_not_move", CANCELS, "deadlock invented"),
    ],
)
def test_without_its_rule_the_probe_is_wrong(mutant: str, p: Program, wrong: str) -> None:
    report = check(p, mutants=frozenset({mutant}), features=frozenset({"probe"}))
    assert wrong in "\n".join(report.violations)


@pytest.mark.parametrize("p", [WAITS, BUFFERED, GHOST, *(rule.program for rule in RULES)], ids=str)
def test_loss_at_any_moment_looks_like_routines_that_stopped(p: Program) -> None:
    assert check(p, features=frozenset({"loss"})).violations == []


def test_buffered_values_come_before_the_loss() -> None:
    results = {o.results for o in check(BUFFERED, features=frozenset({"loss"})).outcomes if o.lost}
    assert (("0:1", "0:lost"),) in results
    assert (("0:1", "0:2"),) in results


@pytest.mark.parametrize(("mutant", "p"), [("loss_wakes_nobody", WAITS), ("loss_keeps_remote_waiters", GHOST)])
def test_without_its_rule_loss_is_wrong(mutant: str, p: Program) -> None:
    report = check(p, mutants=frozenset({mutant}), features=frozenset({"loss"}))
    assert "Go has no such outcome" in "\n".join(report.violations)
