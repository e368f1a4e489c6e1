"""Random programs of channel operations do nothing that Go's channels, as the model has them, could not do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from .model import Program, outcomes
from .programs.random_program import Case, Op, observe
from .world import Placement, opened

KINDS = st.sampled_from(["send", "send", "recv", "recv", "select", "select", "poll", "close", "yield"])


@st.composite
def programs(draw: st.DrawFn) -> tuple[Program, list[int]]:
    """Up to four routines and ten operations on up to three channels; no value is sent by two operations."""
    capacities = draw(st.lists(st.integers(0, 2), min_size=1, max_size=3))
    values = count(1)
    routines = draw(st.integers(1, 4))
    longest = 10 // routines
    program = [
        [draw(_operation(len(capacities), values)) for _ in range(draw(st.integers(1, longest)))]
        for _ in range(routines)
    ]
    return program, capacities


@st.composite
def _operation(draw: st.DrawFn, channels: int, values: Iterator[int]) -> Op:
    kind = draw(KINDS)
    if kind == "yield":
        return Op(kind, [])
    if kind in ("select", "poll"):
        case = st.tuples(st.booleans(), st.integers(-1, channels - 1))
        drawn = draw(st.lists(case, min_size=1, max_size=3))
    else:
        drawn = [(kind == "send", draw(st.integers(0, channels - 1)))]
    return Op(kind, [Case(sends, channel, next(values) if sends else 0) for sends, channel in drawn])


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(drawn=programs())
def test_an_outcome_is_one_that_the_model_has(placement: Placement, drawn: tuple[Program, list[int]]) -> None:
    program, capacities = drawn
    with opened(placement) as world:
        observed = observe(world, program, capacities)
    assert observed in outcomes(program, capacities)
