"""`gotee desugar`: to standard output or in place, both ways; the conversion itself is tested in tests/syntax."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .conftest import Gotee, environment

KEYWORD = "from gotee import go\n\n\ndef f(x):\n    return x\n\n\nr = go f(1)\n"
PLAIN = KEYWORD.replace("go f(1)", "go(f, 1)")


def test_plain_form_goes_to_standard_output_and_the_file_stays(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(KEYWORD)
    done = gotee("desugar", "a.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, PLAIN, "")
    assert (tmp_path / "a.py").read_text() == KEYWORD


def test_sugar_goes_the_way_back(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(PLAIN)
    assert gotee("desugar", "--sugar", "a.py").stdout == KEYWORD


def test_in_place_changes_the_file_and_prints_nothing(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(KEYWORD)
    done = gotee("desugar", "-i", "a.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "a.py").read_text() == PLAIN


def test_output_is_in_the_encoding_that_the_file_declares(tmp_path: Path) -> None:
    source = "# -*- coding: latin-1 -*-\nname = 'é'\r\n".encode("latin-1")
    (tmp_path / "a.py").write_bytes(source)
    done = subprocess.run(
        [sys.executable, "-m", "gotee", "desugar", "a.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        timeout=60,
    )
    assert done.stdout == source


def test_malformed_keyword_form_is_an_error_with_place_and_caret(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from gotee import go\ngo print\n")
    done = gotee("desugar", "-i", "a.py")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gotee: error: a.py:2:")
    assert (tmp_path / "a.py").read_text() == "from gotee import go\ngo print\n"


def test_missing_file_is_a_usage_error(gotee: Gotee) -> None:
    assert gotee("desugar", "nothing.py").returncode == 2
