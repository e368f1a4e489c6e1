"""Packages inside, with their native libraries from the image, and no policy for their sake."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import lines_of


def test_numpy_works_inside_without_a_policy(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    assert lines_of(
        tmp_path,
        """
        import numpy

        def work(values: list[float]) -> list[float]:
            return (numpy.array(values) @ numpy.eye(len(values))).tolist()

        def main() -> None:
            print(gosecure(work, [1.0, 2.0]).result())
        """,
    ) == ["[1.0, 2.0]"]


def test_a_variable_that_no_rule_names_is_refused_to_the_program_itself(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        from gotee.errors import OcallRefused

        def ask() -> str:
            try:
                return os.environ["HOME"]
            except OcallRefused as error:
                return error.line

        def main() -> None:
            print(gosecure(ask).result())
        """,
    ) == ['env = ["HOME"]']
