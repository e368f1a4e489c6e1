"""`gotee doctor`: an answer for people, the same for programs, and nothing claimed that was not tried."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gotee import config
from gotee.cli import doctor

from .conftest import Gotee, environment


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """One run for all who look at what it says of this machine."""
    words = [sys.executable, "-m", "gotee", "doctor", "--json"]
    folder: Path = tmp_path_factory.mktemp("doctor")
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, env=environment(), timeout=60)


def test_json_has_the_documented_shape(done: subprocess.CompletedProcess[str]) -> None:
    report = json.loads(done.stdout)
    assert report.keys() == {"schema", "gotee", "ready", "checks", "tee", "sandbox"}
    for check in report["checks"]:
        assert check.keys() == {"name", "value", "ok", "required", "note"}
        assert check["ok"] in (True, False, None)
    assert report["tee"].keys() == set(config.TEES)
    assert all(tee.keys() == {"runs", "note", "levels"} for tee in report["tee"].values())


def test_this_interpreter_is_ready(done: subprocess.CompletedProcess[str]) -> None:
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0
    assert checks["python"]["value"].endswith(".".join(map(str, sys.version_info[:3])))
    assert checks["compiled modules"]["ok"]
    assert checks["fast start"]["ok"]


def test_inline_is_offered_without_any_claim(done: subprocess.CompletedProcess[str]) -> None:
    inline = json.loads(done.stdout)["tee"]["inline"]
    assert inline == {"runs": True, "note": "no isolation: same process, nothing is protected", "levels": {}}


def test_places_that_are_not_built_do_not_run(done: subprocess.CompletedProcess[str]) -> None:
    tees = json.loads(done.stdout)["tee"]
    assert [tees[name]["runs"] for name in ("vm", "nitro", "sgx")] == [False, False, False]


@pytest.mark.parametrize(
    ("mode", "value", "cure"), [(None, "absent", "install gotee again"), (0o644, "cannot be run", "chmod +x ")]
)
def test_slow_starts_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int | None, value: str, cure: str
) -> None:
    monkeypatch.setattr("gotee.cli.doctor.PACKAGE", tmp_path)
    (tmp_path / "platform").mkdir()
    if mode is not None:
        (tmp_path / "platform" / "begin").touch(mode)
    (told,) = doctor._begins()
    assert (told.value, told.ok, told.required) == (value, False, False)
    assert told.note.startswith(f"enclaves start more slowly: {cure}")


def test_wrong_settings_are_found_and_the_status_is_1(gotee: Gotee) -> None:
    done = gotee("doctor", GOTEE_TEE="sgx")
    assert done.returncode == 1
    assert "GOTEE_TEE='sgx' is not built yet" in done.stdout
    assert done.stdout.endswith("not ready: see the lines marked --\n")


def test_a_level_whose_service_does_not_run_is_not_ready(gotee: Gotee) -> None:
    done = gotee("doctor", GOTEE_LEVEL="service", GOTEE_PLATFORM="/nowhere/platform.sock")
    assert done.returncode == 1
    assert "--tee process --level service" in done.stdout
    assert "  --    level service" in done.stdout
    assert done.stdout.endswith("not ready: see the lines marked --\n")
