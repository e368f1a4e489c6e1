"""`gotee doctor`: an answer for people, the same for programs, and nothing claimed that was not tried."""

from __future__ import annotations

import json
import sys

from gotee import config

from .conftest import Gotee


def test_json_has_the_documented_shape(gotee: Gotee) -> None:
    done = gotee("doctor", "--json")
    report = json.loads(done.stdout)
    assert report.keys() == {"schema", "gotee", "ready", "checks", "tee", "sandbox"}
    for check in report["checks"]:
        assert check.keys() == {"name", "value", "ok", "required", "note"}
        assert check["ok"] in (True, False, None)
    assert report["tee"].keys() == set(config.TEES)
    assert all(tee.keys() == {"runs", "note", "levels"} for tee in report["tee"].values())


def test_this_interpreter_is_ready(gotee: Gotee) -> None:
    done = gotee("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0
    assert checks["python"]["value"].endswith(".".join(map(str, sys.version_info[:3])))
    assert checks["compiled modules"]["ok"]


def test_wrong_settings_are_found_and_the_status_is_1(gotee: Gotee) -> None:
    done = gotee("doctor", GOTEE_TEE="sgx")
    assert done.returncode == 1
    assert "GOTEE_TEE='sgx' is not built yet" in done.stdout
    assert done.stdout.endswith("not ready: see the lines marked --\n")


def test_inline_is_offered_without_any_claim(gotee: Gotee) -> None:
    inline = json.loads(gotee("doctor", "--json").stdout)["tee"]["inline"]
    assert inline == {"runs": True, "note": "no isolation: same process, nothing is protected", "levels": {}}


def test_places_that_are_not_built_do_not_run(gotee: Gotee) -> None:
    tees = json.loads(gotee("doctor", "--json").stdout)["tee"]
    assert [tees[name]["runs"] for name in ("vm", "nitro", "sgx")] == [False, False, False]
