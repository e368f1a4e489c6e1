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

        def turn(large: numpy.ndarray, done: Chan[numpy.ndarray]) -> numpy.ndarray:
            large[0] += 1
            done.send(large)
            large[0] += 1
            return large[::-1]

        def main() -> None:
            print(gosecure(work, [1.0, 2.0]).result())
            large, done = numpy.arange(400_000.0), Chan[numpy.ndarray](1)
            turned = gosecure(turn, large, done).result()
            print(large[0], done.recv()[0], turned[-1], (turned[:-1] == large[:0:-1]).all())
        """,
    ) == ["[1.0, 2.0]", "0.0 1.0 2.0 True"]


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
