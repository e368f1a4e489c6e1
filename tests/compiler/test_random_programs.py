"""Slices of random programs answer as the programs do. `make random-programs` tries many more."""

from __future__ import annotations

import os
import random
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import import_forms
import programs
import pytest
import statement_forms

from gotee.compiler.closure import slice_of
from gotee.compiler.verify import unbound_names, write_tree

SEEDS = int(os.environ.get("GOTEE_RANDOM_PROGRAMS", "120"))
FIRST = int(os.environ.get("GOTEE_RANDOM_FIRST", "0"))
BATCHES = 8
# With the share of programs that may have planted names inside.
WRITERS: dict[str, tuple[Callable[[int], dict[str, str]], float]] = {
    "state": (programs.program, 0.0),  # that changes here and there
    "imports": (import_forms.program, 0.6),  # a third of all: guarded imports, and stars of what is used as an object
    "statements": (statement_forms.program, 0.2),
}


def answer(folder: Path) -> str:
    """What main:entry of a folder gives, in a child of this process that imports it fresh."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        sys.path.insert(0, str(folder))
        sys.dont_write_bytecode = True
        random.seed(1)
        resource.setrlimit(resource.RLIMIT_CPU, (3, 3))
        try:
            text = repr(__import__("main").entry())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(write, text.encode()[:60000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


def write(files: dict[str, str], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("kind", WRITERS)
def test_slices_of_random_programs_answer_as_the_programs_do(kind: str, batch: int, tmp_path: Path) -> None:
    program, share = WRITERS[kind]
    compared = 0
    planted: list[str] = []
    for seed in range(FIRST + batch, FIRST + SEEDS, BATCHES):
        full, sliced = write(program(seed), tmp_path / f"{seed}" / "full"), tmp_path / f"{seed}" / "sliced"
        expected = answer(full)
        if expected.partition(":")[0].endswith("Error"):
            continue  # the program itself is wrong
        analysis = slice_of(full, "main", "entry")
        write_tree(analysis.partition, sliced)
        unbound_names(analysis)
        assert answer(sliced) == expected, f"seed {seed}"
        planted += [f"seed {seed}"] * any("planted" in name for name in analysis.partition.definitions)
        compared += 1
    assert compared > SEEDS // BATCHES // 2, "too few of the programs run"
    assert len(planted) <= share * compared, planted
