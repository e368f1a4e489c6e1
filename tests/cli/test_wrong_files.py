"""A file that is no program, and output that nobody takes: a sentence with cause and cure, and nothing else."""

from __future__ import annotations

import argparse
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gotee import cli
from gotee.cli import service
from gotee.errors import UsageError

from .conftest import Gotee, environment

ANALYSING = (["tcb"], ["check"], ["interface"], ["measure"], ["build"], ["why", "main"], ["debug"])
PLAIN = "def main() -> None:\n    print('no secured routine')\n\n\nmain()\n"


@pytest.mark.parametrize("verb", [["run"], *ANALYSING, ["desugar"]], ids=" ".join)
def test_what_has_nul_bytes_is_no_program(gotee: Gotee, tmp_path: Path, verb: list[str]) -> None:
    (tmp_path / "thing.py").write_bytes(b"\x7fELF\x02\x01\x01\0\0\0\n")
    done = gotee(*verb, "thing.py")
    cause = (
        "gotee: error: thing.py is no Python source: it has NUL bytes; name the program's main file, saved as UTF-8\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", cause)


def test_a_folder_that_has_been_removed_is_no_traceback(tmp_path: Path) -> None:
    """The shell goes on in it."""
    (tmp_path / "main.py").write_text("print('ran')\n")
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f'cd {gone}; rmdir {gone}; {sys.executable} -m gotee run ../main.py; {sys.executable} -m gotee run "$0"'
    done = subprocess.run(
        ["sh", "-c", command, str(tmp_path / "main.py")],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
    )
    cause = "gotee: error: ../main.py cannot be looked up: this folder has been removed; go to another\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", cause)


def test_an_image_in_the_place_of_its_program_is_told_how_it_runs(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "app.sgxs").write_bytes(b"ECREATE\0" + bytes(56))
    done = gotee("run", "app.sgxs", "5")
    cause = "gotee: error: app.sgxs is an image, which runs with its program: `gotee run --image app.sgxs FILE`\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", cause)


@pytest.mark.parametrize("verb", ANALYSING, ids=" ".join)
def test_what_holds_no_program_is_refused(gotee: Gotee, tmp_path: Path, verb: list[str]) -> None:
    (tmp_path / "empty.py").write_text("\n")
    done = gotee(*verb, "empty.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gotee: error: empty.py is empty; name the program's main file\n"
    done = gotee(*verb, "/dev/null")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gotee: error: /dev/null is a device; name the program's main file\n"


def test_an_empty_file_runs_as_in_python(gotee: Gotee) -> None:
    done = gotee("run", "/dev/null")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("verb", [["tcb"], ["measure"], ["build"], ["interface"]], ids=" ".join)
def test_a_program_without_secured_routines_is_told_so(gotee: Gotee, tmp_path: Path, verb: list[str]) -> None:
    (tmp_path / "main.py").write_text(PLAIN)
    done = gotee(*verb, "main.py")
    assert done.returncode == 0
    assert "no entries: the program has no gosecure call" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["tcb", "--json", "FILE"],
        ["interface", "--json", "FILE"],
        ["measure", "--json", "FILE"],
        ["inspect", "--json", "FILE"],
        ["inspect", "--json", "--verify", "FILE"],
        ["check", "--format", "json", "none.py"],
        ["verify", "--json", "--policy", "none.toml", "--now", "2026-01-01T00:00:00Z", "FILE"],
    ],
    ids=" ".join,
)
def test_output_in_json_is_the_object_or_nothing(gotee: Gotee, tmp_path: Path, words: list[str]) -> None:
    """Who reads the object looks at the exit status first; the reason is a sentence for people, as without --json."""
    (tmp_path / "file.py").write_text("this is no program\n")
    done = gotee(*(word.replace("FILE", "file.py") for word in words))
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert done.stderr.startswith("gotee: error: ")


def test_what_the_compiler_refuses_is_an_object_of_check(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("this is no program\n")
    done = gotee("check", "--format", "json", "file.py")
    assert (done.returncode, done.stderr) == (1, "")
    assert [each["code"] for each in json.loads(done.stdout)["findings"]] == ["GT107"]


def test_settings_that_are_not_there_stand_for_no_other_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults are those of the one in /opt/gotee, whose keys would be gone."""

    def harm(*given: object, **more: object) -> list[str]:
        pytest.fail("another installation was touched")

    monkeypatch.setattr("gotee.host.install.require_root", lambda verb: None)
    monkeypatch.setattr("gotee.host.install.uninstall", harm)
    monkeypatch.setattr("os.execve", harm)
    named = argparse.Namespace(config="no/platform.toml", yes=True, json=False, remove_user=False)
    for verb in (service.uninstall, service.run, service.status):
        with pytest.raises(UsageError, match="no such file"):
            verb(named)


# -- output ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_more_than_a_buffer_on_a_full_disk_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("".join(f"name_{number} = {number}\n" for number in range(4000)))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gotee", "desugar", "main.py"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment(),
            timeout=60,
        )
    cause = "gotee: error: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, cause)


def test_what_the_system_refuses_elsewhere_is_not_laid_on_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(options: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("gotee.cli._show_version", refused)
    assert cli.main(["--version"]) == 1
    assert capsys.readouterr().err == "gotee: error: the system refuses: Too many open files\n"
