"""`gotee build`, `inspect`, `measure`, `sign`, `keys`, `base`, and `gotee run --image`, as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import PROGRAM

Gotee = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def gotee(tmp_path: Path) -> Gotee:
    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
        kept["PYTHONPATH"] = os.pathsep.join(sys.path[1:])
        command = [sys.executable, "-m", "gotee", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=120)

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "doubling.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def image(gotee: Gotee, file: Path, tmp_path: Path) -> Path:
    done = gotee("build", file, "-o", "out")
    assert done.returncode == 0, done.stderr
    return tmp_path / "out" / "doubling.sgxs"


def test_a_built_image_runs_and_verifies(gotee: Gotee, file: Path, image: Path) -> None:
    assert gotee("run", "--image", image, file).stdout == "42\n"
    shown = gotee("inspect", image, "--verify")
    assert shown.returncode == 0
    assert "doubling:double(x: int) -> int" in shown.stdout
    assert "can be loaded here" in shown.stdout


def test_measure_predicts_what_build_writes(gotee: Gotee, file: Path, image: Path) -> None:
    predicted = json.loads(gotee("measure", file, "--json").stdout)
    report = json.loads(gotee("inspect", image, "--json").stdout)
    assert (report["measurement"], report["program_digest"]) == tuple(predicted.values())
    assert report["signature"]["debug"] is True


@pytest.mark.parametrize("place", [0, 70, 4000, -1])
def test_flipped_bits_are_refused_before_anything_runs(gotee: Gotee, file: Path, image: Path, place: int) -> None:
    data = bytearray(image.read_bytes())
    data[place] ^= 4
    image.write_bytes(data)
    done = gotee("run", "--image", image, file)
    assert done.returncode == 1
    assert "gotee: error: ImageError: " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert gotee("inspect", image, "--verify").returncode == 1


def test_an_image_without_signature_is_refused_with_the_cure(gotee: Gotee, file: Path, image: Path) -> None:
    image.with_suffix(".sig").unlink()
    done = gotee("run", "--image", image, file)
    assert done.returncode == 1
    assert "gotee sign" in done.stderr


def test_diff_names_what_differs(gotee: Gotee, file: Path, image: Path, tmp_path: Path) -> None:
    same = gotee("inspect", image, "--diff", image)
    assert (same.returncode, same.stdout) == (0, "the same image\n")
    file.write_text(PROGRAM.replace("2 * x", "4 * x"))
    gotee("build", file, "-o", "other")
    done = gotee("inspect", image, "--diff", tmp_path / "other" / "doubling.sgxs")
    assert done.returncode == 1
    assert "pages source /program/doubling.py: differs" in done.stdout
    assert "standard" not in done.stdout


def test_release_key_signs_in_one_step(gotee: Gotee, file: Path, image: Path, tmp_path: Path) -> None:
    assert gotee("keys", "new", "-o", "release.pem").returncode == 0
    assert stat.S_IMODE((tmp_path / "release.pem").stat().st_mode) == 0o600
    again = gotee("keys", "new", "-o", "release.pem")
    assert again.returncode == 2
    assert "not replaced" in again.stderr
    done = gotee("sign", image, "--key", "release.pem", "--product-id", 5, "--security-version", 2)
    assert "for release" in done.stdout, done.stderr
    report = json.loads(gotee("inspect", image, "--json", "--verify").stdout)["signature"]
    assert (report["product_id"], report["security_version"], report["debug"]) == (5, 2, False)
    signer = gotee("keys", "show", "release.pem").stdout.split()[1]
    assert signer == gotee("keys", "show", "release.pub.pem").stdout.split()[1] == report["signer"]
    assert gotee("run", "--image", image, file).stdout == "42\n"


def test_a_key_held_elsewhere_signs_in_two_steps(gotee: Gotee, image: Path, tmp_path: Path) -> None:
    gotee("keys", "new", "-o", "hsm.pem")
    image.with_suffix(".sig").unlink()
    assert gotee("sign", image, "--digest", "-o", "digest", "--product-id", 9).returncode == 0
    assert gotee("sign", image, "--message", "-o", "message", "--product-id", 9).returncode == 0
    one = ["openssl", "pkeyutl", "-sign", "-inkey", "hsm.pem", "-in", "digest", "-out", "signature"]
    one += ["-pkeyopt", "digest:sha256", "-pkeyopt", "rsa_padding_mode:pkcs1"]
    other = ["openssl", "dgst", "-sha256", "-sign", "hsm.pem", "-out", "other", "message"]
    for command in (one, other):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "signature").read_bytes() == (tmp_path / "other").read_bytes()
    done = gotee("sign", image, "--attach", "signature", "--key", "hsm.pub.pem", "--product-id", 9)
    assert done.returncode == 0, done.stderr
    assert gotee("inspect", image, "--verify").returncode == 0


def test_a_base_lock_refuses_another_base_by_name(gotee: Gotee, file: Path, tmp_path: Path) -> None:
    assert gotee("base", "lock", "-o", "lock.json").returncode == 0
    assert gotee("build", file, "-o", "a", "--base", "lock.json").returncode == 0
    lock = json.loads((tmp_path / "lock.json").read_text())
    lock["files"]["/standard/json/decoder.py"][1] = "0" * 64
    (tmp_path / "lock.json").write_text(json.dumps(lock))
    done = gotee("build", file, "-o", "b", "--base", "lock.json")
    assert done.returncode == 1
    assert "/standard/json/decoder.py" in done.stderr
    assert not (tmp_path / "b").exists()


def test_settings_of_the_project_go_into_image_and_signature(gotee: Gotee, file: Path, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.gotee]\nname = "twice"\nproduct-id = 3\nsecurity-version = 4\n[tool.gotee.limits]\nroutines = 1000\n'
    )
    assert gotee("build", file).returncode == 0
    report = json.loads(gotee("inspect", "twice.sgxs", "--json").stdout)
    assert (report["name"], report["limits"]) == ("twice", {"routines": 1000})
    assert (report["signature"]["product_id"], report["signature"]["security_version"]) == (3, 4)
    assert gotee("run", "--image", "twice.sgxs", file).stdout == "42\n"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("include = ['absent.txt']", "include names 'absent.txt', but there is no such file"),
        ("include = ['out']", "include names 'out', which is a folder: write 'out/**'"),
        ("inclde = []", "did you mean include?"),
    ],
)
def test_run_tells_what_the_project_says_wrongly_in_a_sentence(
    gotee: Gotee, file: Path, tmp_path: Path, table: str, said: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "pyproject.toml").write_text(f"[tool.gotee]\n{table}\n")
    done = gotee("run", file)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert done.stderr.startswith("gotee: error: ImageError: ")
    assert said in done.stderr


def test_an_archive_that_is_gone_is_made_again(
    gotee: Gotee, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert gotee("build", file).returncode == 0
    shutil.rmtree(tmp_path / "cache" / "gotee" / "archives")
    image = tmp_path / "doubling.sgxs"
    assert gotee("run", "--image", image, file).stdout == "42\n"
