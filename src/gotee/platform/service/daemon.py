"""The daemon: takes connections, counts what each user has, and forks a session for each. Platform world.

It runs as the platform's user with one thread and reads nothing from hosts. Who connects is asked of the kernel
(SO_PEERCRED), and serves the quotas and nothing else.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import struct
import time
from collections import Counter
from typing import NamedTuple, NoReturn

from gotee.platform.service import wire
from gotee.platform.service.session import Session
from gotee.platform.service.settings import Settings
from gotee.platform.service.visits import Owners, Visits

_PR_SET_PDEATHSIG = 1  # prctl(2)
_SO_PEERPIDFD = 77  # socket(7), Linux 6.5
_GOODBYE = 2000  # milliseconds
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Running(NamedTuple):
    process: int  # of the session
    user: int  # of the host


class Daemon:
    """One loop; every session is a process."""

    def __init__(self, settings: Settings, listener: socket.socket, master: socket.socket, lock: int) -> None:
        """`lock` is held by this process; a session that a host holds up must not keep the next service from it."""
        self._settings = settings
        self._lock = lock
        self._listener = listener
        self._master = master
        self._running: dict[int, _Running] = {}  # by pidfd
        self._users: Counter[int] = Counter()
        self._visits = Visits()
        self._owners = Owners()
        self._poll = select.poll()

    def run(self) -> None:
        """Until the spawner is gone."""
        self._listener.setblocking(False)
        for descriptor in (self._listener.fileno(), self._master.fileno()):
            self._poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._running:
                    self._ended(descriptor)
                elif descriptor == self._master.fileno():
                    return self._wait_for_sessions()
                else:
                    self._take()

    def _wait_for_sessions(self) -> None:
        """The spawner has told them why it ends; they tell their hosts, which takes a moment."""
        self._poll.unregister(self._master)
        self._poll.unregister(self._listener)
        while self._running and (ended := self._poll.poll(_GOODBYE)):
            for descriptor, _ in ended:
                self._ended(descriptor)

    def _take(self) -> None:
        """A new connection, or an error that concerns only that one."""
        try:
            host, _ = self._listener.accept()
        except OSError:
            return
        with host:
            try:
                _, number, _ = struct.unpack("iII", host.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
                user = self._owners.of(number)
                refusal = self._refusal(user)
                if refusal:
                    host.setblocking(False)
                    wire.send(host, {"refused": refusal, **self._told(user)})
                else:
                    self._fork(host, user)
            except OSError:
                pass  # it is gone; or there are no more processes or descriptors: its socket's end says that

    def _refusal(self, user: int) -> str:
        first, last = self._settings.enclave_uids
        if first <= user <= last:
            return "an enclave is no host"
        if self._users[user] >= self._settings.enclaves_per_user:
            most = self._settings.enclaves_per_user
            return f"user {user} has {most} enclaves already (enclaves_per_user of the service): end one first"
        if len(self._running) >= self._settings.enclaves:
            return f"{len(self._running)} enclaves run already (enclaves of the service): try again later"
        if not self._visits.may(user, time.monotonic()):
            return f"user {user} connects too often: try again in a second"
        return ""

    def _told(self, user: int) -> dict[str, int]:
        """What `gotee platform status` shows."""
        return {"enclaves": len(self._running), "yours": self._users[user]}

    def _fork(self, host: socket.socket, user: int) -> None:
        near, far = wire.pair()
        with near, far:
            alive = _alive(host)
            try:
                wire.send(self._master, {}, [far.fileno()])
                process = os.fork()
                if not process:
                    far.close()  # or the spawner's end would go unnoticed
                    self._serve(host, user, alive, near)
            finally:
                if alive >= 0:
                    os.close(alive)
        try:
            number = os.pidfd_open(process)
        except OSError:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            raise
        self._running[number] = _Running(process, user)
        self._users[user] += 1
        self._poll.register(number, select.POLLIN)

    def _serve(self, host: socket.socket, user: int, alive: int, spawner: socket.socket) -> NoReturn:
        """In the child."""
        status = 1
        try:
            session = Session(self._settings, host, alive, spawner, self._told(user))
            daemon = os.getppid()

            def orphaned(number: int, frame: object) -> NoReturn:
                session.tell({"ended": "the platform's daemon ended unexpectedly"})
                os._exit(1)

            signal.signal(signal.SIGTERM, orphaned)
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)  # the daemon has one thread, which forks
            if os.getppid() == daemon:
                self._listener.close()
                self._master.close()
                os.close(self._lock)
                for number in self._running:
                    os.close(number)
                session.run()
                status = 0
        finally:
            os._exit(status)

    def _ended(self, number: int) -> None:
        running = self._running.pop(number)
        self._poll.unregister(number)
        os.close(number)
        os.waitpid(running.process, 0)
        self._users[running.user] -= 1
        if not self._users[running.user]:
            del self._users[running.user]


def _alive(host: socket.socket) -> int:
    """A pidfd of the process that connected, made by the kernel when it did; -1 where the kernel is older."""
    try:
        return host.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError:
        return -1
