"""Standard input inside, line by line, and the console's three descriptors. Enclave world; `outside` installs them.

Whatever comes from there is the host's: it may be anything.
"""

from __future__ import annotations

import errno
import io
import os
import stat

from gotee.boundary.filestat import Stat
from gotee.boundary.ocalls import MOST_LINE, Ocall, encode
from gotee.boundary.policy import Policy
from gotee.enclave.arrivals import Arrivals
from gotee.enclave.ocalls import Ocalls
from gotee.enclave.streams import BufferedReader, TextIOWrapper
from gotee.errors import NotInside, OcallRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class Lines:
    """Lines of standard input for all who read them, if the policy allows that."""

    def __init__(self, ocalls: Ocalls, policy: Policy) -> None:
        self._arrivals = Arrivals(ocalls, Ocall.INPUT, lambda size: encode((size,)))
        self._policy = policy

    def read(self, size: int) -> bytes:
        """A line, or its first `size` bytes; nothing at the end."""
        if not self._policy.console:
            raise OcallRefused("reading standard input is not allowed", "console = true")
        return self._arrivals.take(min(size, MOST_LINE)) if size > 0 else b""


class _Keyboard(io.RawIOBase):
    """The raw file below sys.stdin."""

    name = "<stdin>"
    mode = "rb"

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._lines.read(len(view))
        view[: len(data)] = data
        return len(data)


def standard_input(lines: Lines) -> TextIOWrapper:
    """What sys.stdin is inside. It takes one line at a time: nothing that the program outside might read."""
    text = TextIOWrapper(BufferedReader(_Keyboard(lines), MOST_LINE), "utf-8", "surrogateescape")
    text.mode = "r"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    return text


class ConsoleFile:
    """What the descriptors 0, 1 and 2 stand for. `stream` is where writing goes; None for standard input."""

    def __init__(self, lines: Lines, stream: Any) -> None:
        self._lines = lines
        self._stream = stream

    def read(self, size: int) -> bytes:
        """A line of standard input, or its first `size` bytes."""
        if self._stream is not None:
            _fail(errno.EBADF)
        return self._lines.read(size)

    def write(self, data: memoryview) -> int:
        """Print."""
        if self._stream is None:
            _fail(errno.EBADF)
        self._stream.write(bytes(data).decode("utf-8", "backslashreplace"))
        self._stream.flush()
        return len(data)

    def pread(self, size: int, offset: int) -> bytes:
        """A console has no places."""
        _fail(errno.ESPIPE)

    def pwrite(self, data: memoryview, offset: int) -> int:
        """A console has no places."""
        _fail(errno.ESPIPE)

    def seek(self, offset: int, whence: int) -> int:
        """A console has no places."""
        _fail(errno.ESPIPE)

    def stat(self) -> Stat:
        """fstat(2): a pipe."""
        return Stat(stat.S_IFIFO | 0o600, 0, 0, 1, 0, 0, 0, 0, 0, 0)

    def truncate(self, size: int) -> None:
        """A console has no length."""
        _fail(errno.EINVAL)

    def sync(self) -> None:
        """A console has nothing to keep."""
        _fail(errno.EINVAL)

    def close(self) -> None:
        """It stays: the program's own streams use it."""

    def isatty(self) -> bool:
        """What a terminal can do does not cross."""
        return False

    def check_watched(self, reading: bool) -> None:
        """Raise NotInside if nobody can say beforehand whether it is ready."""
        if reading and self._stream is None:
            raise NotInside("standard input cannot be watched inside: read it in a thread or routine of its own")


def _fail(number: int) -> NoReturn:
    raise OSError(number, os.strerror(number))
