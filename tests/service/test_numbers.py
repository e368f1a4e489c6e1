"""Every system call that there is, from inside a real enclave of level service: the answer is that of the lists."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.sandbox import extension
from tests.sandbox.numbered import COUNT, differences, rows

from .conftest import Service


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64")
@pytest.mark.parametrize("first", [0, 1], ids=["even", "odd"])
def test_every_number_has_the_answer_of_the_lists(service: Service, tmp_path: Path, first: int) -> None:
    (tmp_path / "raw").mkdir()
    distribution = extension.build(tmp_path / "raw")
    settings = {"GOTEE_LEVEL": "service", "GOTEE_PLATFORM": service.settings.socket}
    assert differences(rows(range(first, COUNT, 2)), tmp_path, distribution, **settings) == []
