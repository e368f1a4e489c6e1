"""What Python's spelling adds to Go's channels, and patterns of Go programs, in every placement."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .programs import hard, ours, races
from .world import World, programs_of

PROGRAMS = programs_of(hard, ours, races)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_channels_promise(program: Callable[[World], None], world: World) -> None:
    program(world)
