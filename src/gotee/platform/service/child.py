"""What happens between fork and exec of an enclave at level service: from root to a user of its own. Platform world.

`spawner` calls it in the child, which has one thread. The order matters, and each step says why.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
from collections.abc import Mapping, Sequence
from typing import NoReturn

FIRST = 3  # the enclave's descriptors are numbered from here, in the order in which they came
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38  # prctl(2)
_CLONE_NEWIPC, _CLONE_NEWNET, _CLONE_NEWUTS = 0x08000000, 0x40000000, 0x04000000  # sched.h
_LIBC = ctypes.CDLL(None, use_errno=True)  # loaded before anything forks


def become(
    uid: int,
    memory: int,
    parent: int,
    program: str,
    words: list[str],
    environment: Mapping[str, str],
    descriptors: Sequence[int],
) -> NoReturn:
    """Become an enclave. `descriptors` are standard input, standard error, and the enclave's own."""
    try:
        os.setsid()
        _own_namespaces()
        _number(descriptors)
        _limit(memory)
        os.chdir("/")
        os.umask(0o077)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)  # root's capabilities are gone with it
        # After the change of user, which clears it; the thread that forked is the spawner's only one and its main one.
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the spawner ended before that
        _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # an image that does not shut itself in finds no set-uid program
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.execve(program, words, environment)  # noqa: S606 - no shell is wanted
    except BaseException as error:
        os.write(2, f"gotee: the enclave cannot be started: {error}\n".encode())
    os._exit(1)


def _own_namespaces() -> None:
    """No network, no System V or POSIX queues of others, no host name. A kernel without them has fewer layers.

    They are made by root, without a user namespace: whoever makes one of these may trace what lives in it.
    """
    for kind in (_CLONE_NEWNET, _CLONE_NEWIPC, _CLONE_NEWUTS):
        _LIBC.unshare(kind)


def _number(descriptors: Sequence[int]) -> None:
    """Standard streams and the enclave's descriptors get their numbers; all others are closed."""
    above = max(FIRST + len(descriptors), *descriptors) + 1
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, above) for descriptor in descriptors]
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(high[0], 0)
    os.dup2(high[1], 2)
    for place, descriptor in enumerate(high[2:]):
        os.dup2(descriptor, FIRST + place)
    os.closerange(FIRST + len(high) - 2, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _limit(memory: int) -> None:
    """What an image cannot loosen. A core limit of 1 byte also stops cores that are piped to a program; 0 does not."""
    limits = {
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_NPROC: 512,  # threads count; the user is the enclave's alone
        resource.RLIMIT_NOFILE: 4096,
        resource.RLIMIT_MEMLOCK: 8 << 20,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(kind, (most, most))
