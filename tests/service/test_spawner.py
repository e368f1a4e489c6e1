"""The spawner waits for nobody, and a user number is free only when nothing of it is left. Needs root."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gotee.platform.service import users, wire
from gotee.platform.service.child import FIRST
from gotee.platform.service.settings import Settings
from gotee.platform.service.spawner import Spawner
from gotee.platform.service.users import Users

from .conftest import _slot, _uid, numbers_of

SECONDS = 60  # bounds a hang
LIBC = ctypes.CDLL(None, use_errno=True)
SEIZE, DETACH, TRACE_EXIT, EVENT_EXIT = 0x4206, 17, 0x40, 6  # linux/ptrace.h
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


@pytest.fixture
def numbers() -> Iterator[tuple[int, int]]:
    """Two user numbers for enclaves, and the killer's, which nobody else has meanwhile."""
    if os.geteuid() != 0:
        pytest.skip("level service changes users, which needs root")
    slot, held = _slot()
    first = numbers_of(slot)
    yield first, first + 2
    for name in os.listdir("/proc"):
        if name.isdigit() and first <= _uid(name) <= first + 2:
            with suppress(ProcessLookupError):
                os.kill(int(name), signal.SIGKILL)
                while first <= _uid(name) <= first + 2:
                    pass
    held.close()


class Running:
    """A spawner in a process of its own, and this process as its daemon and its sessions."""

    def __init__(self, numbers: tuple[int, int], forks_that_fail: int = 0) -> None:
        master, self._daemon = wire.pair()
        self._stop, stop = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                self._daemon.close()
                os.close(stop)
                _fail(forks_that_fail)
                spawner = Spawner(Settings(enclave_uids=numbers, socket="/nowhere/s"), master)  # no root of its own
                spawner.end(spawner.run(self._stop))
            finally:
                os._exit(0)
        master.close()
        os.close(self._stop)
        self._stop = stop

    def start(self, file: str = "/bin/sleep") -> tuple[socket.socket, dict[str, object]]:
        """A session that has asked for `sleep`, or another program, and its answer."""
        near, far = wire.pair()
        with far:
            wire.send(self._daemon, {}, [far.fileno()])
        near.settimeout(SECONDS)
        null, program = os.open(os.devnull, os.O_RDWR), os.open(file, os.O_RDONLY)
        request = {"program": f"/proc/self/fd/{FIRST}", "words": ["sleep", "1000"], "environment": {}}
        wire.send(near, request, [null, null, program])
        os.close(null)
        os.close(program)
        return near, wire.receive(near)[0]

    def end(self) -> None:
        os.close(self._stop)
        self._daemon.close()
        os.waitpid(self.pid, 0)


def _fail(count: int) -> None:
    """As where a control group has no room for more processes."""
    real = os.fork

    def fork() -> int:
        nonlocal count
        count -= 1
        if count >= 0:
            raise BlockingIOError(11, os.strerror(11))
        return real()

    os.fork = fork


@pytest.fixture
def running(numbers: tuple[int, int]) -> Iterator[Running]:
    one = Running(numbers)
    yield one
    one.end()


# An image that does not shut itself in makes brothers: children of the spawner, which it has never heard of.
BROTHERS = """
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 8; i++)
        if (!syscall(SYS_clone, 0x8000 | SIGCHLD, 0, 0, 0, 0)) pause(); /* CLONE_PARENT */
    pause();
    return 0;
}
"""


def trace(request: int, pid: int, data: int) -> None:
    assert LIBC.ptrace(request, pid, None, ctypes.c_void_p(data)) == 0, os.strerror(ctypes.get_errno())


def ended(peer: socket.socket) -> dict[str, object]:
    """The last word of a session's enclave."""
    found = wire.receive(peer)[0]
    with pytest.raises(wire.Broken):
        wire.receive(peer)
    peer.close()
    return found


def test_brothers_that_an_enclave_makes_are_collected(running: Running, tmp_path: Path) -> None:
    """As zombies they would count for the next enclave with that user number, until it could not start."""
    source, program = tmp_path / "brothers.c", tmp_path / "brothers"
    source.write_text(BROTHERS)
    subprocess.run(["cc", "-o", str(program), str(source)], check=True, timeout=60)
    peer, answer = running.start(str(program))
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    for _ in range(3000):
        if len(children.read_text().split()) == 9:
            break
        time.sleep(0.02)
    assert len(children.read_text().split()) == 9
    assert str(answer["pid"]) in children.read_text().split()
    peer.shutdown(socket.SHUT_WR)
    assert ended(peer) == {"status": -signal.SIGKILL}
    for _ in range(3000):
        if not children.read_text():
            return
        near, far = wire.pair()  # the spawner collects when it has something to do
        with near, far:
            wire.send(running._daemon, {}, [far.fileno()])
        time.sleep(0.02)
    pytest.fail(f"left: {children.read_text()}")


