"""/dev/null, /dev/zero, /dev/random and /dev/urandom: made inside, asked of no host. Enclave world; for `system`.

Every program may use them. Randomness is the kernel's or the processor's, as that of `os.urandom`.
"""

from __future__ import annotations

import errno
import os
import stat

from gotee.boundary.filestat import Stat
from gotee.boundary.policy import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MADE: dict[str, Callable[[int], bytes]] = {
    "null": lambda size: b"",
    "zero": bytes,
    "random": os.urandom,
    "urandom": os.urandom,
}


def holds(place: Place) -> bool:
    """Whether a path is one of these."""
    return place.absolute and len(place.names) == 2 and place.names[0] == "dev" and place.names[1] in MADE


class Device:
    """An open device."""

    def __init__(self, place: Place) -> None:
        self._made = MADE[place.names[1]]

    def read(self, size: int) -> bytes:
        """Nothing, zeros, or chance."""
        return self._made(size)

    def pread(self, size: int, offset: int) -> bytes:
        """The same everywhere."""
        return self._made(size)

    def write(self, data: memoryview) -> int:
        """Take it, and forget it."""
        return len(data)

    def pwrite(self, data: memoryview, offset: int) -> int:
        """Take it, and forget it."""
        return len(data)

    def seek(self, offset: int, whence: int) -> int:
        """There is one place."""
        return 0

    def stat(self) -> Stat:
        """fstat(2)."""
        return described()

    def truncate(self, size: int) -> None:
        """A device has no length."""
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def sync(self) -> None:
        """A device has nothing to keep."""
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def close(self) -> None:
        """Nothing to do."""

    def isatty(self) -> bool:
        """Never."""
        return False


def described() -> Stat:
    """stat(2)."""
    return Stat(stat.S_IFCHR | 0o666, 0, 0, 1, 0, 0, 0, 0, 0, 0)
