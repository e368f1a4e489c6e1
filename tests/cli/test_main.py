"""The command line itself: help, version, unknown words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gotee.cli import VERBS

from .conftest import Gotee, environment


def test_gotee_alone_prints_help(gotee: Gotee) -> None:
    done = gotee()
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in ("run", "desugar", "new", "doctor"))


@pytest.mark.parametrize("verb", [[], *([verb] for verb in VERBS)], ids=str)
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
        (["--nonsense"], "See `gotee --help`"),
        (["run", "--nonsense", "x.py"], "See `gotee run --help`"),
        (["run", 300 * "x"], "File name too long"),
        (["run", "/dev/null/x.py"], "no such file"),
        (["run", "--trace", "/dev", "x.py"], "--trace /dev is a directory; name a file in it"),
        (["run", "--trace", "no/folder", "x.py"], "there is no folder no; make it first"),
        (["keys", "show", "/"], "the key / cannot be read: Is a directory\n"),
        (["keys", "show", "/no.pem"], "`gotee keys new -o /no.pem` makes one"),
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


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("words", [["--version"], ["doctor"]], ids=str)
def test_a_full_disk_is_told_in_a_sentence(words: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gotee", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            timeout=60,
        )
    cause = "gotee: error: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, cause)


def test_what_is_no_image_is_named(gotee: Gotee) -> None:
    done = gotee("inspect", "--diff", "main.sgxs", "/dev/null")
    assert (done.returncode, done.stdout) == (1, "")
    assert "gotee: error: /dev/null is no image" in done.stderr
