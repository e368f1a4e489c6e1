"""The part of the service that stays root: starts enclaves under users of their own, watches and kills them. Platform.

It parses nothing that a host sent. Its only clients are the daemon, which says that there is a new session, and
sessions, each over a socket of its own: one request, then news until either side closes. What a session asks to
execute need not be trusted, since it runs as a user that has nothing; which user is decided here.

It waits for nobody: an enclave may take any time to end, and its user number stays taken until `users` has it back.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field

from gotee.platform.service import wire
from gotee.platform.service.child import become
from gotee.platform.service.settings import Settings
from gotee.platform.service.users import Users

MOST_DESCRIPTORS = 2048  # of one enclave
STOPPED = "the platform was stopped"
KILLED = "the platform's daemon ended unexpectedly"
_GOODBYE = 5.0  # seconds for killed enclaves to be gone when the service ends


@dataclass
class _Session:
    """A session's socket, what it has asked for, and its enclave."""

    peer: socket.socket
    descriptors: list[int] = field(default_factory=list)
    uid: int = 0
    pid: int = 0
    process: int = -1  # a pidfd
    heard: bool = True  # its socket is polled
    kept: bool = False  # it is the daemon that asks, for a session to come


class Spawner:
    """One loop over one `poll`; nothing here waits for anybody."""

    def __init__(self, settings: Settings, master: socket.socket, daemon: int = 0) -> None:
        """`daemon` is its process, which somebody else collects."""
        self._daemon = daemon
        self._settings = settings
        self._master = master
        self._sessions: dict[int, _Session] = {}  # by the descriptors of their sockets
        self._processes: dict[int, _Session] = {}  # by pidfd
        self._poll = select.poll()
        self._poll.register(master, select.POLLIN)
        self._users = Users(settings.enclave_uids, self._poll)
        self._own = os.getpid()
        self._most_held = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
        self._closing: list[int] = []

    def run(self, stop: int) -> str:
        """Work until `stop` can be read or the daemon is gone; says which."""
        self._poll.register(stop, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll(self._users.milliseconds()):
                if descriptor == stop:
                    return STOPPED
                if descriptor == self._master.fileno():
                    if not self._welcome():
                        return KILLED
                else:
                    self._turn(descriptor)
            self._close()
            self._collect_left()

    def end(self, reason: str) -> None:
        """Tell all sessions, kill all enclaves, and see them end, if that does not take long."""
        for session in list(self._sessions.values()):
            self._tell(session, {"stop": reason})
            self._forget(session)
        self._poll.unregister(self._master)
        until = time.monotonic() + _GOODBYE
        while (self._processes or self._users.busy) and (left := until - time.monotonic()) > 0:
            for descriptor, _ in self._poll.poll(min(1000 * left, self._users.milliseconds() or 1000 * left)):
                self._turn(descriptor)
            self._collect_left()

    def _turn(self, descriptor: int) -> None:
        if descriptor in self._processes:
            self._ended(self._processes[descriptor])
        elif descriptor in self._sessions:
            self._hear(self._sessions[descriptor])
        else:
            self._users.turn(descriptor)

    def _close(self) -> None:
        """Not before all events are served: one that waits would be taken for one of a new descriptor."""
        wire.close(self._closing)
        self._closing.clear()

    def _collect_left(self) -> None:
        """What an enclave has left was killed, and is our child now, if it was not from its start (CLONE_PARENT).

        Until it is collected it counts among the processes that the user number may have, for the next enclave too.
        """
        known = {self._daemon, self._users.killer, *(session.pid for session in self._processes.values())}
        with suppress(ChildProcessError):  # there is none at all
            while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if found.si_pid in known:
                    break  # that has its turn, and then the others have theirs
                os.waitpid(found.si_pid, 0)

    def _welcome(self) -> bool:
        """A new session; False if the daemon is gone."""
        try:
            message, (descriptor,) = wire.receive(self._master, 1)
        except wire.Broken:
            return False
        session = _Session(socket.socket(fileno=descriptor), kept=message == {"kept": True})
        session.peer.setblocking(False)
        self._sessions[descriptor] = session
        self._poll.register(descriptor, select.POLLIN)
        return True

    def _hear(self, session: _Session) -> None:
        try:
            message, descriptors = wire.receive(session.peer, None)
            session.descriptors += descriptors
            held = sum(len(other.descriptors) for other in self._sessions.values())
            if session.pid or len(session.descriptors) > MOST_DESCRIPTORS or held > self._most_held:
                raise wire.Broken("a session asks once")
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
        uid = self._users.take()
        if not uid:
            return self._refuse(session, "all user numbers of enclaves are taken: see enclave_uids of the service")
        try:
            pid = os.fork()
        except OSError as error:  # the machine, or the service's control group, has no room for more processes
            self._users.unused(uid)
            return self._refuse(session, f"no process can be started: {error.strerror}")
        if not pid:
            limits = (self._settings.memory, self._own, self._settings.run)
            become(uid, *limits, program, words, environment, session.descriptors, kept=session.kept)
        wire.close(session.descriptors)
        session.descriptors.clear()
        session.pid, session.uid = pid, uid
        session.process = os.pidfd_open(pid)  # there is room: others' descriptors were closed right before
        self._processes[session.process] = session
        self._poll.register(session.process, select.POLLIN)
        self._tell(session, {"pid": pid, "uid": uid})

    def _refuse(self, session: _Session, reason: str) -> None:
        self._tell(session, {"refused": reason})
        self._forget(session)

    def _ended(self, session: _Session) -> None:
        """Collect an enclave that has ended; whatever else runs as its user is ended by `users`."""
        collected, status = os.waitpid(session.pid, os.WNOHANG)
        if not collected:
            return  # root traces it, and has to be told first
        self._poll.unregister(session.process)
        del self._processes[session.process]
        self._closing.append(session.process)
        self._users.left(session.uid)
        session.pid = 0
        self._tell(session, {"status": os.waitstatus_to_exitcode(status)})
        self._forget(session)

    def _forget(self, session: _Session) -> None:
        """End its enclave; its socket is closed when that has ended, so that a session can tell."""
        if session.heard:
            self._poll.unregister(session.peer)
            session.heard = False
        wire.close(session.descriptors)
        session.descriptors.clear()
        if session.pid:
            signal.pidfd_send_signal(session.process, signal.SIGKILL)
        else:
            del self._sessions[session.peer.fileno()]
            self._closing.append(session.peer.detach())

    @staticmethod
    def _tell(session: _Session, news: dict[str, object]) -> None:
        try:
            wire.send(session.peer, news)
        except OSError:
            pass  # it is gone, or does not listen
