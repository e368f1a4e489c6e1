"""The enclave's table of descriptors: numbers that mean something in here only. Enclave world.

A number of the host never comes in here, and none of these is one of the kernel's, whose numbers are much smaller: so a
wrong number is an error, never somebody else's file.
"""

from __future__ import annotations

import errno
import os

from gotee.errors import Overloaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from gotee.boundary.filestat import Stat
else:
    Protocol = object  # the real one is slow to import, and means nothing at run time

FIRST = 1 << 16
MOST = 1 << 16


class OpenFile(Protocol):
    """What a descriptor stands for. Errors are OSError, as the system calls of the same names raise them."""

    def read(self, size: int) -> bytes: ...
    def write(self, data: memoryview) -> int: ...
    def pread(self, size: int, offset: int) -> bytes: ...
    def pwrite(self, data: memoryview, offset: int) -> int: ...
    def seek(self, offset: int, whence: int) -> int: ...
    def stat(self) -> Stat: ...
    def truncate(self, size: int) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...
    def isatty(self) -> bool: ...


class Descriptors:
    """Numbers of open files; the console's are 0, 1 and 2."""

    def __init__(self) -> None:
        self.files: dict[int, OpenFile] = {}  # for `direct` to look at
        self._users: dict[OpenFile, int] = {}
        self._next = FIRST

    def add(self, file: OpenFile) -> int:
        """A new number."""
        if len(self.files) >= MOST:
            raise Overloaded(f"more than {MOST} descriptors are open inside")
        while self._next in self.files:
            self._next += 1
        number = self._next
        self._next = number + 1 if number + 1 < FIRST + 2 * MOST else FIRST
        self.put(number, file)
        return number

    def put(self, number: int, file: OpenFile) -> None:
        """Give a file a certain number, as dup2 does."""
        if number in self.files:
            self.close(number)
        self.files[number] = file
        self._users[file] = self._users.get(file, 0) + 1

    def get(self, number: int) -> OpenFile:
        """What a number stands for. EBADF if nothing."""
        if not isinstance(number, int):
            raise TypeError(f"an integer is required (got type {type(number).__name__})")
        file = self.files.get(number)
        if file is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return file

    def close(self, number: int) -> None:
        """Give a number back. The file ends with its last number."""
        file = self.get(number)
        del self.files[number]
        self._users[file] -= 1
        if not self._users[file]:
            del self._users[file]
            file.close()

    def close_range(self, low: int, high: int) -> None:
        """Close what is open from `low` up to, not including, `high`."""
        for number in [number for number in self.files if low <= number < high]:
            self.close(number)
