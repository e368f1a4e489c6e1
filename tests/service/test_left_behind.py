"""What hosts have sent and nobody read, and what enclaves leave, holds up nobody and stays for nobody. Needs root."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import time
from pathlib import Path

import pytest

from gotee.host import service as client
from gotee.host.service_status import ask, connect
from gotee.host.start import Image
from gotee.platform.service import wire
from gotee.platform.service.base import Base
from gotee.platform.service.session import Session
from gotee.platform.service.settings import Settings
from gotee.platform.service.visits import BURST

from .conftest import ADA, BOB, Service, await_up
from .test_service import _daemon, as_user

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
DAYS = 10 * 24 * 60 * 60


def _lingering() -> tuple[socket.socket, socket.socket]:
    """A TCP socket that waits for days, when it is closed, until its other end (the second) has read everything."""
    one = socket.socket()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        one.connect(server.getsockname())
        other, _ = server.accept()
    one.setblocking(False)
    try:
        while True:
            one.send(bytes(1 << 16))
    except BlockingIOError:
        pass
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, DAYS))
    return one, other


def test_what_a_refused_host_has_sent_and_takes_long_to_end_holds_up_no_other(service: Service) -> None:
    """It is sent while the daemon does something else, to be refused: a connection too many."""
    path = service.settings.socket
    daemon = _daemon(service.pids(service.settings.uid()))
    told, tell = socket.socketpair()
    child = os.fork()
    if not child:
        try:
            told.close()
            os.setresuid(ADA, ADA, ADA)
            held = [connect(path) for _ in range(BURST)]
            tell.send(b"1")
            tell.recv(1)
            for _ in range(8):
                peer, (one, other) = connect(path), _lingering()
                socket.send_fds(peer, [b"x"], [one.fileno()])
                one.close()
                held += [peer, other]
            tell.send(b"1")
            tell.recv(1)
        finally:
            os._exit(0)
    tell.close()
    with told:
        assert told.recv(1)
        os.kill(daemon, signal.SIGSTOP)
        try:
            told.send(b"1")
            assert told.recv(1)
        finally:
            os.kill(daemon, signal.SIGCONT)
        assert as_user(BOB, lambda: ask(path)[1]) == ""
        time.sleep(0.3)  # refused sockets are closed together
        assert as_user(BOB, lambda: ask(path)[1]) == ""
    os.waitpid(child, 0)


def test_a_session_ends_when_the_daemon_has_closed_its_descriptor_of_the_hosts_socket(installation: Settings) -> None:
    """Else the daemon could have the last one, and what a host had sent would end there, as slowly as it likes."""
    (host, far), (spawner, other), (daemon, asks) = wire.pair(), wire.pair(), wire.pair()
    base = Base(installation)
    child = os.fork()
    if not child:
        try:
            for end in (host, other, daemon):
                end.close()
            Session(installation, far, -1, spawner, asks, base, {"enclaves": 0}).run()
        finally:
            os._exit(0)
    for end in (far, spawner, asks):
        end.close()
    wire.send(host, {"gotee": 1, "status": True})
    assert wire.receive(host)[0] == {"enclaves": 0}
    assert not select.select([host], [], [], 0.3)[0]
    wire.send(daemon, {})
    with pytest.raises(wire.Broken, match="is gone"):
        wire.receive(host)
    other.close()
    assert os.waitpid(child, 0)[1] == 0
    for end in (host, daemon):
        end.close()


def test_what_an_enclave_leaves_is_collected(service: Service, image: Image) -> None:
    """Zombies count among the processes that a number may have: after some hundred no enclave of it would start."""
    started = await_up(client.start(image, "ring", service.settings.socket))
    pids = service.pids()
    assert len(pids) == 2
    first = next(pid for pid in pids if _parent(pid) not in pids)
    os.kill(first, signal.SIGKILL)  # the kernel kills the second, whose parent that was
    started.control.close()
    started.link.close()
    for _ in range(3000):
        if not any(map(_is_there, pids)):
            break
        assert not ask(service.settings.socket)[1]  # the spawner collects when it has something to do
        time.sleep(0.05)
    else:
        pytest.fail(json.dumps([pid for pid in pids if _is_there(pid)]))


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _is_there(pid: int) -> bool:
    """Zombies are."""
    return os.path.exists(f"/proc/{pid}")
