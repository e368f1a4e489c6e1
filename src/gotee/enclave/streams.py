"""Files as `open` gives them, with buffers of our own above files that may park. Enclave world.

`replacing` installs them. Python's own buffers, in C, hold a lock of the thread while they read or write: a routine
that parked there would stop the thread at the next use of the same file. Those of `_pyio`, the standard library's own
in Python, take locks that park. Text is C above them, which is fast, with a lock around each use: two routines that
read one file get whole lines.

A file that nobody closes is closed when it is freed, as everywhere; its last contents are then written at once.
"""

from __future__ import annotations

import _pyio  # type: ignore[import-not-found]  # in Python, and in no type stubs
import errno
import io
import os

from gotee.enclave.locks import RLock
from gotee.runtime.routine import go

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gotee.enclave.system import System


_GROWS = 128 << 10  # bytes: a buffer of at least that much reads more and more at once
_MOST_AHEAD = 1 << 20
_COLLECTED = 8 << 10  # bytes: what is smaller is collected before it is written behind
_system: System | None = None  # set by `replacing`


def use(system: System) -> None:
    """Files of this system can be written behind."""
    global _system
    _system = system


def _close_freed(file: Any) -> None:
    """From `__del__`: close, or have a routine do it if this is no moment for an ocall."""
    try:
        if not file.closed:
            file.close()
    except BlockingIOError:
        go(file.close)
    except Exception:  # noqa: S110 - as in CPython: nobody could handle it here
        pass


class FileIO(_pyio.FileIO):  # type: ignore[misc]
    """io.FileIO, over the enclave's own descriptors."""

    def __del__(self) -> None:
        if self._fd >= 0 and self._closefd:
            _close_freed(self)

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into a buffer; None if a descriptor that does not block has nothing."""
        self._checkClosed()
        self._checkReadable()
        if _system is None:
            raise ValueError("files are not there yet")
        with memoryview(buffer) as view:
            try:
                return _system.read_into(self._fd, view.cast("B") if view.nbytes else view)
            except BlockingIOError:
                return None

    def write_behind(self, data: memoryview) -> bool:
        """Begin to write all of it; False if that cannot be. `settle` ends it."""
        return _system is not None and _system.write_behind(self._fd, data)

    def settle(self) -> None:
        """Wait for what was begun, and raise what went wrong."""
        if _system is not None:
            _system.settle(self._fd)


def _fill(reader: Any, buffer: Any, read1: bool) -> int:
    """`readinto`, and `readinto1`, which reads once. That of `_pyio` fails if the buffer holds more than the rest."""
    written = 0
    with memoryview(buffer) as given, given.cast("B") if given.nbytes else given as view, reader._read_lock:
        while written < len(view):
            some = min(len(reader._read_buf) - reader._read_pos, len(view) - written)
            if some:
                view[written : written + some] = reader._read_buf[reader._read_pos : reader._read_pos + some]
                reader._read_pos += some
                written += some
            elif len(view) - written > reader.buffer_size:
                got = reader.raw.readinto(view[written:])
                if not got:
                    break
                written += got
            elif not reader._peek_unlocked(1):
                break
            if read1 and written:
                break
    return written


class BufferedReader(_pyio.BufferedReader):  # type: ignore[misc]
    """io.BufferedReader."""

    _read_buf: bytes
    _read_pos: int
    _ahead: int  # bytes that are read when the buffer is empty

    def __del__(self) -> None:
        _close_freed(self)

    def _readinto(self, buffer: Any, read1: bool) -> int:
        return _fill(self, buffer, read1)

    def _reset_read_buf(self) -> None:
        super()._reset_read_buf()
        self._ahead = self.buffer_size

    def _read_unlocked(self, n: int | None = None) -> bytes | None:
        """With an empty buffer, read what is asked for past it, or fill it: twice as much each time, up to a limit."""
        left = len(self._read_buf) - self._read_pos
        if n is None or n <= left or left or n < 0:
            found: bytes | None = super()._read_unlocked(n)
            return found
        if n >= self._ahead:
            data: bytes | None = self.raw.read(n)
            if not data or len(data) == n:
                return data
        else:
            data = self.raw.read(self._ahead)
            if data and len(data) == self._ahead >= _GROWS:
                self._ahead = min(2 * self._ahead, _MOST_AHEAD)
        self._read_buf, self._read_pos = data or b"", 0
        if len(self._read_buf) < n:
            rest: bytes | None = super()._read_unlocked(n)
            return rest
        self._read_pos = n
        return self._read_buf[:n]

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line, at most `size` bytes of it."""
        self._checkClosed("readline of closed file")
        limit = -1 if size is None else size
        parts = []
        left = limit
        with self._read_lock:
            while left:
                if self._read_pos >= len(self._read_buf) and not self._peek_unlocked(1):
                    break
                start = self._read_pos
                end = self._read_buf.find(b"\n", start) + 1 or len(self._read_buf)
                if limit >= 0:
                    end = min(end, start + left)
                    left -= end - start
                parts.append(self._read_buf[start:end])
                self._read_pos = end
                if parts[-1].endswith(b"\n"):
                    break
        return b"".join(parts)


