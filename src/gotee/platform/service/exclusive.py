"""No two services of a machine have a user number in common. Platform world; `main`, and gotee.host.install.

A service kills whatever runs under the numbers of its enclaves, when it starts and when one of them has ended: what
another service runs under one of them, were it its daemon, would end without a word. And enclaves of two services with
one number could read each other. One file of the machine is locked, a byte for each number; nothing is written to it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from gotee.errors import UsageError
from gotee.platform.service.settings import Settings, require_safe

FILE = "/run/gotee/users"  # the same for every service, wherever its socket is; systemd makes the folder, too
_FLOCK = struct.Struct("hhqqi0q")  # struct flock of fcntl(2): type, from where, start, length, process


def take_users(settings: Settings, file: str = FILE) -> int:
    """The locked descriptor, to be kept open as long as anything is killed by its user. Raises UsageError.

    The lock is that of the descriptor and its copies: it ends with the last process that has one.
    """
    first, last = settings.enclave_uids
    user = settings.uid()
    os.makedirs(os.path.dirname(file), 0o755, exist_ok=True)
    require_safe(os.path.dirname(file))
    while True:
        descriptor = _opened(file)
        taken = _lock(descriptor, first, last) and _lock(descriptor, user, user)
        if taken and _is_at(descriptor, file):
            return descriptor
        os.close(descriptor)
        if not taken:
            raise UsageError(
                f"another service of this machine has the user number {user}, or some of {first} to {last}: each would "
                f"kill what the other runs; give this one its own `user` and `enclave_uids`, or end the other"
            )


def remove_unused(file: str = FILE) -> bool:
    """Remove the file unless a service holds some of it; whether that was done."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        unused = _lock(descriptor, 0, -1) and _is_at(descriptor, file)
        if unused:
            os.unlink(file)
        return unused
    finally:
        os.close(descriptor)


def _opened(file: str) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _is_at(descriptor: int, file: str) -> bool:
    """Whether it still is the file of that name: it may have been removed between opening and locking."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(file))
    except FileNotFoundError:
        return False


def _lock(descriptor: int, first: int, last: int) -> bool:
    """Lock the bytes `first` to `last` (-1: to the end); False if somebody else has one of them."""
    request = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, first, last + 1 - first if last >= 0 else 0, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True