def test_an_enclave_that_does_not_end_holds_up_nobody_and_keeps_its_number(running: Running) -> None:
    """Held at its exit by a tracer, as by a file system that does not answer to its close."""
    held, answer = running.start()
    pid = int(str(answer["pid"]))
    while Path(f"/proc/{pid}/comm").read_text() == Path("/proc/self/comm").read_text():
        pass  # it has not executed its program yet
    trace(SEIZE, pid, TRACE_EXIT)
    held.shutdown(socket.SHUT_WR)  # its host is gone
    _, status = os.waitpid(pid, 0x40000000)  # __WALL
    assert status >> 16 == EVENT_EXIT
    other, second = running.start()
    assert second["uid"] != answer["uid"]
    other.shutdown(socket.SHUT_WR)
    assert ended(other) == {"status": -signal.SIGKILL}
    for _ in range(3):  # its own number is given to nobody, the other one again and again
        again, third = running.start()
        while third.get("refused"):  # the other is being made free
            again.close()
            again, third = running.start()
        assert third["uid"] == second["uid"]
        again.shutdown(socket.SHUT_WR)
        ended(again)
    trace(DETACH, pid, 0)
    assert ended(held) == {"status": -signal.SIGKILL}


@pytest.mark.parametrize("count", [1, 3])
def test_without_room_for_a_process_an_enclave_is_refused_and_the_next_one_served(
    numbers: tuple[int, int], count: int
) -> None:
    running = Running(numbers, forks_that_fail=count)
    try:
        for _ in range(count):
            peer, answer = running.start()
            assert answer == {"refused": "no process can be started: Resource temporarily unavailable"}
            peer.close()
        peer, answer = running.start()
        assert answer["uid"] == numbers[0]
        peer.close()
    finally:
        running.end()


def _free(found: Users, poll: select.poll) -> list[int]:
    """The numbers that are free once all work is done."""
    while found.busy:
        for descriptor, _ in poll.poll(found.milliseconds()):
            found.turn(descriptor)
    return list(iter(found.take, 0))


def _sleeper(user: int) -> int:
    pid = os.fork()
    if not pid:
        os.setresuid(user, user, user)
        signal.pause()
        os._exit(0)
    while _uid(str(pid)) != user:
        pass
    return pid


def test_what_runs_as_an_enclaves_user_is_killed_before_the_number_is_free(numbers: tuple[int, int]) -> None:
    """From an earlier service, and behind the end of an enclave; also where no process can be started at first."""
    before, poll = _sleeper(numbers[0]), select.poll()
    found = Users(numbers, poll)
    assert found.take() == numbers[0] + 1
    assert found.take() == 0  # the first is not free yet
    left = _sleeper(numbers[0] + 1)
    found.left(numbers[0] + 1)
    assert _free(found, poll) == [numbers[0], numbers[0] + 1]
    assert [os.waitpid(pid, 0)[1] for pid in (before, left)] == [signal.SIGKILL] * 2


def test_a_killer_that_cannot_be_started_is_tried_again(
    numbers: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", os.fork)  # so that it is put back
    poll = select.poll()
    found = Users(numbers, poll)
    number = found.take()
    _fail(2)
    found.left(number)
    assert found.milliseconds() is not None
    assert _free(found, poll) == [number + 1, number]


def test_those_whom_the_killer_kills_cannot_stop_it(numbers: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """They run as fast as it does, and would win now and then."""
    victim = _sleeper(numbers[0])
    ready, tell = os.pipe()
    wait, go_on = os.pipe()
    killer = os.fork()
    if not killer:
        real = os.kill

        def kill(pid: int, number: int) -> None:
            os.write(tell, b"r")
            os.read(wait, 1)
            real(pid, number)

        monkeypatch.setattr(os, "kill", kill)
        users._kill_all(numbers[0], numbers[1])
    os.read(ready, 1)
    attacker = os.fork()
    if not attacker:
        os.setresuid(numbers[0], numbers[0], numbers[0])
        try:
            os.kill(killer, signal.SIGSTOP)
        except PermissionError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(attacker, 0)[1]) == 7
    os.write(go_on, b"g")
    assert os.waitpid(victim, 0)[1] == signal.SIGKILL
    assert os.waitpid(killer, 0)[1] == 0
    for descriptor in (ready, tell, wait, go_on):
        os.close(descriptor)
