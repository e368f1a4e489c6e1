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

from gotee.platform.birth import FIRST
from gotee.platform.filter import INSTRUCTION, leaving
from gotee.platform.numbers import numbers
from gotee.platform.service.settings import THREADS
from gotee.platform.words import REFUSED

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38  # prctl(2)
_MODE_FILTER = 2  # linux/seccomp.h
_PER_LINUX = 0  # sys/personality.h
_CLONE_NEWIPC, _CLONE_NEWNET, _CLONE_NEWNS, _CLONE_NEWUTS = 0x08000000, 0x40000000, 0x20000, 0x04000000  # sched.h
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = (
    1,
    2,
    4,
    8,
    0x20,
    0x1000,
    0x4000,
    0x40000,
)  # mount.h
_DETACH = 2  # MNT_DETACH of umount2(2)
_LIBC = ctypes.CDLL(None, use_errno=True)  # loaded before anything forks
_FILTER = leaving(os.uname().machine)  # and so are these
_KEPT_FILTER = leaving(os.uname().machine, receives=True)
_PIVOT_ROOT = numbers(os.uname().machine)["pivot_root"]


def become(
    uid: int,
    memory: int,
    parent: int,
    place: str,
    program: str,
    words: list[str],
    environment: Mapping[str, str],
    descriptors: Sequence[int],
    *,
    kept: bool = False,
) -> NoReturn:
    """Become an enclave. `descriptors` are standard input, standard error, and the enclave's own.

    `place` is a folder to mount on, which nobody else sees. One that is `kept` gets its image's descriptors later.
    """
    try:
        os.setsid()
        _number(descriptors)
        _own_namespaces()
        _own_root(place)
        _limit(memory)
        os.umask(0o077)
        _LIBC.personality(_PER_LINUX)  # who started the service may have had addresses that are not random
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)  # root's capabilities are gone with it
        # After the change of user, which clears it; the thread that forked is the spawner's only one and its main one.
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the spawner ended before that
        _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # an image that does not shut itself in finds no set-uid program
        _leave_none(_KEPT_FILTER if kept else _FILTER)
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.execve(program, words, environment)  # noqa: S606 - no shell is wanted
    except BaseException as error:
        os.write(2, f"gotee: the enclave cannot be started: {error}\n".encode())
    os._exit(REFUSED)


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]


def _leave_none(program: bytes) -> None:
    """From now on nothing can be left behind that would give this user away, nor anything hold up its end."""
    filter = _Filter(len(program) // INSTRUCTION.size, program)
    if _LIBC.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filter), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no seccomp filter")


def _own_namespaces() -> None:
    """No network, no System V or POSIX queues of others, no host name. A kernel without them has fewer layers.

    They are made by root, without a user namespace: whoever makes one of these may trace what lives in it.
    """
    for kind in (_CLONE_NEWNET, _CLONE_NEWIPC, _CLONE_NEWUTS):
        _LIBC.unshare(kind)


def _own_root(place: str) -> None:
    """A root folder with nothing but /proc and /dev/null: no files of others, and no sockets of the system's services.

    Where mounts are forbidden, the enclave will say so itself: it makes an emptier one (gotee.enclave.layers).
    """
    if _LIBC.unshare(_CLONE_NEWNS):
        return
    try:
        _mount("none", "/", None, _REC | _PRIVATE)
        _mount("gotee", place, "tmpfs", _NOSUID | _NODEV | _NOEXEC, "size=4k,nr_inodes=8,mode=0755")
        os.mkdir(f"{place}/proc")
        os.mkdir(f"{place}/dev")
        os.close(os.open(f"{place}/dev/null", os.O_WRONLY | os.O_CREAT, 0o444))
        _mount("/proc", f"{place}/proc", None, _BIND | _REC)  # with what a container has hidden there
        _mount("/dev/null", f"{place}/dev/null", None, _BIND)
        _mount("none", place, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV | _NOEXEC)
        os.chdir(place)
        _checked(_LIBC.syscall(_PIVOT_ROOT, b".", b"."))
        _checked(_LIBC.umount2(b".", _DETACH))
    except OSError:
        pass
    os.chdir("/")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = (os.fsencode(source), os.fsencode(target), kind and kind.encode())
    _checked(_LIBC.mount(*words, ctypes.c_ulong(flags), data and data.encode()))


def _checked(answer: int) -> None:
    if answer:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


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
    for name in os.listdir("/proc/self/fd"):  # not a range up to the limit: without close_range(2) that takes long
        if int(name) >= FIRST + len(high) - 2:
            try:
                os.close(int(name))
            except OSError:
                pass  # the listing's own


def _limit(memory: int) -> None:
    """What an image cannot loosen. A core limit of 1 byte also stops cores that are piped to a program; 0 does not."""
    limits = {
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_NPROC: THREADS,  # threads count; the user is the enclave's alone
        resource.RLIMIT_NOFILE: 4096,
        resource.RLIMIT_MEMLOCK: 8 << 20,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(kind, (most, most))
