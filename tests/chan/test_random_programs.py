"""Random programs of channel operations do nothing that Go's channels, as the model has them, could not do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from .model import Program, outcomes
from .programs.random_program import Case, Op, observe
from .world import Placement, opened

KINDS = st.sampled_from(["send"] * 4 + ["recv"] * 4 + ["select"] * 4 + ["poll", "poll", "close", "yield"])
MOST_OPERATIONS = 11  # of a program, so that its outcomes are found in milliseconds


@st.composite
def programs(draw: st.DrawFn) -> tuple[Program, list[int]]:
    """One to four routines on one or two channels; no value is sent by two operations.

    An operation often comes several times in a row: that is what fills buffers and makes waiters wait.
    """
    capacities = draw(st.sampled_from([[0], [1], [2], [0, 0], [0, 1], [0, 2], [1, 2]]))
    values = count(1)
    routines = draw(st.sampled_from([1, 2, 2, 3, 3, 4]))
    program: Program = []
    for _ in range(routines):
        length = draw(st.sampled_from(range(1, MOST_OPERATIONS // routines + 1)))
        routine: list[Op] = []
        while len(routine) < length:
            times = draw(st.sampled_from([1, 1, 2, 3]))
            routine += draw(_operations(len(capacities), values, min(times, length - len(routine))))
        program.append(routine)
    return program, capacities


@st.composite
def _operations(draw: st.DrawFn, channels: int, values: Iterator[int], times: int) -> list[Op]:
    """One operation, `times` times; each sends values of its own."""
    kind = draw(KINDS)
    channel = st.sampled_from(range(channels))
    if kind == "yield":
        cases = []
    elif kind in ("select", "poll"):
        case = st.tuples(st.booleans(), st.one_of(channel, channel, channel, st.just(-1)))
        cases = draw(st.lists(case, min_size=1, max_size=3))
    else:
        cases = [(kind == "send", draw(channel))]
    return [
        Op(kind, [Case(sends, place, next(values) if sends else 0) for sends, place in cases]) for _ in range(times)
    ]


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(drawn=programs())
def test_an_outcome_is_one_that_the_model_has(
    placement: Placement, arm_watchdog: Callable[[], None], drawn: tuple[Program, list[int]]
) -> None:
    program, capacities = drawn
    arm_watchdog()
    with opened(placement) as world:
        observed = observe(world, program, capacities)
    assert observed in outcomes(program, capacities)
