"""Every test leaves the scheduler as it found it; one that hangs ends the run with the stacks of all threads."""

from __future__ import annotations

import faulthandler
import gc
import os
from collections.abc import Iterator

import pytest

from gotee.runtime.scheduler import scheduler_of_this_thread, schedulers

WATCHDOG_SECONDS = 60.0


@pytest.fixture(scope="session")
def _real_stderr(request: pytest.FixtureRequest) -> Iterator[int]:
    """Standard error without pytest's capture, so that the watchdog's last words can be read."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        descriptor = os.dup(2)
    yield descriptor
    os.close(descriptor)


@pytest.fixture(autouse=True)
def _watchdog(_real_stderr: int) -> Iterator[None]:
    faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True, file=_real_stderr)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    here = scheduler_of_this_thread()
    yield
    gc.collect()
    left = list(here.live)
    for routine in left:
        routine.cancel()  # so that the next test starts afresh
    assert not left
    assert here.live_timers == 0
    assert schedulers == {here}
    assert here.current is here.main
