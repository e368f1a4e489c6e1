"""An open file of the host: its contents, its place and its state. Enclave world; `hostfiles` opens it.

The enclave keeps the place in each file itself and says it with each read and write, so large ones go in several pieces
at the same time, and small ones, of files that the host's kernel serves from its memory, are waited for on the spot.
What the host says of a file is checked for its form; it may still be a lie.
"""

from __future__ import annotations

import errno
import os
import stat

from gotee.boundary.blocks import BLOCK_BYTES, Gathered
from gotee.boundary.filestat import Stat
from gotee.boundary.ocalls import HEAD, NOWHERE, PIECE_BYTES, Ocall, encode
from gotee.enclave.answers import Counted
from gotee.enclave.arrivals import Arrivals
from gotee.enclave.behind import AT_ONCE, Behind
from gotee.enclave.direct import DirectFile
from gotee.enclave.ocalls import LATER, Ocalls, nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterator
    from typing import Any
else:
    from _collections import deque

_SPLIT = 512 << 10  # bytes of such a piece: one is copied here while the host moves another
_WORTH_A_BLOCK = 32 << 10  # bytes; what is smaller goes with its message
_WORTH_COLLECTING = 8 << 10  # bytes; what is smaller is for a buffer
_MOST_GATHERED = 64 << 20  # bytes of one read for which memory is taken before it is known how much there is


