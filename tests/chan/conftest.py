"""Placements of the channel programs, and a watchdog: a channel that loses a wake-up must not hang the run."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from .world import Placement, World, opened

pytest.register_assert_rewrite(f"{__package__}.programs")

WATCHDOG_SECONDS = 60.0

PLACEMENTS = [
    Placement("one-world", inside=lambda role, n: False, environment={"GOTEE_TEE": None}),
    Placement("inline", inside=lambda role, n: True, environment={"GOTEE_TEE": "inline"}),
]


@pytest.fixture(scope="session", params=PLACEMENTS, ids=lambda placement: placement.name)
def placement(request: pytest.FixtureRequest) -> Placement:
    """Where the routines of a program run. More worlds mean more placements here, and no other program."""
    return request.param


@pytest.fixture
def world(placement: Placement) -> Iterator[World]:
    with opened(placement) as world:
        yield world


@pytest.fixture(scope="session")
def arm_watchdog(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """Call it to give the process WATCHDOG_SECONDS from now on; a test of many examples does so for each."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        stderr = os.dup(2)  # the real one: what a process that ends wrote to pytest's capture is lost
    yield partial(faulthandler.dump_traceback_later, WATCHDOG_SECONDS, exit=True, file=stderr)
    os.close(stderr)


@pytest.fixture(autouse=True)
def _watchdog(arm_watchdog: Callable[[], None]) -> Iterator[None]:
    """A test that hangs ends its process, with the stacks of all threads (faulthandler needs no GIL)."""
    arm_watchdog()
    yield
    faulthandler.cancel_dump_traceback_later()
