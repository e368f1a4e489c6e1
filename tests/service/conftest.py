"""The service, installed into a folder of its own and run in the foreground. Needs root, since it changes users."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gotee.host.service_status import ask
from gotee.host.start import Image, Started
from gotee.platform.service.settings import Settings

GOTEE = [sys.executable, "-m", "gotee"]
PROGRAM = """\
from gotee import gosecure

SECRET = bytes(range(32))

def answer(number: int) -> int:
    return number + len(SECRET)

def main() -> None:
    print(gosecure(answer, 10).result())

if __name__ == "__main__":
    main()
"""


LIBC = ctypes.CDLL(None)
ADA, BOB = 61001, 61002  # users of hosts; they need no entry anywhere


def _slot() -> tuple[int, socket.socket]:
    """A number that no other test process of this machine has until the socket is closed: it stands for users.

    Suites that share users would find, kill and count each other's enclaves.
    """
    for number in range(14):
        taken = socket.socket(socket.AF_UNIX)
        try:
            taken.bind(f"\0service-of-gotee-{number}")
        except OSError:
            taken.close()
        else:
            return number, taken
    pytest.fail("fourteen suites test the service of this machine already")


def numbers_of(slot: int) -> int:
    """The first of sixteen user numbers, which no service has by default: one may run on this machine."""
    return 61010 + 16 * slot if slot < 10 else 60578 + 16 * (slot - 10)


class Service:
    """One running daemon; several can share an installation."""

    def __init__(self, settings: Settings, folder: Path, first: Callable[[], object] = lambda: None) -> None:
        """`first` is called in its first process, before anything else."""
        self.settings = settings
        self.file = folder / "platform.toml"
        self.file.write_text(settings.text())
        self.process = subprocess.Popen(
            [*GOTEE, "platform", "run", "--config", str(self.file)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # It ends with a test process that is killed.
            preexec_fn=lambda: (LIBC.prctl(1, signal.SIGTERM, 0, 0, 0), first()),
        )
        assert self.process.stdout is not None
        assert "ready" in self.process.stdout.readline()

    def pids(self, *uids: int) -> list[int]:
        """The processes of these users; without any, of the enclaves'."""
        first, last = self.settings.enclave_uids
        wanted = set(uids) or set(range(first, last))
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and _uid(name) in wanted]

    def nobody_left(self) -> bool:
        """Whether all processes of enclaves and platform end within a while."""
        user = self.settings.uid()
        for _ in range(3000):
            if not self.pids() and not self.pids(user):
                return True
            time.sleep(0.02)
        return False

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


def await_up(started: Started) -> Started:
    """Until the enclave says something: a session tells of one before it has its user."""
    while started.link.try_recv() is None:
        assert started.link.wait(60)
    return started


def _uid(name: str) -> int:
    try:
        return _real_uid(name)
    except OSError:
        return -1


def _real_uid(name: str) -> int:
    lines = Path(f"/proc/{name}/status").read_text().splitlines()
    if any(line.startswith("State:") and "Z" in line.split()[1] for line in lines):
        return -1
    return int(next(line for line in lines if line.startswith("Uid:")).split()[1])


@pytest.fixture(scope="session")
def installation() -> Iterator[Settings]:
    """An installation that all tests of this process share."""
    if os.geteuid() != 0:
        pytest.skip("level service is installed and run by root")
    folder = Path(tempfile.mkdtemp(prefix="service-of-gotee-", dir="/tmp"))
    folder.chmod(0o755)
    slot, held = _slot()
    first = numbers_of(slot)
    settings = Settings(
        prefix=f"{folder}/opt",
        state=f"{folder}/state",
        socket=f"{folder}/run/platform.sock",
        user=60706 + slot,
        enclave_uids=(first, first + 15),
        enclaves_per_user=4,
        kept=0,  # test_kept says what the one that is kept does
        patience=3,
    )
    file = folder / "platform.toml"
    file.write_text(settings.text())
    words = ["platform", "install", "--no-unit", "--config", str(file)]
    subprocess.run([*GOTEE, *words], check=True, stdout=subprocess.DEVNULL)
    yield settings
    done = subprocess.run([*GOTEE, "platform", "uninstall", "--yes", "--config", str(file)], check=False)
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    shutil.rmtree(folder)
    held.close()
    # The folder that only held the socket was named by nobody but us.
    assert (done.returncode, set(left) - {"run"}) == (0, set())


@pytest.fixture
def service(installation: Settings, tmp_path: Path) -> Iterator[Service]:
    running = Service(installation, tmp_path)
    yield running
    running.stop()
    assert running.nobody_left()
    assert ask(installation.socket)[0] == {}


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """An image, and its files where every user can read them."""
    from gotee.compiler.remembered import partition
    from gotee.image.project import build_program
    from gotee.image.settings import find
    from gotee.image.sign import for_development

    file = tmp_path_factory.mktemp("program") / "answer.py"
    file.write_text(PROGRAM)
    settings = find(file)
    built = build_program(partition(file), settings)
    folder = Path(tempfile.mkdtemp(prefix="files-of-gotee-", dir="/tmp"))
    folder.chmod(0o755)
    places = {}
    for number, (path, place) in enumerate(built.places.items()):
        if not path.endswith(".py") and not path.startswith("/base/"):
            shutil.copyfile(place, folder / str(number))
            places[path] = str(folder / str(number))
    yield Image(
        built.stream,
        for_development(built.measurement, product_id=settings.product_id, security_version=settings.security_version),
        places,
    )
    shutil.rmtree(folder)