class HostFile(DirectFile):
    """An open file of the host."""

    def __init__(self, ocalls: Ocalls, handle: int, found: Stat, flags: int) -> None:
        super().__init__(ocalls.door, handle, stat.S_ISREG(found.mode) or stat.S_ISBLK(found.mode), flags)
        self._ocalls = ocalls
        self._itself = encode((handle,))
        self.found = found
        self._arrivals: Arrivals | None = None  # of what has no places, as a FIFO
        if not self.seekable:
            self._arrivals = Arrivals(ocalls, Ocall.READ, lambda size: HEAD.pack(handle, NOWHERE, size))

    # -- contents -------------------------------------------------------------------------------------------

    def read_long(self, size: int) -> bytes:
        """`read` of what is not small, or cannot be asked at this moment; so are the others."""
        if self._arrivals is not None:
            self._check(self.readable)
            return self._arrivals.take(min(size, PIECE_BYTES))
        with self.turn:
            self._settle()
            data = self._pread(size, self._place())
            self.at = self._place() + len(data)
        return data

    def read_into(self, buffer: memoryview) -> int:
        """The same into a buffer, which it fills as far as there is something; how many bytes that was."""
        if self._arrivals is not None or len(buffer) < _WORTH_A_BLOCK:
            data = self.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        with self.turn:
            self._settle()
            self._check(self.readable)
            filled = _Filled(buffer)
            try:
                got = self._gather(filled.put, len(buffer), self._place())
            finally:
                filled.end()
            self.at = self._place() + got
        return got

    def write_long(self, data: bytes | memoryview) -> int:
        """See `read_long`."""
        data = memoryview(data)
        with self.turn:
            self._settle()
            if not self.seekable or self.append:
                self.at = None
                return self._write_in_turn(data)
            written = self._pwrite(data, self._place())
            self.at = self._place() + written
        return written

    def pread_long(self, size: int, offset: int) -> bytes:
        """See `read_long`."""
        self.settle()
        return self._pread(size, offset)

    def pwrite_long(self, data: bytes | memoryview, offset: int) -> int:
        """See `read_long`."""
        self.settle()
        return self._pwrite(memoryview(data), offset)

    def write_behind(self, data: memoryview) -> bool:
        """Write all from the file's place on, and do not wait for it; False if this file is not written so.

        For buffers: what goes wrong is raised by the next use of the file, at the latest by `settle`, which also sends
        what is in a block that is not full.
        """
        if not self.seekable or self._ocalls.blocks is None or len(data) < _WORTH_COLLECTING:
            return False
        with self.turn:
            self._check(self.writable)
            if self.behind is None:
                self.behind = Behind(self._ocalls, self._send_block, self.append)
            self.behind.raise_failure()
            place, at = NOWHERE if self.append else self._place(), 0
            self.behind.go_on_from(place)
            while at < len(data):
                if not self.behind.may_fill(place if self.append else place + at, len(data) - at):
                    if len(data) < _WORTH_A_BLOCK:
                        return False
                    if self.behind.waits:
                        self.behind.finish_oldest()
                    elif self.append:
                        at += self._write_in_turn(data[at:])
                    else:  # others have them all
                        at += self._pwrite(data[at:], place + at)
                    continue
                at += self.behind.fill(data[at:])
            self.at = None if self.append else place + len(data)
        return True

    def settle(self) -> None:
        """Wait until everything is written; raises what went wrong."""
        if self.behind is not None and self.behind.unsettled:
            with self.turn:
                self.behind.settle()

    def _settle(self) -> None:
        """The same in one's turn."""
        if self.behind is not None:
            self.behind.settle()

    def _pread(self, size: int, offset: int) -> bytes:
        self._check(self.readable)
        data: bytes = self.read_small(size, offset)
        if data is not LATER:
            return data
        parts = []
        while size > 0:
            asked = min(size, _MOST_GATHERED)
            gathered = Gathered(asked)
            got = self._gather(gathered.put, asked, offset)
            parts.append(gathered.taken(got))
            if got < asked:
                break
            size, offset = size - got, offset + got
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _gather(self, put: Callable[[int, bytes | memoryview], None], size: int, offset: int) -> int:
        """Read into what `put` fills; how many bytes, from its beginning, it has then."""
        if size < _WORTH_A_BLOCK:
            count: int = self._ocalls.finish(self._begin_read(put, 0, offset, size, None))
            return count
        got = 0
        for asked, some in self._in_pieces(
            size, lambda at, some, block: self._begin_read(put, at, offset + at, some, block)
        ):
            got += some
            if some < asked:
                break
        return got

    def _pwrite(self, data: memoryview, offset: int) -> int:
        self._check(self.writable)
        count: int = self.write_small(data, offset)
        if count is not LATER:
            return count
        if len(data) < _WORTH_A_BLOCK:
            short: int = self._ocalls.finish(self._begin_write(data, offset, None))
            return short
        written = 0
        for asked, some in self._in_pieces(
            len(data), lambda at, some, block: self._begin_write(data[at : at + some], offset + at, block)
        ):
            written += some
            if some < asked:
                break
        return written

    def _write_in_turn(self, data: memoryview) -> int:
        """Where the host knows the place, one piece has to be written before the next is sent."""
        self._check(self.writable)
        written = 0
        while written < len(data):
            left = len(data) - written
            block = self._ocalls.take_block() if self.append and left >= _WORTH_A_BLOCK else None
            piece = data[written : written + (PIECE_BYTES if block is None else BLOCK_BYTES)]
            try:
                some: int = self._ocalls.finish(self._begin_write(piece, NOWHERE, block))
            except OSError:
                if not written:
                    raise
                break
            written += some
            if some < len(piece):
                break
        return written

    def _in_pieces(self, size: int, begin: Callable[[int, int, int | None], int]) -> Iterator[tuple[int, Any]]:
        """What was asked and what was answered, piece by piece, while later pieces are on their way.

        An error of the first piece is raised; one of a later piece is the end.
        """
        begun: deque[tuple[int, int]] = deque()
        at, first = 0, True
        try:
            while at < size or begun:
                while at < size and len(begun) < AT_ONCE:
                    block = self._ocalls.take_block() if size - at >= _WORTH_A_BLOCK else None
                    some = min(PIECE_BYTES if block is None else _SPLIT, size - at)
                    begun.append((some, begin(at, some, block)))
                    at += some
                asked, number = begun.popleft()
                try:
                    answer = self._ocalls.finish(number)
                except OSError:
                    if first:
                        raise
                    return
                first = False
                yield asked, answer
        finally:
            for _, number in begun:
                self._ocalls.leave(number)

    def _begin_read(
        self, put: Callable[[int, bytes | memoryview], None], at: int, offset: int, size: int, block: int | None
    ) -> int:
        """Ask for `size` bytes; what comes is put `at` bytes from the beginning, and the answer is how much."""
        if block is None:

            def check(payload: bytes) -> int:
                if len(payload) > size:
                    raise ValueError(f"{len(payload)} bytes where {size} were asked for")
                put(at, payload)
                return len(payload)

            return self._ocalls.begin(Ocall.READ, HEAD.pack(self.handle, offset, size), check, bulk=size)
        assert self._ocalls.blocks is not None
        view = self._ocalls.blocks.view(block)

        counted = Counted(0, size)

        def check_block(payload: bytes) -> int:
            count = counted(payload)
            put(at, view[:count])
            return count

        request = encode((self.handle, offset, size, block))
        return self._ocalls.begin(Ocall.READ_BLOCK, request, check_block, block=block)

    def _begin_write(self, data: memoryview, offset: int, block: int | None) -> int:
        size = len(data)
        self.found = None
        if block is not None:
            assert self._ocalls.blocks is not None
            self._ocalls.blocks.view(block)[:size] = data
            return self._send_block(block, size, offset)
        request = b"".join((HEAD.pack(self.handle, offset, size), data))
        return self._ocalls.begin(Ocall.WRITE, request, Counted(1, size), bulk=size)

    def _send_block(self, block: int, size: int, offset: int) -> int:
        """Have the host write what is in a block."""
        self.found = None
        request = encode((self.handle, offset, size, block))
        return self._ocalls.begin(Ocall.WRITE_BLOCK, request, Counted(1, size), block=block)

    # -- the rest -------------------------------------------------------------------------------------------

    def seek(self, offset: int, whence: int) -> int:
        """lseek(2)."""
        if not self.seekable:
            raise failed(errno.ESPIPE)
        with self.turn:
            if whence == os.SEEK_END:
                self._settle()
            elif self.behind is not None:
                self.behind.raise_failure()
            base = {os.SEEK_SET: lambda: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}.get(whence)
            if base is None or base() + offset < 0:
                raise failed(errno.EINVAL)
            place: int = base() + offset
            self.at = place
            return place

    def _place(self) -> int:
        if self.at is None:
            self._settle()
            self.at = self._size()
        return self.at

    def _size(self) -> int:
        return self._stat().size

    def stat(self) -> Stat:
        """fstat(2)."""
        self.settle()
        return self._stat()

    def _stat(self) -> Stat:
        found, self.found = self.found, None  # what came with the answer of OPEN is good for one look
        return found or self._ocalls.ask(Ocall.HANDLE_STAT, self._itself, Stat.unpacked)

    def truncate(self, size: int) -> None:
        """ftruncate(2)."""
        if size < 0 or not self.writable:
            raise failed(errno.EINVAL)
        self.settle()
        self.found = None
        self._ocalls.ask(Ocall.TRUNCATE, encode((self.handle, size)), nothing)

    def sync(self) -> None:
        """fsync(2)."""
        self.settle()
        self._ocalls.ask(Ocall.SYNC, self._itself, nothing)

    def close(self) -> None:
        """Let go of it. Raises what went wrong with what was written behind; the rest was written before."""
        try:
            self.settle()
        finally:
            self._ocalls.tell(Ocall.CLOSE, self._itself)

    def isatty(self) -> bool:
        """Never: what a terminal is asked for does not cross."""
        return False

    def _check(self, allowed: bool) -> None:
        if not allowed:
            raise failed(errno.EBADF)


class _Filled:
    """A buffer of somebody else's that is filled until `end`."""

    def __init__(self, buffer: memoryview) -> None:
        self._buffer: memoryview | None = buffer

    def put(self, at: int, piece: bytes | memoryview) -> None:
        """A piece that has come; dropped after the end."""
        if self._buffer is not None:
            self._buffer[at : at + len(piece)] = piece

    def end(self) -> None:
        """The buffer is its owner's again."""
        self._buffer = None


def failed(number: int) -> OSError:
    """What has no answer of the host, as errors of files are raised."""
    return OSError(number, os.strerror(number))
