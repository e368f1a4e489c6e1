"""The service's first code, run by root from the installed copy: check, bind, split in two. Platform world.

    PREFIX/bin/gotee-platform [--check] [SETTINGS]

One process becomes the spawner, which stays root with four capabilities; the other gives root up: the daemon.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import select
import signal
import socket
import stat
import sys
from collections.abc import Sequence
from typing import NoReturn

from gotee.errors import GoteeError, UsageError
from gotee.platform.service import wire
from gotee.platform.service.daemon import Daemon
from gotee.platform.service.exclusive import take_users
from gotee.platform.service.settings import FILE, Settings, read, require_safe
from gotee.platform.service.spawner import STOPPED, Spawner

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 4, 24, 36, 38  # prctl(2)
_NEEDED = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7}  # capabilities(7)
_SYS_ADMIN = 21
_CAPABILITIES = 64
_GOODBYE = 5000  # milliseconds that the daemon has to end


def main(words: Sequence[str]) -> int:
    """Run the service until it is told to stop; the exit status."""
    try:
        check = "--check" in words
        rest = [word for word in words if word != "--check"]
        file = rest[0] if rest else FILE
        settings = read(file)
        _require(settings, file)
        if check:
            return 0
        return _serve(settings)
    except (GoteeError, OSError) as error:
        print(f"gotee-platform: error: {error}", file=sys.stderr)
        return 1


def _require(settings: Settings, file: str) -> None:
    """Refuse to run where somebody else than root could change what runs."""
    if os.geteuid() != 0:
        raise UsageError("the service has to be started by root, since it runs enclaves as other users")
    lacking = [name for name, number in _NEEDED.items() if not _permitted() >> number & 1]
    if lacking:
        raise UsageError(f"the service lacks {', '.join(lacking)}: its container or unit has to leave that to it")
    require_safe(settings.prefix)
    require_safe(settings.base)
    if os.path.exists(file):
        require_safe(file)
    with open("/proc/self/maps") as maps:
        mapped = {line.split(None, 5)[5].strip() for line in maps if "/" in line}
    for path in sorted(mapped):
        if os.path.exists(path):
            require_safe(path)  # a library that an interpreter's run path names may lie in somebody's home
    found = os.lstat(settings.state)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != settings.uid() or found.st_mode & 0o077:
        raise UsageError(f"{settings.state} has to be a folder of the platform's user alone: install the service anew")
    require_safe(os.path.dirname(settings.state))


def _serve(settings: Settings) -> int:
    _hear_signals()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    locks = [_lock(settings), take_users(settings)]
    listener = _listen(settings)
    stop = _stop_signals()
    master, daemon_end = wire.pair()
    pid = os.fork()
    if not pid:
        master.close()
        _daemon(settings, listener, daemon_end, locks)
    daemon_end.close()
    listener.close()
    _keep_little()
    # What enclaves leave comes to the spawner: the first process of a container may collect nothing.
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    spawner = Spawner(settings, master, pid)
    reason = spawner.run(stop)
    spawner.end(reason)
    master.close()
    _wait(pid)
    os.unlink(settings.socket)
    return 0 if reason == STOPPED else 1


def _hear_signals() -> None:
    """Who starts the service may have blocked some: a slow host would have all time, and nobody could stop it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _lock(settings: Settings) -> int:
    """The lock of this socket's service, in a folder that only root changes."""
    os.makedirs(settings.run, 0o755, exist_ok=True)
    require_safe(settings.run)
    lock = os.open(f"{settings.run}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until both processes end
    except BlockingIOError:
        raise UsageError(f"the service runs already: {settings.run}/lock is taken; `gotee platform status`") from None
    return lock


def _listen(settings: Settings) -> socket.socket:
    """The socket; nobody can put another in its place."""
    if os.path.lexists(settings.socket):
        os.unlink(settings.socket)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(settings.socket)
    os.chmod(settings.socket, 0o666)  # noqa: S103 - every user may connect
    listener.listen(4096)
    return listener


def _stop_signals() -> int:
    """A descriptor that can be read once SIGTERM or SIGINT has come."""
    stop, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(write)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: None)
    return stop


def _daemon(settings: Settings, listener: socket.socket, master: socket.socket, locks: Sequence[int]) -> NoReturn:
    """In the child: give root up for good, then serve."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()  # the terminal's Ctrl-C is the spawner's
        uid = settings.uid()
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # sessions have the same user and are not to reach its memory
        os.chdir("/")
        print(f"gotee-platform: ready: {settings.socket}", flush=True)
        Daemon(settings, listener, master, locks).run()
        status = 0
    except (GoteeError, OSError) as error:
        print(f"gotee-platform: error: {error}", file=sys.stderr, flush=True)
    except BaseException as error:  # a fault of ours, of which nobody would hear
        print(f"gotee-platform: error: the daemon failed: {error!r}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def _permitted() -> int:
    """The capabilities that this process may use, a bit for each."""
    with open("/proc/self/status") as status:
        return int(next(line.split()[1] for line in status if line.startswith("CapPrm:")), 16)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def _keep_little() -> None:
    """The spawner can change users, kill, and make namespaces; it cannot read or write what is not its own."""
    kept = tuple(_NEEDED.values())
    if _permitted() >> _SYS_ADMIN & 1:
        kept += (_SYS_ADMIN,)
    else:
        print(
            "gotee-platform: without CAP_SYS_ADMIN enclaves get no namespaces but their own: an image that does not "
            "shut itself in sees this machine's files",
            file=sys.stderr,
            flush=True,
        )
    for number in range(_CAPABILITIES):
        if number not in kept:
            _LIBC.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    bits = sum(1 << number for number in kept)
    sets = (ctypes.c_uint32 * 6)(bits, bits, 0, 0, 0, 0)
    if _LIBC.capset(ctypes.byref(_Header(0x20080522, 0)), sets):
        raise OSError(ctypes.get_errno(), "the spawner cannot give up its capabilities")
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _wait(pid: int) -> None:
    """For the daemon's end, which its spawner's end causes."""
    process = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    if not poll.poll(_GOODBYE):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    os.waitpid(pid, 0)
