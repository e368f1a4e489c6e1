"""The part of the service that stays root: starts enclaves under users of their own, watches and kills them. Platform.

It parses nothing that a host sent. Its only clients are the daemon, which says that there is a new session, and
sessions, each over a socket of its own: one request, then news until either side closes. What a session asks to
execute need not be trusted, since it runs as a user that has nothing; which user is decided here.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from dataclasses import dataclass, field

from gotee.platform.service import wire
from gotee.platform.service.child import become
from gotee.platform.service.settings import Settings

MOST_DESCRIPTORS = 2048  # of one enclave
STOPPED = "the platform was stopped"
KILLED = "the platform's daemon ended unexpectedly"


@dataclass
class _Session:
    """A session's socket, what it has asked for, and its enclave."""

    peer: socket.socket
    descriptors: list[int] = field(default_factory=list)
    uid: int = 0
    pid: int = 0
    process: int = -1  # a pidfd


class Spawner:
    """One loop over one `poll`; nothing here waits for anybody."""

    def __init__(self, settings: Settings, master: socket.socket) -> None:
        self._settings = settings
        self._master = master
        first, last = settings.enclave_uids
        self._free = list(range(first, last + 1))
        self._sessions: dict[int, _Session] = {}  # by the descriptors of their sockets
        self._processes: dict[int, _Session] = {}  # by pidfd
        self._poll = select.poll()
        self._poll.register(master, select.POLLIN)
        self._own = os.getpid()
        self._closing: list[int] = []

    def run(self, stop: int) -> str:
        """Work until `stop` can be read or the daemon is gone; says which."""
        self._poll.register(stop, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == stop:
                    return STOPPED
                if descriptor == self._master.fileno():
                    if not self._welcome():
                        return KILLED
                elif descriptor in self._processes:
                    self._ended(self._processes[descriptor])
                elif descriptor in self._sessions:
                    self._hear(self._sessions[descriptor])
            wire.close(self._closing)  # not before: an event that waits would be taken for one of a new descriptor
            self._closing.clear()

    def end(self, reason: str) -> None:
        """Tell all sessions, and kill all enclaves."""
        for session in list(self._sessions.values()):
            self._tell(session, {"stop": reason})
            self._forget(session)

    def _welcome(self) -> bool:
        """A new session; False if the daemon is gone."""
        try:
            _, (descriptor,) = wire.receive(self._master, 1)
        except wire.Broken:
            return False
        session = _Session(socket.socket(fileno=descriptor))
        session.peer.setblocking(False)
        self._sessions[descriptor] = session
        self._poll.register(descriptor, select.POLLIN)
        return True

    def _hear(self, session: _Session) -> None:
        try:
            message, descriptors = wire.receive(session.peer, None)
            if session.pid or len(session.descriptors) + len(descriptors) > MOST_DESCRIPTORS:
                wire.close(descriptors)
                raise wire.Broken("a session asks once")
            session.descriptors += descriptors
            if "words" in message:
                self._start(session, message)
        except BlockingIOError:
            pass
        except wire.Broken:
            self._forget(session)  # it has ended, or has to

    def _start(self, session: _Session, message: dict[str, object]) -> None:
        words, program, environment = message["words"], message.get("program"), message.get("environment")
        if (
            not isinstance(program, str)
            or not isinstance(words, list)
            or not isinstance(environment, dict)
            or not all(isinstance(word, str) for word in (*words, *environment.values()))
            or len(session.descriptors) < 2
        ):
            raise wire.Broken("this is no request")
        if not self._free:
            self._tell(session, {"refused": "all user numbers of enclaves are taken: see enclave_uids of the service"})
            self._forget(session)
            return
        session.uid = self._free.pop(0)
        _kill_all(session.uid)
        pid = os.fork()
        if not pid:
            limits = (self._settings.memory, self._own, self._settings.run)
            become(session.uid, *limits, program, words, environment, session.descriptors)
        session.pid, session.process = pid, os.pidfd_open(pid)
        wire.close(session.descriptors)
        session.descriptors.clear()
        self._processes[session.process] = session
        self._poll.register(session.process, select.POLLIN)
        self._tell(session, {"pid": pid, "uid": session.uid})

    def _ended(self, session: _Session) -> None:
        self._tell(session, {"status": self._reap(session)})
        self._forget(session)

    def _reap(self, session: _Session) -> int:
        """Kill and collect the enclave, and whatever else runs as its user; its status as subprocess gives it."""
        signal.pidfd_send_signal(session.process, signal.SIGKILL)
        _, status = os.waitpid(session.pid, 0)
        _kill_all(session.uid)
        self._poll.unregister(session.process)
        del self._processes[session.process]
        self._closing.append(session.process)
        self._free.append(session.uid)  # the longest unused comes first
        session.pid = 0
        return os.waitstatus_to_exitcode(status)

    def _forget(self, session: _Session) -> None:
        if session.pid:
            self._reap(session)
        descriptor = session.peer.fileno()
        self._poll.unregister(descriptor)
        del self._sessions[descriptor]
        wire.close(session.descriptors)
        self._closing.append(session.peer.detach())

    @staticmethod
    def _tell(session: _Session, news: dict[str, object]) -> None:
        try:
            wire.send(session.peer, news)
        except OSError:
            pass  # it is gone, or does not listen


def _kill_all(uid: int) -> None:
    """Kill every process of an enclave's user: what an image that did not shut itself in has left behind.

    As that user, which can signal nobody else. kill(-1) and fork exclude each other in the kernel: nothing escapes.
    """
    pid = os.fork()
    if not pid:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            if os.getresuid() == (uid, uid, uid) and uid:
                os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