class BufferedWriter(_pyio.BufferedWriter):  # type: ignore[misc]
    """io.BufferedWriter. What is larger than the buffer goes past it, and is written while the program goes on."""

    _write_buf: bytearray

    def __del__(self) -> None:
        _close_freed(self)

    def write(self, data: Any, /) -> int:
        """Write all of it, at the latest with the next flush."""
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        with memoryview(data) as given, self._write_lock:
            view = given.cast("B") if given.nbytes else given
            if self.closed:
                raise ValueError("write to closed file")
            if given.nbytes >= _COLLECTED and self._written_behind(view):
                return given.nbytes
            if given.nbytes < self.buffer_size:
                self._collect(view)
                return given.nbytes
            super()._flush_unlocked()
            at = 0
            while at < len(view):
                written = self.raw.write(view[at:])
                if written is None:
                    raise BlockingIOError(errno.EAGAIN, "write could not complete without blocking", at)
                at += written
            return given.nbytes

    def _collect(self, view: memoryview) -> None:
        self._write_buf += view
        if len(self._write_buf) > self.buffer_size and not self._written_behind(memoryview(b"")):
            super()._flush_unlocked()

    def _written_behind(self, view: memoryview) -> bool:
        """Begin to write what was collected, and `view`; False if it, or both, have to be written in another way."""
        if not isinstance(self.raw, FileIO):
            return False
        if self._write_buf:
            if not self.raw.write_behind(memoryview(self._write_buf)):
                return False
            self._write_buf = bytearray()
        return not view or self.raw.write_behind(view)

    def _flush_unlocked(self) -> None:
        super()._flush_unlocked()
        if isinstance(self.raw, FileIO):
            self.raw.settle()


class BufferedRandom(_pyio.BufferedRandom):  # type: ignore[misc]
    """io.BufferedRandom."""

    def __del__(self) -> None:
        _close_freed(self)

    def _readinto(self, buffer: Any, read1: bool) -> int:
        return _fill(self, buffer, read1)


class BufferedRWPair(_pyio.BufferedRWPair):  # type: ignore[misc]
    """io.BufferedRWPair."""

    def __init__(self, reader: Any, writer: Any, buffer_size: int = io.DEFAULT_BUFFER_SIZE) -> None:
        if not reader.readable():
            raise OSError('"reader" argument must be readable.')
        if not writer.writable():
            raise OSError('"writer" argument must be writable.')
        self.reader = BufferedReader(reader, buffer_size)
        self.writer = BufferedWriter(writer, buffer_size)

    def __del__(self) -> None:
        _close_freed(self)


class TextIOWrapper(io.TextIOWrapper):
    """io.TextIOWrapper, one routine at a time."""

    def __init__(self, buffer: Any, *args: Any, **kwargs: Any) -> None:
        self._turn = RLock()
        super().__init__(buffer, *args, **kwargs)

    def __del__(self) -> None:
        _close_freed(self)

    def read(self, size: int | None = -1, /) -> str:
        with self._turn:
            return super().read(size)

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        with self._turn:
            return super().readline(size)

    def __next__(self) -> str:  # type: ignore[override]
        with self._turn:
            return super().__next__()

    def write(self, text: str, /) -> int:
        with self._turn:
            return super().write(text)

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        with self._turn:
            super().writelines(lines)

    def seek(self, cookie: int, whence: int = 0, /) -> int:
        with self._turn:
            return super().seek(cookie, whence)

    def tell(self) -> int:
        with self._turn:
            return super().tell()

    def truncate(self, size: int | None = None, /) -> int:
        with self._turn:
            return super().truncate(size)

    def flush(self) -> None:
        with self._turn:
            super().flush()

    def close(self) -> None:
        with self._turn:
            super().close()

    def detach(self) -> Any:
        with self._turn:
            return super().detach()

    def reconfigure(self, **kwargs: Any) -> None:
        with self._turn:
            super().reconfigure(**kwargs)


CLASSES = (FileIO, BufferedReader, BufferedWriter, BufferedRandom, BufferedRWPair, TextIOWrapper)
for _class in CLASSES:
    _class.__module__ = "_io"  # as the file objects of a program call themselves


def open(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """The builtin `open`."""
    if not isinstance(file, int):
        file = os.fspath(file)
    if not isinstance(mode, str):
        raise TypeError(f"open() argument 'mode' must be str, not {type(mode).__name__}")
    _check_mode(mode, buffering, {"encoding": encoding, "errors": errors, "newline": newline})
    raw = FileIO(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    opened: Any = raw
    try:
        if buffering == 0:
            return raw
        if buffering < 0 or (buffering == 1 and "b" not in mode):
            opened = _buffered(raw, mode, raw._blksize if "r" in mode else 4 * raw._blksize)
        else:
            opened = _buffered(raw, mode, buffering)
        if "b" in mode:
            return opened
        encoding = io.text_encoding(encoding, 3)
        opened = TextIOWrapper(opened, encoding, errors, newline, buffering == 1)
        opened.mode = mode
    except BaseException:
        opened.close()
        raise
    return opened


def _check_mode(mode: str, buffering: int, of_text: dict[str, str | None]) -> None:
    letters = set(mode)
    if letters - set("axrwb+t") or len(mode) > len(letters):
        raise ValueError(f"invalid mode: {mode!r}")
    if "t" in letters and "b" in letters:
        raise ValueError("can't have text and binary mode at once")
    if len(letters & set("axrw")) != 1:
        raise ValueError("must have exactly one of create/read/write/append mode")
    if "b" not in letters:
        if buffering == 0:
            raise ValueError("can't have unbuffered text I/O")
        return
    for name, value in of_text.items():
        if value is not None:
            raise ValueError(f"binary mode doesn't take {'an' if name[0] == 'e' else 'a'} {name} argument")


def _buffered(raw: FileIO, mode: str, size: int) -> Any:
    if "+" in mode:
        return BufferedRandom(raw, size)
    return BufferedReader(raw, size) if "r" in mode else BufferedWriter(raw, size)


def open_code(path: str, /) -> Any:
    """io.open_code."""
    return open(path, "rb")
