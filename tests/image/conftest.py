"""A small program and its image, built once a run of tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gotee.compiler.remembered import partition
from gotee.image.build import Built, build
from gotee.image.sign import for_development

PROGRAM = """
from gotee import gosecure

def double(x: int) -> int:
    return 2 * x

def main() -> None:
    print(gosecure(double, 21).result())

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("program") / "doubling.py"
    file.write_text(PROGRAM)
    return file


@pytest.fixture(scope="session")
def built(program: Path) -> Built:
    return build(partition(program))


@pytest.fixture(scope="session")
def signature(built: Built) -> bytes:
    return for_development(built.measurement)


Make = Callable[..., Path]
