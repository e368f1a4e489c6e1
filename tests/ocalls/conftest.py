"""A routine that was lied to waits for ever here, where no enclave ends: none of them is left to the next test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gotee.runtime.scheduler import scheduler_of_this_thread, yield_now


@pytest.fixture(autouse=True)
def _no_routine_left() -> Iterator[None]:
    yield
    live = scheduler_of_this_thread().live
    for routine in list(live):
        routine.cancel()
    while live:
        yield_now()
