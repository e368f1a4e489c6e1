"""What `--tee process` needs of a machine before any sandbox: system calls, /proc, limits. Host world, for the doctor.

Each is tried: a kernel that has a system call may be forbidden to answer it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

_FILTERED = "and no seccomp filter around gotee that refuses it"
# Measured with a program of one secured call; programs with more libraries need more.
_OPEN_FILES = 256
_ADDRESS_SPACE = 2 << 30  # bytes
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
        _processes(),
    ]
    if hasattr(os, "memfd_create"):  # Linux: these limits are its own
        found += [
            _limit("open files", "RLIMIT_NOFILE", _OPEN_FILES, "ulimit -n 1024"),
            _limit("address space", "RLIMIT_AS", _ADDRESS_SPACE, "ulimit -v unlimited"),
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


def _processes() -> Need:
    try:
        child = os.fork()
    except (AttributeError, OSError) as error:
        return Need("processes", "none can be started", f"no process can be started: {error}", "ulimit -u unlimited")
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return Need("processes", "can be started")


def _limit(name: str, limit: str, least: int, cure: str) -> Need:
    import resource

    most = resource.getrlimit(getattr(resource, limit))[0]
    if most == resource.RLIM_INFINITY:
        return Need(name, "no limit")
    if most >= least:
        return Need(name, str(most))
    return Need(name, str(most), f"the limit on {name} is {most}, and a small program needs {least}", cure)
