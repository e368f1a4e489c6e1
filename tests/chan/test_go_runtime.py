"""The behaviours that Go's runtime/chan_test.go checks, in every placement."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .programs import runtime_cases
from .world import World, programs_of

PROGRAMS = programs_of(runtime_cases)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_channels_behave_as_in_go(program: Callable[[World], None], world: World) -> None:
    program(world)
