"""What `--tee process` needs of a machine before any sandbox: system calls, /proc, limits. Host world, for the doctor.

Each is tried: a kernel that has a system call may be forbidden to answer it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import NamedTuple

from gotee.image.memory import CURE, FORBIDDEN, executable_memory

_PROCESSES = 5  # at the same time, threads included: of a small program's host, its platform and its enclave
_FILTERED = "and no seccomp filter around gotee that refuses it"
# Measured with a program of one secured call; programs with more libraries need more.
_OPEN_FILES = 256
_ADDRESS_SPACE = 256 << 20  # bytes
_DATA = 128 << 20  # bytes
_FILE_SIZE = 16 << 20  # bytes


class Need(NamedTuple):
    """One thing. `missing` is empty if it is there, else why not; `cure` is what would add it."""

    name: str
    value: str
    missing: str = ""
    cure: str = ""


def needs() -> list[Need]:
    """All of them, in the order in which their absence explains what goes wrong."""
    found = [
        Need("/proc", "mounted")
        if os.path.exists("/proc/self/fd")
        else Need("/proc", "not mounted", "/proc is not mounted here", "mount -t proc proc /proc"),
        _call("memfd_create", lambda: os.memfd_create("gotee-doctor"), "3.17"),
        _call("eventfd", lambda: os.eventfd(0), "2.6.30"),
        _call("pidfd_open", lambda: os.pidfd_open(os.getpid()), "5.3"),
        _call("pipe2", _pipe, "2.6.27"),
        _pair(),
        _executable(),
        _processes(),
    ]
    if hasattr(os, "memfd_create"):  # Linux: these limits are its own
        found += [
            _call("sched_getaffinity", _affinity, "2.5.8"),
            _limit("open files", "RLIMIT_NOFILE", _OPEN_FILES, "ulimit -n 1024"),
            _limit("address space", "RLIMIT_AS", _ADDRESS_SPACE, "ulimit -v unlimited"),
            _limit("data segment", "RLIMIT_DATA", _DATA, "ulimit -d unlimited"),
            _limit("file size", "RLIMIT_FSIZE", _FILE_SIZE, "ulimit -f unlimited"),
        ]
    return found


def _call(name: str, attempt: Callable[[], int], since: str) -> Need:
    cure = f"Linux {since} or later, {_FILTERED}"
    try:
        os.close(attempt())
    except AttributeError:
        return Need(name, "does not work", f"{name} is not there: this is not Linux", cure)
    except OSError as error:
        return Need(name, "does not work", f"{name} does not work here: {error.strerror}", cure)
    return Need(name, "works")


def _pipe() -> int:
    read, write = os.pipe()
    os.close(write)
    return read


def _affinity() -> int:
    os.sched_getaffinity(0)
    return os.open(os.devnull, os.O_RDONLY)


def _pair() -> Need:
    import socket

    cure = f"a kernel with Unix sockets, {_FILTERED}"
    try:
        near, far = socket.socketpair()
    except OSError as error:
        return Need("Unix sockets", "do not work", f"Unix sockets do not work here: {error.strerror}", cure)
    near.close()
    far.close()
    return Need("Unix sockets", "work")


def _executable() -> Need:
    """Memory that can be executed, as an enclave's loader is: a setting of Linux 6.3 and later may forbid it."""
    name = "executable memory"
    try:
        memory = executable_memory("gotee-doctor")
    except (AttributeError, OSError) as error:
        if getattr(error, "errno", 0) == errno.EACCES:
            return Need(name, "forbidden", FORBIDDEN, CURE)
        return Need(name, "not tried")  # there is no such memory at all: the line of memfd_create says why
    os.close(memory)
    return Need(name, "allowed")


def _processes() -> Need:
    """Start as many as a small program does, at the same time."""
    children: list[int] = []
    try:
        wait, go = os.pipe()
    except OSError as error:
        return Need("processes", "not tried", f"no pipe can be made: {error.strerror}", "ulimit -n 1024")
    problem = ""
    try:
        while len(children) < _PROCESSES:
            child = os.fork()
            if not child:
                os.close(go)
                os.read(wait, 1)
                os._exit(0)
            children.append(child)
    except (AttributeError, OSError) as error:
        problem = getattr(error, "strerror", None) or str(error)
    finally:
        os.close(wait)
        os.close(go)
        for child in children:
            os.waitpid(child, 0)
    if not problem:
        return Need("processes", "can be started")
    room = f"{len(children) or 'none'} more can be started"
    said = f"{len(children) or 'no'} more processes can be started ({problem}), and a small program needs {_PROCESSES}"
    return Need("processes", room, said, _more_processes())


def _more_processes() -> str:
    """What bounds them: a limit of the user, which does not count for root, or a control group."""
    import resource

    if os.geteuid() and resource.getrlimit(resource.RLIMIT_NPROC)[0] != resource.RLIM_INFINITY:
        return "ulimit -u unlimited"
    return "a larger pids.max of the control group that gotee runs in"


def _limit(name: str, limit: str, least: int, cure: str) -> Need:
    import resource

    try:
        most = resource.getrlimit(getattr(resource, limit))[0]
    except OSError as error:
        cure = "no seccomp filter around gotee that refuses prlimit64"
        return Need(name, "not known", f"the limit on {name} cannot be read: {error.strerror}", cure)
    if most == resource.RLIM_INFINITY:
        return Need(name, "no limit")
    if most >= least:
        return Need(name, str(most))
    return Need(name, str(most), f"the limit on {name} is {most}, and a small program needs {least}", cure)
