"""The daemon: takes connections, counts what each user has, and forks a session for each. Platform world.

It runs as the platform's user with one thread and reads nothing from hosts. Who connects is asked of the kernel
(SO_PEERCRED), and serves the quotas and nothing else. For sessions it keeps the verified base, and an interpreter.
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
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from gotee.platform.service import wire
from gotee.platform.service.base import Base
from gotee.platform.service.closing import Closing
from gotee.platform.service.kept import Keeper
from gotee.platform.service.session import Session
from gotee.platform.service.settings import Settings
from gotee.platform.service.visits import Owners, Visits

_PR_SET_PDEATHSIG = 1  # prctl(2)
_SO_PEERPIDFD = 77  # socket(7), Linux 6.5
_GOODBYE = 2000  # milliseconds
_BREATH = 0.25  # seconds after one was used, or has ended, until another interpreter is started to be kept
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Running(NamedTuple):
    process: int  # of the session
    user: int  # of the host
    asks: socket.socket  # for the interpreter that is kept


class Daemon:
    """One loop; every session is a process."""

    def __init__(
        self, settings: Settings, listener: socket.socket, master: socket.socket, locks: Sequence[int]
    ) -> None:
        """`locks` are held by this process; a session that a host holds up must not keep the next service from them."""
        self._settings = settings
        self._locks = locks
        self._listener = listener
        self._master = master
        self._running: dict[int, _Running] = {}  # by pidfd
        self._users: Counter[int] = Counter()
        self._visits = Visits()
        self._owners = Owners()
        self._poll = select.poll()
        self._base = Base(settings)
        self._keeper = Keeper(self._base)
        self._asking: dict[int, _Running] = {}  # by the descriptors of their sockets
        self._kept = -1  # where there is news of what is kept
        self._fill_at: float | None = 0.0
        self._closing: list[int] = []
        self._refused = Closing(self._poll, self._leave)

    def run(self) -> None:
        """Until the spawner is gone."""
        self._listener.setblocking(False)
        for descriptor in (self._listener.fileno(), self._master.fileno()):
            self._poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll(self._milliseconds()):
                if descriptor in self._running:
                    self._ended(descriptor)
                elif descriptor in self._asking:
                    self._answer(descriptor)
                elif descriptor == self._kept:
                    self._hear()
                elif descriptor == self._master.fileno():
                    return self._wait_for_sessions()
                elif descriptor == self._listener.fileno():
                    self._take()
                else:
                    self._refused.turn(descriptor)
            wire.close(self._closing)  # not before: an event that waits would be taken for one of a new descriptor
            self._closing.clear()

    def _milliseconds(self) -> int | None:
        """Do what is due by now, and how long to wait for news."""
        seconds, fill = self._refused.seconds(), self._fill()
        if seconds is None:
            return fill
        return int(seconds * 1000) + 1 if fill is None else min(fill, int(seconds * 1000) + 1)

    def _fill(self) -> int | None:
        """See to the base and the interpreter that is kept when it is time; else how long that is off, in ms."""
        if self._fill_at is None:
            return None
        left = self._fill_at - time.monotonic()
        if left > 0:
            return int(left * 1000) + 1
        self._fill_at = None
        if self._base.look():
            self._keeper.forgive()
            if self._kept >= 0:
                self._gone()  # it is of the base as it was, and images would not fit it any more
                return int(_BREATH * 1000) + 1
        first, last = self._settings.enclave_uids
        if not self._settings.kept or len(self._running) >= last - first - 1:
            return None  # the last user numbers are for enclaves that are asked for
        news = self._keeper.fill(self._master)
        if news is not None:
            self._kept = news
            self._poll.register(news, select.POLLIN)
        return None

    def _hear(self) -> None:
        """News of it: that it runs, or that it has ended, and another is started."""
        if not self._keeper.hear():
            self._gone()

    def _gone(self) -> None:
        """None is kept any more: it has ended, or a session has it."""
        self._poll.unregister(self._kept)
        self._closing += self._keeper.drop()
        self._kept, self._fill_at = -1, time.monotonic() + _BREATH

    def _answer(self, descriptor: int) -> None:
        """A session asks for it, once, by the name of its image's ground; or has ended."""
        running = self._asking.pop(descriptor)
        self._poll.unregister(descriptor)
        try:
            message, _ = wire.receive(running.asks)
            fits = self._keeper.fits(bytes.fromhex(str(message.get("ground"))))
            wire.send(running.asks, {}, self._keeper.descriptors if fits else ())
            if fits:
                self._gone()
        except (OSError, wire.Broken, ValueError):
            pass

    def _wait_for_sessions(self) -> None:
        """The spawner has told them why it ends; they tell their hosts, which takes a moment."""
        for other in (self._master.fileno(), self._listener.fileno(), self._kept, *self._asking):
            if other >= 0:
                self._poll.unregister(other)
        self._asking.clear()
        while self._running and (ended := self._poll.poll(_GOODBYE)):
            for descriptor, _ in ended:
                if not self._refused.turn(descriptor):
                    self._ended(descriptor)

    def _take(self) -> None:
        """A new connection, or an error that concerns only that one."""
        try:
            if self._refused.full:
                return time.sleep(_BREATH)  # there are no processes for anything: hosts wait
            host, _ = self._listener.accept()
        except OSError:
            return None
        try:
            _, number, _ = struct.unpack("iII", host.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            user = self._owners.of(number)
            refusal = self._refusal(user)
            if refusal:
                host.setblocking(False)
                wire.send(host, {"refused": refusal, **self._told(user)})
            elif self._fork(host, user):
                return None
        except OSError:
            pass  # it is gone; or there are no more processes or descriptors: its socket's end says that
        self._refused.add(host)

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
        return {"enclaves": len(self._running), "yours": self._users[user], "kept": self._keeper.count}

    def _fork(self, host: socket.socket, user: int) -> bool:
        """Have a session for it; True if that has its socket now. Raises OSError."""
        near, far = wire.pair()
        asks, answers = wire.pair()
        with near, far, asks:
            alive = _alive(host)
            try:
                wire.send(self._master, {}, [far.fileno()])
                process = os.fork()
                if not process:
                    far.close()  # or the spawner's end would go unnoticed
                    answers.close()
                    self._serve(host, user, alive, near, asks)
            except BaseException:
                answers.close()
                raise
            finally:
                if alive >= 0:
                    os.close(alive)
        try:
            number = os.pidfd_open(process)
        except OSError:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            answers.close()
            raise
        host.close()
        try:
            wire.send(answers, {})  # not before: it has the last descriptor now, and may end (see `closing`)
        except OSError:
            pass  # it was killed
        self._running[number] = self._asking[answers.fileno()] = _Running(process, user, answers)
        self._poll.register(answers, select.POLLIN)
        self._users[user] += 1
        self._poll.register(number, select.POLLIN)
        if self._fill_at is None:  # the base is looked at when somebody uses it; not now, when that waits
            self._fill_at = time.monotonic() + _BREATH
        return True

    def _serve(
        self, host: socket.socket, user: int, alive: int, spawner: socket.socket, asks: socket.socket
    ) -> NoReturn:
        """In the child."""
        status = 1
        try:
            session = Session(self._settings, host, alive, spawner, asks, self._base, self._told(user))
            daemon = os.getppid()

            def orphaned(number: int, frame: object) -> NoReturn:
                session.tell({"ended": "the platform's daemon ended unexpectedly"})
                os._exit(1)

            signal.signal(signal.SIGTERM, orphaned)
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)  # the daemon has one thread, which forks
            if os.getppid() == daemon:
                self._leave()
                wire.close(self._refused.descriptors)
                session.run()
                status = 0
        finally:
            os._exit(status)

    def _leave(self) -> None:
        """In a child: close what is not its own."""
        self._listener.close()
        self._master.close()
        wire.close(self._locks)
        for number, running in self._running.items():
            os.close(number)
            running.asks.close()
        # Whoever has the gate of one, kept or just given to another session, could hand it another image.
        wire.close((*self._keeper.descriptors, *self._closing))

    def _ended(self, number: int) -> None:
        running = self._running.pop(number)
        self._poll.unregister(number)
        if self._asking.pop(running.asks.fileno(), None) is not None:
            self._poll.unregister(running.asks)
        self._closing += (number, running.asks.detach())
        os.waitpid(running.process, 0)
        self._users[running.user] -= 1
        if not self._users[running.user]:
            del self._users[running.user]
        if self._kept < 0:
            self._keeper.forgive()
        if self._fill_at is None:
            self._fill_at = time.monotonic() + _BREATH


def _alive(host: socket.socket) -> int:
    """A pidfd of the process that connected, made by the kernel when it did; -1 where the kernel is older."""
    try:
        return host.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError:
        return -1
