"""Placements of the channel programs, and a watchdog: a channel that loses a wake-up must not hang the run."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator

import pytest

from .world import Placement, World, opened

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
def _real_stderr(request: pytest.FixtureRequest) -> Iterator[int]:
    """Standard error as it is without pytest's capture: what a killed process wrote there can be read."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        descriptor = os.dup(2)
    yield descriptor
    os.close(descriptor)


@pytest.fixture(autouse=True)
def _watchdog(_real_stderr: int) -> Iterator[None]:
    """A test that hangs ends its process, with the stacks of all threads (faulthandler needs no GIL)."""
    faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True, file=_real_stderr)
    yield
    faulthandler.cancel_dump_traceback_later()
