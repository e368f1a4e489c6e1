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
from gotee.boundary.ocalls import HEAD, NOWHERE, PIECE_BYTES, Ocall, encode
from gotee.enclave.arrivals import Arrivals
from gotee.enclave.behind import AT_ONCE, Behind
from gotee.enclave.locks import Lock
from gotee.enclave.ocalls import Ocalls, decoder, nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterator
    from typing import Any

    from gotee.boundary.filestat import Stat
else:
    from _collections import deque

BLOCK = 128 << 10  # bytes that buffers above a file of the host should hold: a crossing costs more than a system call
_SPLIT = 512 << 10  # bytes of such a piece: one is copied here while the host moves another
_WORTH_A_BLOCK = 32 << 10  # bytes; what is smaller goes with its message
_WORTH_COLLECTING = 8 << 10  # bytes; what is smaller is for a buffer
_BRIEF = 64 << 10  # bytes of a read or write that is tried without parking
_MOST_GATHERED = 64 << 20  # bytes of one read for which memory is taken before it is known how much there is


def _stat_form() -> type[Stat]:
    from gotee.boundary.filestat import Stat

    return Stat


stat_of = decoder(_stat_form)
_whole = decoder(lambda: int)


def stat_result(found: Stat) -> os.stat_result:
    """As os.stat returns it."""
    moments = (found.accessed, found.modified, found.changed)
    shown = (found.mode, found.inode, found.device, found.links, found.user, found.group, found.size)
    return os.stat_result(
        (*shown, *(moment // 1_000_000_000 for moment in moments)),
        {
            **{f"st_{letter}time": moment / 1e9 for letter, moment in zip("amc", moments, strict=True)},
            **{f"st_{letter}time_ns": moment for letter, moment in zip("amc", moments, strict=True)},
            "st_blksize": BLOCK,
            "st_blocks": (found.size + 511) // 512,
            "st_rdev": 0,
        },
    )


class HostFile:
    """An open file of the host."""

    def __init__(self, ocalls: Ocalls, handle: int, found: Stat, flags: int) -> None:
        self._ocalls = ocalls
        self._handle = handle
        self._found: Stat | None = found
        self._seekable = stat.S_ISREG(found.mode) or stat.S_ISBLK(found.mode)
        self._append = bool(flags & os.O_APPEND)
        self._readable = flags & os.O_ACCMODE != os.O_WRONLY
        self._writable = flags & os.O_ACCMODE != os.O_RDONLY
        self._at: int | None = 0  # None: the end, after appending
        self._behind = Behind(ocalls, self._send_block, self._append)
        self._arrivals: Arrivals | None = None  # of what has no places, as a FIFO
        if not self._seekable:
            self._arrivals = Arrivals(ocalls, Ocall.READ, lambda size: HEAD.pack(handle, NOWHERE, size))
        self._turn = Lock()  # two routines that read one file get different parts of it

    # -- contents -------------------------------------------------------------------------------------------

    def read(self, size: int) -> bytes:
        """At most `size` bytes from the file's place on."""
        if self._arrivals is not None:
            self._check(self._readable)
            return self._arrivals.take(min(size, PIECE_BYTES))
        with self._turn:
            self._behind.settle()
            data = self._pread(size, self._place())
            self._at = self._place() + len(data)
        return data

    def read_into(self, buffer: memoryview) -> int:
        """The same into a buffer, which it fills as far as there is something; how many bytes that was."""
        if self._arrivals is not None or len(buffer) < _WORTH_A_BLOCK:
            data = self.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        with self._turn:
            self._behind.settle()
            self._check(self._readable)
            filled = _Filled(buffer)
            try:
                got = self._gather(filled.put, len(buffer), self._place())
            finally:
                filled.end()
            self._at = self._place() + got
        return got

    def write(self, data: memoryview) -> int:
        """Write from the file's place on; how much was written, at least one byte."""
        with self._turn:
            self._behind.settle()
            if not self._seekable or self._append:
                self._at = None
                return self._write_in_turn(data)
            written = self._pwrite(data, self._place())
            self._at = self._place() + written
        return written

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset` on."""
        self.settle()
        return self._pread(size, offset)

    def pwrite(self, data: memoryview, offset: int) -> int:
        """Write from `offset` on; how much was written."""
        self.settle()
        return self._pwrite(data, offset)

    def write_behind(self, data: memoryview) -> bool:
        """Write all from the file's place on, and do not wait for it; False if this file is not written so.

        For buffers: what goes wrong is raised by the next use of the file, at the latest by `settle`, which also sends
        what is in a block that is not full.
        """
        if not self._seekable or self._ocalls.blocks is None or len(data) < _WORTH_COLLECTING:
            return False
        with self._turn:
            self._check(self._writable)
            self._behind.raise_failure()
            place, at = NOWHERE if self._append else self._place(), 0
            self._behind.go_on_from(place)
            while at < len(data):
                if not self._behind.may_fill(place if self._append else place + at, len(data) - at):
                    if len(data) < _WORTH_A_BLOCK:
                        return False
                    if self._behind.waits:
                        self._behind.finish_oldest()
                    elif self._append:
                        at += self._write_in_turn(data[at:])
                    else:  # others have them all
                        at += self._pwrite(data[at:], place + at)
                    continue
                at += self._behind.fill(data[at:])
            self._at = None if self._append else place + len(data)
        return True

    def settle(self) -> None:
        """Wait until everything is written; raises what went wrong."""
        if self._behind.unsettled:
            with self._turn:
                self._behind.settle()

    def _pread(self, size: int, offset: int) -> bytes:
        self._check(self._readable)
        if 0 < size <= _BRIEF:
            request = HEAD.pack(self._handle, offset, size)
            data = self._ocalls.briefly(Ocall.READ, request, b"", size, _at_most)
            if data is not None:
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
        self._check(self._writable)
        if 0 < len(data) <= _BRIEF:
            self._found = None
            request = HEAD.pack(self._handle, offset, len(data))
            count = self._ocalls.briefly(Ocall.WRITE, request, data, len(data), _some)
            if count is not None:
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
        self._check(self._writable)
        written = 0
        while written < len(data):
            left = len(data) - written
            block = self._ocalls.take_block() if self._append and left >= _WORTH_A_BLOCK else None
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

            return self._ocalls.begin(Ocall.READ, HEAD.pack(self._handle, offset, size), check, bulk=size)
        assert self._ocalls.blocks is not None
        view = self._ocalls.blocks.view(block)

        def check_block(payload: bytes) -> int:
            count = _count(payload, 0, size)
            put(at, view[:count])
            return count

        request = encode((self._handle, offset, size, block))
        return self._ocalls.begin(Ocall.READ_BLOCK, request, check_block, block=block)

    def _begin_write(self, data: memoryview, offset: int, block: int | None) -> int:
        size = len(data)
        self._found = None
        if block is not None:
            assert self._ocalls.blocks is not None
            self._ocalls.blocks.view(block)[:size] = data
            return self._send_block(block, size, offset)

        def check(payload: bytes) -> int:
            return _count(payload, 1, size)

        request = b"".join((HEAD.pack(self._handle, offset, size), data))
        return self._ocalls.begin(Ocall.WRITE, request, check, bulk=size)

    def _send_block(self, block: int, size: int, offset: int) -> int:
        """Have the host write what is in a block."""
        self._found = None

        def check(payload: bytes) -> int:
            return _count(payload, 1, size)

        request = encode((self._handle, offset, size, block))
        return self._ocalls.begin(Ocall.WRITE_BLOCK, request, check, block=block)

    # -- the rest -------------------------------------------------------------------------------------------

    def seek(self, offset: int, whence: int) -> int:
        """lseek(2)."""
        if not self._seekable:
            raise failed(errno.ESPIPE)
        with self._turn:
            if whence == os.SEEK_END:
                self._behind.settle()
            self._behind.raise_failure()
            base = {os.SEEK_SET: lambda: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}.get(whence)
            if base is None or base() + offset < 0:
                raise failed(errno.EINVAL)
            place: int = base() + offset
            self._at = place
            return place

    def _place(self) -> int:
        if self._at is None:
            self._behind.settle()
            self._at = self._size()
        return self._at

    def _size(self) -> int:
        return self._stat().size

    def stat(self) -> Stat:
        """fstat(2)."""
        self.settle()
        return self._stat()

    def _stat(self) -> Stat:
        found, self._found = self._found, None  # what came with the answer of OPEN is good for one look
        if found is None:
            found = self._ocalls.briefly(Ocall.HANDLE_STAT, encode((self._handle,)), b"", 0, _brief_stat)
        return found or self._ocalls.ask(Ocall.HANDLE_STAT, encode((self._handle,)), stat_of)

    def truncate(self, size: int) -> None:
        """ftruncate(2)."""
        if size < 0 or not self._writable:
            raise failed(errno.EINVAL)
        self.settle()
        self._found = None
        self._ocalls.ask(Ocall.TRUNCATE, encode((self._handle, size)), nothing)

    def sync(self) -> None:
        """fsync(2)."""
        self.settle()
        self._ocalls.ask(Ocall.SYNC, encode((self._handle,)), nothing)

    def close(self) -> None:
        """Let go of it. Raises what went wrong with what was written behind; the rest was written before."""
        try:
            self.settle()
        finally:
            self._ocalls.tell(Ocall.CLOSE, encode((self._handle,)))

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


# -- checks of answers ------------------------------------------------------------------------------------


def _some(payload: bytes, size: int) -> int:
    return _count(payload, 1, size)


def _at_most(payload: bytes, size: int) -> bytes:
    if len(payload) > size:
        raise ValueError(f"{len(payload)} bytes where {size} were asked for")
    return payload


def _brief_stat(payload: bytes, size: int) -> Stat:
    return stat_of(payload)


def _count(payload: bytes, least: int, most: int) -> int:
    count = _whole(payload)
    if not least <= count <= most:
        raise ValueError(f"{count} bytes where {least} to {most} can be")
    return count
