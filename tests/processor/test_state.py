"""What a platform keeps: made once, complete or absent, and nobody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gotee.platform import state
from gotee.platform.quoting import authorities
from gotee.platform.state import AUTHORITIES, SECRET, StateError, kept

RACER = """
import os, sys
from gotee.platform.state import kept
sys.stdin.readline()
print(kept(sys.argv[1], "secret", lambda: os.urandom(32)).hex())
"""
KILLED = """
import os, signal, sys
from gotee.platform import state
def stop(*_):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(state.os, sys.argv[2], stop)
state.kept(sys.argv[1], "secret", lambda: b"half")
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "platform")


def test_what_is_made_once_stays_and_is_private(folder: str) -> None:
    assert kept(folder, SECRET, lambda: b"one") == kept(folder, SECRET, lambda: b"two") == b"one"
    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert os.stat(f"{folder}/{SECRET}").st_mode & 0o777 == 0o600


def test_platforms_that_start_at_once_agree(folder: str) -> None:
    command = [sys.executable, "-c", RACER, folder]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    said = {racer.communicate(timeout=60)[0] for racer in racers}
    assert len(said) == 1 and len(said.pop()) == 65


@pytest.mark.parametrize("at", ["fsync", "rename"])
def test_a_platform_killed_while_it_writes_leaves_nothing_that_counts(folder: str, at: str) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, folder, at], timeout=60).returncode == -9
    assert kept(folder, SECRET, lambda: b"whole") == b"whole"


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_a_folder_that_others_can_enter_is_refused(folder: str, mode: int) -> None:
    os.makedirs(folder)
    os.chmod(folder, mode)
    with pytest.raises(StateError, match="chmod 700"):
        kept(folder, SECRET, lambda: b"x")


def test_links_in_the_place_of_folder_or_key_are_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    os.symlink(tmp_path / "elsewhere", folder)
    with pytest.raises(StateError):
        kept(folder, SECRET, lambda: b"x")
    os.unlink(folder)
    os.mkdir(folder, 0o700)
    (tmp_path / "planted").write_bytes(b"known to the attacker")
    os.symlink(tmp_path / "planted", f"{folder}/{SECRET}")
    with pytest.raises(StateError):
        kept(folder, SECRET, lambda: b"x")


def test_a_key_that_others_could_read_is_refused(folder: str) -> None:
    kept(folder, SECRET, lambda: b"x")
    os.chmod(f"{folder}/{SECRET}", 0o644)
    with pytest.raises(StateError, match="platform reset"):
        kept(folder, SECRET, lambda: b"y")


@pytest.mark.parametrize("damage", [b"", b"{}", b"nonsense", b'{"version": 2}'])
def test_damaged_authorities_are_refused_with_the_cure(folder: str, damage: bytes) -> None:
    kept(folder, AUTHORITIES, lambda: b"{}")
    Path(folder, AUTHORITIES).write_bytes(damage)
    with pytest.raises(StateError, match="platform reset"):
        authorities(folder)


def test_a_folder_that_cannot_be_made_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot keep its keys"):
        kept(str(tmp_path / "file" / "platform"), SECRET, lambda: b"x")


def test_what_is_forgotten_is_gone_and_made_anew(folder: str) -> None:
    state.forget(folder)  # nothing there: nothing to do
    kept(folder, SECRET, lambda: b"one")
    Path(folder, f"{SECRET}.4711").write_bytes(b"of a platform that was killed")
    state.forget(folder)
    assert sorted(os.listdir(folder)) == ["lock"]
    assert kept(folder, SECRET, lambda: b"two") == b"two"
