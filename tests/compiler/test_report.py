"""What `gotee tcb` counts of gotee itself, also where it was installed from a wheel."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gotee.compiled import TRUSTED
from gotee.compiler import report
from gotee.errors import ImageError

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_a_wheel_has_the_source_of_compiled_modules() -> None:
    data = tomllib.loads(PROJECT.read_text())["tool"]["setuptools"]["package-data"]["gotee"]
    assert "**/*.pyx" in data


def test_lines_are_not_counted_without_the_source_of_a_compiled_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "FILES", {**report.FILES, TRUSTED: ("gotee.runtime.nowhere",)})
    with pytest.raises(ImageError, match=r"nowhere\.pyx of a compiled module is missing"):
        report._own_lines()
