"""Each rule of the protocol is needed: with it the program is sound, without it the checker finds what goes wrong."""

from __future__ import annotations

import pytest

from .model import check
from .program import Op
from .rules import RULES, VARIANTS, Rule

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.number}-{rule.mutant}")


@each_rule
def test_with_the_rule_every_outcome_is_one_of_go_and_none_is_missing(rule: Rule) -> None:
    report = check(rule.program)
    assert report.violations == []
    assert report.missing == set()


@each_rule
def test_without_the_rule_the_checker_finds_the_violation(rule: Rule) -> None:
    report = check(rule.program, mutants=frozenset({rule.mutant}))
    if rule.wrong == "missing":
        assert report.violations == []
        assert report.missing
    else:
        assert rule.wrong in "\n".join(report.violations)


@each_rule
@pytest.mark.parametrize("variant", VARIANTS)
def test_open_choices_hold(rule: Rule, variant: str) -> None:
    assert check(rule.program, mutants=frozenset({variant})).violations == []


@each_rule
@pytest.mark.parametrize("ends", ["", "default", "timeout"])
def test_cancelled_selects_have_only_outcomes_of_go(rule: Rule, ends: str) -> None:
    """The rule's program with `cancel` in the place of one way to end; a plain select only if it has two cases."""

    def cancellable(op: Op) -> Op:
        fits = op.kind == "select" and op.ends == ends and (bool(ends) or len(op.cases) > 1)
        return op._replace(ends="cancel") if fits else op

    routines = tuple(tuple(cancellable(op) for op in ops) for ops in rule.program.routines)
    assert check(rule.program._replace(routines=routines)).violations == []
