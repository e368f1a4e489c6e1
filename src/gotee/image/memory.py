"""Anonymous memory with a descriptor, to be sealed and executed. Platform world, and the doctor's."""

from __future__ import annotations

import errno
import os

FORBIDDEN, CURE = "memory that can be executed is forbidden here", "sysctl vm.memfd_noexec=0"
_MFD_EXEC = 0x10  # linux/memfd.h


def executable_memory(name: str) -> int:
    """A new one, empty; also where vm.memfd_noexec asks that one says what it is for. Raises OSError.

    >>> os.close(executable_memory("doctest"))
    """
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | _MFD_EXEC)
    except OSError as error:
        if error.errno == errno.EACCES:
            raise OSError(error.errno, f"{FORBIDDEN}: {CURE}") from None
        if error.errno != errno.EINVAL:
            raise
        return os.memfd_create(name, flags)  # before Linux 6.3
