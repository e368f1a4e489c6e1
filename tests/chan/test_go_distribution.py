"""The behaviours of the programs in Go's distribution, test/chan, in every placement."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .programs import doubleselect, fifo, nonblock, perm, powser, select_forms, selects, sieve, zerosize
from .world import World, programs_of

PROGRAMS = programs_of(doubleselect, fifo, nonblock, perm, powser, select_forms, selects, sieve, zerosize)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_channels_behave_as_in_go(program: Callable[[World], None], world: World) -> None:
    program(world)
