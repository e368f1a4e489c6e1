"""Every system call that there is, from inside a real enclave of level development: the answer is that of the lists."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from . import extension
from .numbered import COUNT, differences, rows


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64")
@pytest.mark.parametrize("first", [0, 1], ids=["even", "odd"])
def test_every_number_has_the_answer_of_the_lists(tmp_path: Path, first: int) -> None:
    (tmp_path / "raw").mkdir()
    distribution = extension.build(tmp_path / "raw")
    assert differences(rows(range(first, COUNT, 2)), tmp_path, distribution) == []
