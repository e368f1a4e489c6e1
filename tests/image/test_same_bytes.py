"""The same program makes the same image, wherever and whenever it is built."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from gotee.compiler.remembered import partition
from gotee.image.build import Built, Options, build
from gotee.image.bytecode import compiled

from .conftest import PROGRAM

BUILD = "import sys; from pathlib import Path; from gotee.compiler.closure import analysis_of; from gotee.image.build \
import build; print(build(analysis_of(Path(sys.argv[1])).partition).measurement.hex())"


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "LC_ALL": "C", "TZ": "Asia/Tokyo"}, {"PYTHONOPTIMIZE": "2"}],
    ids=str,
)
def test_folders_seeds_locales_masks_and_caches_do_not_matter(
    built: Built, tmp_path: Path, environment: dict[str, str]
) -> None:
    file = tmp_path / "another place" / "doubling.py"
    file.parent.mkdir()
    file.write_text(PROGRAM)
    os.utime(file, (1, 1))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": os.pathsep.join(sys.path[1:]), **environment}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(file)], env=kept, capture_output=True, text=True, check=True, umask=0o077
    )
    assert done.stdout.strip() == built.measurement.hex()


def test_bytecode_without_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "doubling.py").write_text(PROGRAM)
    kept = {**os.environ, "PYTHONNODEBUGRANGES": "1"}
    command = [sys.executable, "-c", BUILD, str(tmp_path / "doubling.py")]
    done = subprocess.run(command, env=kept, capture_output=True, text=True)
    assert done.returncode == 1
    assert "PYTHONNODEBUGRANGES" in done.stderr and "unset it" in done.stderr


def test_warnings_that_are_errors_make_no_other_bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = b"PATTERN = '\\d'\nSAME = PATTERN is 'x'\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        strict = compiled(source, "/program/a.py")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert compiled(source, "/program/a.py") == strict


def test_another_program_has_another_measurement_and_digest(built: Built, tmp_path: Path) -> None:
    file = tmp_path / "doubling.py"
    file.write_text(PROGRAM.replace("2 * x", "3 * x"))
    other = build(partition(file))
    assert other.measurement != built.measurement
    assert other.manifest.digest != built.manifest.digest


def test_code_that_stays_outside_does_not_change_the_image(built: Built, tmp_path: Path) -> None:
    file = tmp_path / "doubling.py"
    file.write_text(PROGRAM.replace("print(", "print('the result:', "))
    assert build(partition(file)).measurement == built.measurement


def test_policy_and_limits_are_part_of_both(built: Built, program: Path) -> None:
    other = build(partition(program), Options(limits={"routines": 7}))
    assert other.measurement != built.measurement
    assert other.manifest.digest != built.manifest.digest


def test_no_path_of_this_machine_is_in_the_pages(built: Built, program: Path) -> None:
    for path in (str(program.parent), sys.prefix, sys.base_prefix, os.path.expanduser("~/")):
        assert path.encode() not in built.stream
