"""Go's channel cases, and random programs, with their routines in two worlds: in a program and in its enclave."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from gotee.config import LINKS

from .model import outcomes
from .placements_process import PLACEMENTS, Runner, write_program
from .programs import (
    doubleselect,
    fifo,
    hard,
    nonblock,
    ours,
    perm,
    powser,
    races,
    runtime_cases,
    select_forms,
    selects,
    sieve,
    zerosize,
)
from .programs.random_program import Case, Op, Outcome
from .world import programs_of

PROGRAMS = programs_of(
    doubleselect, fifo, hard, nonblock, ours, perm, powser, races, runtime_cases, select_forms, selects, sieve, zerosize
)
RANDOM_PROGRAMS = 150


@pytest.fixture(scope="module")
def main_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_program(tmp_path_factory.mktemp("placements"))


@pytest.fixture(scope="module", params=[(place, link) for place in PLACEMENTS for link in LINKS], ids="-".join)
def runner(request: pytest.FixtureRequest, main_file: Path) -> Iterator[Runner]:
    runner = Runner(main_file, *request.param)
    yield runner
    runner.end()


@pytest.mark.parametrize("name", PROGRAMS)
def test_channels_behave_as_in_go_across_two_worlds(runner: Runner, name: str) -> None:
    assert runner.run(name) is None


def test_a_random_program_across_two_worlds_has_an_outcome_of_the_model(
    runner: Runner, arm_watchdog: Callable[[], None]
) -> None:
    chance = random.Random(3)
    for _ in range(RANDOM_PROGRAMS):
        arm_watchdog()
        program, capacities = random_program(chance)
        answer = runner.run([program, capacities])
        assert isinstance(answer, list), answer
        traces, lengths = answer
        observed = Outcome(tuple(map(tuple, traces)), tuple(lengths))
        assert observed in outcomes(program, capacities), (program, capacities)


def random_program(chance: random.Random) -> tuple[list[list[Op]], list[int]]:
    """Up to four routines and ten operations on up to three channels; no value is sent by two operations."""
    capacities = [chance.randrange(3) for _ in range(chance.randint(1, 3))]
    routines = chance.randint(1, 4)
    values = count(1)

    def case(kind: str) -> Case:
        sends = kind == "send" or (kind in ("select", "poll") and chance.random() < 0.5)
        return Case(sends, chance.randrange(len(capacities)), next(values) if sends else 0)

    def operation() -> Op:
        kind = chance.choice(["send", "send", "recv", "recv", "select", "select", "poll", "close", "yield"])
        width = {"yield": 0, "select": chance.randint(1, 3), "poll": chance.randint(1, 3)}.get(kind, 1)
        return Op(kind, [case(kind) for _ in range(width)])

    return [[operation() for _ in range(chance.randint(1, 10 // routines))] for _ in range(routines)], capacities
