"""What every test of the two worlds leaves behind is nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _nothing_of_gotee_in_dev_shm() -> Iterator[None]:
    yield
    assert [name for name in os.listdir("/dev/shm") if "gotee" in name] == []
