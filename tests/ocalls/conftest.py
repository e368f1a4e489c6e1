"""A routine that was lied to waits for ever here, where no enclave ends: none of them is left to the next test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gotee.runtime.scheduler import scheduler_of_this_thread, yield_now


@pytest.fixture(autouse=True)
def _no_routine_left() -> Iterator[None]:
    yield
    scheduler = scheduler_of_this_thread()
    for routine in scheduler.live:
        routine.cancel()
    while scheduler.live:  # a list that is made at each look
        yield_now()
