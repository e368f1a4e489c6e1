"""`gotee new`: what it makes runs, passes its own test, and harms nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gotee.cli.new import FILES

from .conftest import Gotee, environment


@pytest.mark.parametrize("name", ["notary", "my-app", "v1.0_x"])
def test_the_new_program_runs_and_its_test_passes(gotee: Gotee, tmp_path: Path, name: str) -> None:
    assert gotee("new", name).returncode == 0
    done = gotee("run", f"{name}/main.py")
    assert done.returncode == 0
    assert done.stdout.count("from a channel:") == 2
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"],
        cwd=tmp_path / name,
        env=environment(PYTHONDONTWRITEBYTECODE="1", PYTEST_ADDOPTS=""),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "2 passed" in tests.stdout


def test_the_project_is_named_after_the_directory(gotee: Gotee, tmp_path: Path) -> None:
    gotee("new", "deep/er/my-app")
    project = tmp_path / "deep" / "er" / "my-app"
    assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["name"] == "my-app"
    files = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    assert files == set(FILES.values())
    assert not any("@" in (project / file).read_text() for file in files)


def test_an_empty_directory_may_exist_already(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    assert gotee("new", "app").returncode == 0
    assert (tmp_path / "app" / "main.py").is_file()


def test_a_directory_with_anything_in_it_is_refused_and_untouched(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / ".hidden").write_text("mine")
    done = gotee("new", "app")
    assert done.returncode == 2
    assert "app is not empty" in done.stderr
    assert [path.name for path in (tmp_path / "app").iterdir()] == [".hidden"]


@pytest.mark.parametrize("name", ["-x y", "a b", "café!", "_app_", "..."])
def test_names_that_packaging_refuses_are_refused(gotee: Gotee, tmp_path: Path, name: str) -> None:
    done = gotee("new", f"./{name}")
    assert done.returncode == 2
    assert "cannot name a project" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_refused(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "app").touch()
    done = gotee("new", "app")
    assert (done.returncode, done.stderr) == (2, "gotee: error: app is a file; name a directory\n")


def test_on_a_full_disk_nothing_is_left(tmp_path: Path) -> None:
    words = ["/bin/sh", "-c", 'ulimit -f 0; exec "$0" -m gotee "$@"', sys.executable]
    for verb in (["new", "app"], ["keys", "new", "-o", "key.pem"]):
        done = subprocess.run(
            [*words, *verb], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 2
        assert done.stderr.startswith("gotee: error: ")
        assert "File too large" in done.stderr
        assert list(tmp_path.iterdir()) == []
