"""Two services of one machine: a user number is one service's, or it would kill what the other runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gotee.errors import UsageError
from gotee.host import service as client
from gotee.host.service_status import look
from gotee.host.start import Image
from gotee.platform.service.exclusive import remove_unused, take_users
from gotee.platform.service.settings import Settings

from .conftest import GOTEE, Service, await_up

FIRST = Settings(user=10, enclave_uids=(20, 30))


@pytest.fixture
def file(tmp_path: Path) -> str:
    if os.geteuid() != 0:
        pytest.skip("the file is root's")
    return str(tmp_path / "users")


@pytest.mark.parametrize(
    ("user", "numbers"),
    [(11, (30, 40)), (11, (15, 20)), (11, (22, 23)), (11, (1, 99)), (11, (10, 12)), (10, (40, 50)), (25, (40, 50))],
)
def test_a_number_of_another_service_is_refused_until_that_has_ended(
    file: str, user: int, numbers: tuple[int, int]
) -> None:
    other = Settings(user=user, enclave_uids=numbers)
    held = take_users(FIRST, file)
    copy = os.dup(held)  # as in a process that was forked
    os.close(held)
    with pytest.raises(UsageError, match="another service of this machine"):
        take_users(other, file)
    os.close(copy)
    os.close(take_users(other, file))


def test_services_with_numbers_of_their_own_share_the_file_and_the_last_removes_it(file: str) -> None:
    one, other = take_users(FIRST, file), take_users(Settings(user=11, enclave_uids=(31, 40)), file)
    assert not remove_unused(file)
    os.close(one)
    assert not remove_unused(file)
    os.close(other)
    assert remove_unused(file)
    assert not remove_unused(file)
    os.close(take_users(FIRST, file))


def test_a_file_that_was_removed_meanwhile_is_not_the_one_that_is_locked(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two would hold locks of two files with the same name."""
    opened: list[int] = []
    real: Callable[..., int] = os.open

    def open_and_lose(path: str, *words: int) -> int:
        opened.append(real(path, *words))
        if len(opened) == 1:
            os.unlink(path)
        return opened[-1]

    monkeypatch.setattr(os, "open", open_and_lose)
    held = take_users(FIRST, file)
    assert len(opened) == 2
    assert os.path.samestat(os.fstat(held), os.stat(file))
    os.close(held)


@pytest.mark.parametrize("kills", ["enclaves", "the daemon"])
def test_a_service_that_would_kill_what_another_runs_does_not_start(
    service: Service, image: Image, tmp_path: Path, kills: str
) -> None:
    first, last = service.settings.enclave_uids
    user = service.settings.uid()
    state = tmp_path / "state"
    state.mkdir(0o700)
    own = last if kills == "the daemon" else user  # of the numbers of this test's slot
    os.chown(state, own, -1)
    numbers = (user, user + 1) if kills == "the daemon" else (first, last)
    other = replace(service.settings, state=str(state), user=own, enclave_uids=numbers, socket=f"{tmp_path}/run/other")
    settings = tmp_path / "other.toml"
    settings.write_text(other.text())
    started = await_up(client.start(image, "ring", service.settings.socket))
    try:
        words = [*GOTEE, "platform", "run", "--config", str(settings)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert done.stderr.startswith("gotee-platform: error: another service of this machine has the user number")
        assert not started.link.peer_closed
        assert look(service.settings).enclaves == 1
    finally:
        started.control.close()
        started.link.close()
