"""Packages inside, with their native libraries from the image, and no policy for their sake."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import lines_of
from .test_files import policy


def test_numpy_works_inside_and_its_files_are_those_of_the_policy(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    policy(tmp_path, 'files = ["large.npy:rw"]')
    assert lines_of(
        tmp_path,
        """
        import numpy, tempfile

        def work(values: list[float]) -> list[float]:
            return (numpy.array(values) @ numpy.eye(len(values))).tolist()

        def turn(large: numpy.ndarray, done: Chan[numpy.ndarray]) -> numpy.ndarray:
            large[0] += 1
            done.send(large)
            large[0] += 1
            return large[::-1]

        def files(large: numpy.ndarray) -> list[str]:
            numpy.save("large.npy", large)
            with tempfile.TemporaryDirectory() as folder:
                numpy.savez(f"{folder}/two", a=large[::-2], b=large[:0])
                two = numpy.load(f"{folder}/two.npz")
                large[:6].reshape(2, 3).T.tofile(f"{folder}/raw")
                large[:3].tofile(f"{folder}/text", sep=" ")
                with open(f"{folder}/raw", "rb") as raw:
                    part = numpy.fromfile(raw, count=2, offset=8).tolist(), raw.tell()
                equal = [numpy.array_equal(*pair) for pair in (
                    (numpy.load("large.npy"), large),
                    (two["a"], large[::-2]),
                    (two["b"], large[:0]),
                    (numpy.fromfile(f"{folder}/raw"), [0, 3, 1, 4, 2, 5]),
                    (numpy.fromfile(f"{folder}/text", sep=" "), large[:3]),
                )]
            try:
                numpy.load("large.npy", mmap_mode="r")
            except OSError as error:
                return [str(all(equal)), str(part), str(error)]

        def main() -> None:
            print(gosecure(work, [1.0, 2.0]).result())
            for line in gosecure(files, numpy.arange(400_000.0)).result():
                print(line)
            print(numpy.load("large.npy")[-1])
            large, done = numpy.arange(400_000.0), Chan[numpy.ndarray](1)
            turned = gosecure(turn, large, done).result()
            print(large[0], done.recv()[0], turned[-1], (turned[:-1] == large[:0:-1]).all())
        """,
    ) == [
        "[1.0, 2.0]",
        "True",
        "([3.0, 1.0], 24)",
        "[Errno 1] a file cannot be mapped inside, as its contents are the host's: read it",
        "399999.0",
        "0.0 1.0 2.0 True",
    ]


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
