"""What surrounds the service, or a program that uses it, is set to something odd, or lacks something."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.without import take_away

from gotee.host import install
from gotee.host import service as client
from gotee.host.service_status import connect, look
from gotee.host.start import Image
from gotee.platform.required import LANDLOCK
from gotee.platform.service import wire
from gotee.platform.service.settings import Settings

from .conftest import GOTEE, PROGRAM, Service, await_up

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
LIBC = ctypes.CDLL(None)
_ADDR_NO_RANDOMIZE = 0x40000  # sys/personality.h


def _set_oddly() -> None:
    """As a supervisor that waits for signals itself may be, or whoever debugs."""
    LIBC.personality(_ADDR_NO_RANDOMIZE)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def test_a_service_does_not_pass_on_what_it_was_started_with(
    installation: Settings, image: Image, tmp_path: Path
) -> None:
    service = Service(replace(installation, patience=1), tmp_path, _set_oddly)
    try:
        started = await_up(client.start(image, "ring", installation.socket))
        for pid in service.pids():
            assert Path(f"/proc/{pid}/personality").read_text().strip() == "00000000"
            assert "SigBlk:\t0000000000000000\n" in Path(f"/proc/{pid}/status").read_text()
        started.control.close()
        started.link.close()
        with connect(installation.socket) as silent:
            silent.settimeout(60)
            assert "`patience` of the service" in str(wire.receive(silent)[0]["refused"])
    finally:
        service.process.send_signal(signal.SIGTERM)
        try:
            service.process.wait(60)
        finally:
            service.process.kill()
            service.stop()
    assert service.nobody_left()


def _drop(capability: int) -> Callable[[], object]:
    return lambda: LIBC.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: exec takes it away


def test_without_the_right_to_make_namespaces_the_service_runs_enclaves(
    installation: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As in a container that gives root no CAP_SYS_ADMIN: what an image does not do itself is not done, and told."""
    service = Service(installation, tmp_path, _drop(21))
    try:
        assert _runs(_environment(installation), tmp_path)
    finally:
        service.stop()
    assert service.nobody_left()
    assert "without CAP_SYS_ADMIN enclaves get no namespaces but their own" in capfd.readouterr().err


def test_without_the_right_to_end_enclaves_the_service_does_not_start(installation: Settings, tmp_path: Path) -> None:
    file = tmp_path / "platform.toml"
    file.write_text(installation.text())
    words = [*GOTEE, "platform", "run", "--config", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, preexec_fn=_drop(5), timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the service lacks CAP_KILL: its container or unit has to leave that to it" in done.stderr


def test_an_installation_has_no_library_that_only_builders_need(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("libpython.a", "os.py"):
        (tmp_path / "there" / name).write_text("")
    install._copy_tree(tmp_path / "there", tmp_path / "copy")
    assert os.listdir(tmp_path / "copy") == ["os.py"]


def _environment(settings: Settings, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOTEE_")}
    return {**kept, "GOTEE_LEVEL": "service", "GOTEE_PLATFORM": settings.socket, **more}


def _doctor(environment: dict[str, str], first: Callable[[], object] = lambda: None) -> tuple[bool, dict[str, Any]]:
    """Whether the doctor says that programs run, and what it says of level service."""
    done = subprocess.run(
        [*GOTEE, "doctor", "--json"], capture_output=True, text=True, env=environment, preexec_fn=first, timeout=120
    )
    found = json.loads(done.stdout)
    assert done.returncode == int(not found["ready"])
    return found["ready"], found["tee"]["process"]["levels"]["service"]


def _runs(environment: dict[str, str], folder: Path, first: Callable[[], object] = lambda: None) -> bool:
    return _run(environment, folder, first).stdout == "42\n"


def _run(
    environment: dict[str, str], folder: Path, first: Callable[[], object] = lambda: None
) -> subprocess.CompletedProcess[str]:
    file = folder / "answer.py"
    file.write_text(PROGRAM)
    words = [sys.executable, "-m", "gotee", "run", str(file)]
    return subprocess.run(words, capture_output=True, text=True, env=environment, preexec_fn=first, timeout=120)


@pytest.mark.parametrize(
    ("away", "require", "runs", "says", "lacks"),
    [
        (["landlock_create_ruleset=ENOSYS"], "", True, "", LANDLOCK),
        (["landlock_create_ruleset=ENOSYS"], "landlock", False, "GOTEE_REQUIRE asks for landlock-files", ()),
        (["seccomp=EPERM"], "", False, "without the floor of its sandbox no enclave runs", ()),
    ],
    ids=["Landlock", "Landlock, which is required", "the floor"],
)
def test_what_the_service_lacks_is_found_by_the_doctor(
    installation: Settings, tmp_path: Path, away: list[str], require: str, runs: bool, says: str, lacks: tuple[str, ...]
) -> None:
    """It cannot be seen from here: the doctor has the service start an enclave, and any program is told the same."""
    service = Service(installation, tmp_path, lambda: take_away(away))
    try:
        environment = _environment(installation, GOTEE_REQUIRE=require)
        done = _run(environment, tmp_path)
        assert (done.stdout == "42\n") == runs
        told = [line for line in done.stderr.splitlines() if "sandbox lacks" in line]
        assert told == ([f"gotee: the sandbox lacks {', '.join(lacks)}; `gotee doctor` says why"] if lacks else [])
        ready, level = _doctor(environment)
        assert (ready, level["runs"], tuple(level["lacks"])) == (runs, runs, lacks)
        assert says in level["missing"]
    finally:
        service.stop()
    assert service.nobody_left()


def test_what_this_process_lacks_is_no_matter_at_level_service(service: Service, tmp_path: Path) -> None:
    environment = _environment(service.settings, GOTEE_REQUIRE="landlock")

    def first() -> None:
        take_away(["landlock_create_ruleset=ENOSYS"])

    assert _runs(environment, tmp_path, first)
    ready, level = _doctor(environment, first)
    assert (ready, level["runs"], level["missing"]) == (True, True, "")


def test_memory_that_a_limit_of_the_host_forbids_is_told_in_a_sentence(service: Service, tmp_path: Path) -> None:
    done = _run(_environment(service.settings), tmp_path, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    assert "EnclaveLost: no enclave can be started here: File too large; `gotee doctor` says what is" in done.stderr


def test_what_every_level_needs_is_the_cause_at_level_service_too(service: Service, tmp_path: Path) -> None:
    environment = _environment(service.settings)

    def first() -> None:
        take_away(["memfd_create=EPERM"])

    assert not _runs(environment, tmp_path, first)
    ready, level = _doctor(environment, first)
    assert (ready, level["runs"]) == (False, False)
    assert "memfd_create does not work here" in level["missing"]
    assert "Linux 3.17" in level["cure"]


def test_a_socket_that_is_closed_to_us_is_not_taken_for_no_service(tmp_path: Path) -> None:
    """Whose service lies elsewhere than by default is told of the socket, not of a folder."""
    (tmp_path / "closed").write_text("")  # where a folder would have to be: it cannot be reached, by root either
    problem = look(Settings(prefix=str(tmp_path / "none"), socket=str(tmp_path / "closed" / "platform.sock"))).problem
    assert "cannot be reached: Not a directory" in problem
