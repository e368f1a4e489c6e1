"""The service ends and begins again while hosts of several users have operations of every kind in flight."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from gotee.boundary.frames import LinkError
from gotee.boundary.messages import Kind, pack
from gotee.host import service as client
from gotee.host.service_status import look
from gotee.host.start import Image
from gotee.platform.service.settings import Settings

from .conftest import ADA, BOB, GOTEE, Service, await_up
from .test_service import _daemon

SECONDS = 60  # bounds a hang
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
PROGRAM = """\
import sys
from collections.abc import Callable

from gotee import Chan, EnclaveLost, Recv, go, gosecure, select


def double(number: int) -> int:
    return 2 * number


def hold(ready: Chan[int], never: Chan[int], values: Chan[int]) -> int:
    ready.send(1)
    return never.recv() + values.recv()


def read_line(ready: Chan[int]) -> str:
    ready.send(1)
    return sys.stdin.readline()


def busy() -> None:
    number = 0
    while gosecure(double, number).result() == 2 * number:
        number += 1


def each(values: Chan[int]) -> None:
    for _ in values:
        pass


def tell(name: str, operation: Callable[[], object]) -> None:
    try:
        operation()
    except EnclaveLost as lost:
        print(name, type(lost).__name__, lost, flush=True)


def main() -> None:
    ready, never, received, sent = Chan[int](), Chan[int](), Chan[int](), Chan[int]()
    held, asked = gosecure(hold, ready, never, received), gosecure(read_line, ready)
    other = gosecure(hold, ready, never, sent)
    for _ in range(3):
        ready.recv()
    waiting = {
        "call": busy,
        "result": held.result,
        "ocall": asked.result,
        "other": other.result,
        "receive": received.recv,
        "iterate": lambda: each(received),
        "select": lambda: select(Recv(received), Recv(ready)),
        "send": lambda: sent.send(1),
    }
    routines = [go(tell, name, operation) for name, operation in waiting.items()]
    assert gosecure(double, 2).result() == 4
    print("running", flush=True)
    for routine in routines:
        routine.result()
    for name, operation in (("later-call", lambda: gosecure(double, 1).result()), ("later-receive", received.recv)):
        tell(name, operation)


if __name__ == "__main__":
    main()
"""
CHANNELS = ("receive", "iterate", "select", "send", "later-receive")
OPERATIONS = {"call", "result", "ocall", "other", "later-call", *CHANNELS}


class Host:
    """A process of one user, whose enclave answers questions without end."""

    def __init__(self, user: int, image: Image, path: str) -> None:
        self.said, tell = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                os.close(self.said)
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
                self._ask(image, path, tell)
            finally:
                os._exit(0)
        os.close(tell)

    @staticmethod
    def _ask(image: Image, path: str, tell: int) -> None:
        started = client.start(image, "ring", path)
        number = 0
        try:
            while not started.link.peer_closed:
                if started.link.try_recv() is not None:
                    number += 1
                    started.link.try_send(pack(Kind.PROBE, number))
                    if number == 2:
                        os.write(tell, b"running\n")
                started.link.wait(SECONDS)
        except LinkError:
            pass  # the peer's end is seen by whoever comes first
        finally:
            started.control.settimeout(SECONDS)
            os.write(tell, started.control.recv(1 << 16))

    def line(self) -> bytes:
        """The next thing that it says."""
        return os.read(self.said, 1 << 16)

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.said)


def begin(settings: Settings, folder: Path) -> subprocess.Popen[str]:
    """The program, once all its operations wait."""
    (folder / "waiting.py").write_text(PROGRAM)
    program = subprocess.Popen(
        [*GOTEE, "run", "--level", "service", str(folder / "waiting.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "GOTEE_PLATFORM": settings.socket},
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "running\n"
    return program


def end(program: subprocess.Popen[str]) -> None:
    program.kill()
    program.wait(SECONDS)
    for stream in (program.stdin, program.stdout):
        if stream:
            stream.close()


@pytest.mark.parametrize("victim", ["daemon", "spawner", "nobody"])
def test_hosts_in_the_midst_of_everything_hear_of_it_and_a_new_service_has_everything_free(
    service: Service, image: Image, tmp_path: Path, victim: str
) -> None:
    settings = service.settings
    program = begin(settings, tmp_path)
    hosts = [Host(user, image, settings.socket) for user in (ADA, BOB)]
    try:
        assert [host.line() for host in hosts] == [b"running\n"] * 2
        assert look(settings).enclaves == 3
        if victim == "nobody":
            service.process.send_signal(signal.SIGTERM)
        else:
            first = service.process.pid if victim == "spawner" else _daemon(sorted(service.pids(settings.uid())))
            os.kill(first, signal.SIGKILL)
        reason = "the platform was stopped" if victim == "nobody" else "ended unexpectedly"
        for host in hosts:
            assert reason in json.loads(host.line())["ended"]
        assert program.stdout is not None
        said = dict(line.split(" ", 1) for line in program.stdout.read().splitlines())
        assert program.wait(SECONDS) == 0
        assert set(said) == OPERATIONS
        wrong = {name: text for name, text in said.items() if not text.startswith("EnclaveLost the enclave ")}
        assert wrong == {}
        assert {name for name, text in said.items() if reason not in text} <= {*CHANNELS}  # these name the channel
        status = service.process.wait(SECONDS)
        assert status == {"nobody": 0, "daemon": 1, "spawner": -signal.SIGKILL}[victim]
        assert service.nobody_left()
        found = look(settings)
        assert (found.installed, found.running) == (True, False)
        assert "gotee platform run" in found.problem
    finally:
        end(program)
        for host in hosts:
            host.end()
    again = Service(settings, tmp_path)
    try:
        assert look(settings).enclaves == 0
        started = await_up(client.start(image, "ring", settings.socket))
        assert again.pids(settings.enclave_uids[0])  # the first of the enclaves' users is free
        started.control.close()
        started.link.close()
    finally:
        again.stop()
        assert again.nobody_left()
