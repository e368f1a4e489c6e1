"""The command line itself: help, version, unknown words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .conftest import Gotee, environment


def test_gotee_alone_prints_help(gotee: Gotee) -> None:
    done = gotee()
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in ("run", "desugar", "new", "doctor"))


@pytest.mark.parametrize("verb", [[], ["run"], ["desugar"], ["new"], ["doctor"]], ids=str)
def test_every_verb_explains_itself(gotee: Gotee, verb: list[str]) -> None:
    done = gotee(*verb, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(" ".join(["usage: gotee", *verb]))


def test_version_is_one_line(gotee: Gotee) -> None:
    done = gotee("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("gotee ")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["rum"], "did you mean 'run'?"),
        (["zzz"], "the verbs are run, debug, new, doctor, desugar"),
        (["app.py"], "run it with `gotee run app.py`"),
        (["run"], "required: FILE"),
        (["new"], "required: DIR"),
        (["doctor", "--jsno"], "--jsno"),
        (["run", "--te", "inline", "x.py"], "--te"),
        (["--nonsense"], "--nonsense"),
    ],
    ids=str,
)
def test_wrong_command_lines_are_refused_with_a_hint(gotee: Gotee, words: list[str], hint: str) -> None:
    done = gotee(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gotee: error: ")
    assert hint in done.stderr


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(
            [sys.executable, "-m", "gotee", "doctor"],
            stdout=nobody,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, b"")
