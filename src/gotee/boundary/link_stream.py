"""The link over a byte stream, today a connected Unix socket. Both worlds, where no memory can be shared.

The same pieces as in the ring (`frames`), one after the other without padding. The bytes are private as soon as they
are received, so only their format is checked.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import time

# By name: inside, `os` loses what leads out of the enclave, and the link is what leads there.
from os import EFD_CLOEXEC, EFD_NONBLOCK, close, eventfd, eventfd_read, eventfd_write

from gotee.boundary.frames import (
    HEADER_BYTES,
    KIND_FIRST,
    KIND_MORE,
    KIND_WHOLE,
    Assembler,
    Buffer,
    LinkClosed,
    LinkCorrupt,
    LinkError,
    header,
)
from gotee.boundary.link import LANES, MAX_FRAME_BYTES, ThreadLock, flat
from gotee.errors import Overloaded, UsageError

PIECE_BYTES = 64 << 10
BACKSTOP_SECONDS = 0.1


class StreamLink:
    """A Link over a connected stream socket, which it owns; see `link.Link` for the contract.

    >>> left, right = (StreamLink(end) for end in socket.socketpair())
    >>> left.try_send(b"hello"), right.try_recv(), right.try_recv()
    (True, b'hello', None)
    >>> left.close(), right.wait(), right.peer_closed, right.close()
    (None, True, True, None)
    """

    piece = PIECE_BYTES

    blocks = None  # nothing is shared

    def __init__(self, sock: socket.socket, *, max_frame: int = MAX_FRAME_BYTES, lanes: int = LANES) -> None:
        self._assembler = Assembler(PIECE_BYTES, max_frame, lanes)
        sock.setblocking(False)
        self._socket = sock
        self._bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        self._inbound = bytearray(4 * (HEADER_BYTES + PIECE_BYTES))
        self._start = self._stop = 0  # what of it is still to be used
        self._poller = select.epoll()  # one descriptor for others to poll, whatever is waited for
        self._events = select.EPOLLIN | select.EPOLLRDHUP
        self._poller.register(self._bell, select.EPOLLIN)
        self._poller.register(sock, self._events)
        self._rest = b""  # the part of an accepted piece for which the socket had no room
        self._failed = False  # a send failed since the last wait
        self._more = False  # a further piece may be whole in the buffer
        self._gone = False
        self.waiting = False  # a thread is in `wait`
        # For wake, close and the end of a wait, which may meet: a descriptor must not be used once it is closed. Not
        # threading's, which parks routines; reentrant, because a signal handler may close the link within wake.
        self._guard = ThreadLock()
        self._trouble: LinkError | None = None

    # ---- sending

    def try_send(self, frame: Buffer, lane: int = 0) -> bool:
        """Send a frame of at most `piece` bytes. False: there is no room now and nothing was sent."""
        frame = flat(frame)
        self._check(frame, 0, lane, whole=True)
        return self._put(header(KIND_WHOLE, lane, len(frame)), frame)

    def try_send_part(self, frame: Buffer, offset: int, lane: int) -> int:
        """Send the piece of a larger frame at `offset`; return the next offset, or `offset` if there is no room."""
        frame = flat(frame)
        self._check(frame, offset, lane, whole=False)
        size = min(PIECE_BYTES, len(frame) - offset)
        first = header(KIND_FIRST, lane, len(frame)) if offset == 0 else header(KIND_MORE, lane, size)
        sent = self._put(first, memoryview(frame)[offset : offset + size])
        return offset + size if sent else offset

    def _check(self, frame: Buffer, offset: int, lane: int, *, whole: bool) -> None:
        self._usable()
        if self._gone:
            raise LinkClosed("the peer is gone")
        if not 0 <= lane < self._assembler.lanes:
            raise UsageError(f"lane {lane} of {self._assembler.lanes}")
        if len(frame) > self._assembler.max_frame:
            raise Overloaded(f"a frame of {len(frame)} bytes; the limit is {self._assembler.max_frame}")
        if whole != (len(frame) <= PIECE_BYTES) or not 0 <= offset <= len(frame):
            raise UsageError(f"a frame of {len(frame)} bytes at offset {offset}, with pieces of {PIECE_BYTES} bytes")

    def _put(self, first: bytes, body: Buffer) -> bool:
        if not self._push_rest():
            self._failed = True
            return False
        sent = self._transmit([first, body])
        if sent == 0:
            self._failed = True
            return False
        if sent < len(first) + len(body):
            self._rest = (first + body)[sent:]  # a piece at most; once a part is sent, all of it must be
        return True

    def flush(self) -> bool:
        """Pass on the rest of a piece that the socket took in part; True if there is none."""
        self._usable()
        return self._push_rest_or_notice()

    def _push_rest(self) -> bool:
        if self._rest:
            self._rest = self._rest[self._transmit([self._rest]) :]
        return not self._rest

    def _transmit(self, parts: list[Buffer]) -> int:
        """Bytes taken by the socket, 0 if it has no room. Not by sendmsg: inside it is refused."""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return 0
        except OSError:
            self._gone = True
            self._rest = b""
            raise LinkClosed("the peer is gone") from None

    # ---- receiving

    def try_recv(self) -> bytes | None:
        """Take the next whole frame, or None if none is complete yet. Raises LinkCorrupt at a broken format."""
        self._usable()
        if self._rest and not self._gone:
            self._push_rest_or_notice()
        while True:
            frame = self._assemble()
            if frame is not None or not self._fill():
                return frame

    def _push_rest_or_notice(self) -> bool:
        """For operations that are not about sending: the end of the peer is noted, not raised."""
        try:
            return self._push_rest()
        except LinkClosed:
            return True

    def _assemble(self) -> bytes | None:
        """Use the pieces in the buffer up to the end of a frame."""
        while True:
            try:
                used, frame = self._assembler.take(self._inbound, self._start, self._stop)
            except LinkCorrupt as error:
                self._trouble = error
                raise
            self._start += used
            self._more = used > 0 and self._start < self._stop
            if frame is not None or not used:
                return frame

    def _fill(self) -> bool:
        """Receive more bytes behind the unused ones, which are less than a piece."""
        unused = self._stop - self._start
        if self._start:
            self._inbound[:unused] = self._inbound[self._start : self._stop]
            self._start, self._stop = 0, unused
        try:
            count = self._socket.recv_into(memoryview(self._inbound)[unused:], 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            count = 0
        self._stop += count
        self._gone = self._gone or not count
        return count > 0

    # ---- waiting

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for inbound bytes, for room after a failed send, for `wake()`, or for the end of either side.

        `timeout` in seconds; False when it is over. It may return True early.
        """
        self._usable()
        if self.waiting:
            raise UsageError("another thread waits on this link")
        if self._gone or self._more:
            return True
        self.waiting = True
        try:
            return self._sleep(timeout)
        finally:
            self._failed = False
            with self._guard:
                self.waiting = False
                if self.closed:
                    self._release()

    def _sleep(self, timeout: float | None) -> bool:
        self._choose_events()
        try:
            ready = self._poll(timeout)
        except (OSError, ValueError):
            self._usable()  # a signal handler closed or poisoned the link
            raise
        for descriptor, events in ready:
            if descriptor == self._bell:
                self._mute()
            elif events & select.EPOLLOUT:
                self._push_rest_or_notice()
        return bool(ready)

    def _poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Poll in slices: a signal that comes just before the system call does not interrupt it."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = max(end - time.monotonic(), 0)
            ready = self._poller.poll(min(left, BACKSTOP_SECONDS))
            if ready or left <= BACKSTOP_SECONDS:
                return ready

    def _choose_events(self) -> None:
        """Be told of room only while something needs it."""
        events = select.EPOLLIN | select.EPOLLRDHUP
        if self._failed or self._rest:
            events |= select.EPOLLOUT
        if events != self._events:
            self._poller.modify(self._socket, events)
            self._events = events

    def _mute(self) -> None:
        with contextlib.suppress(BlockingIOError):
            eventfd_read(self._bell)

    def wake(self) -> None:
        """Make the wait of another thread of this process return, or the next wait if there is none now."""
        with self._guard:
            if not self.closed:
                eventfd_write(self._bell, 1)

    # ---- polling by others

    def arm(self) -> bool:
        """Prepare for sleeping elsewhere, on `filenos()`. False: there is something to do already."""
        self._usable()
        if not self._gone:
            self._push_rest_or_notice()
        self._choose_events()
        return not self._gone and not self._more

    def disarm(self) -> None:
        """After sleeping elsewhere."""
        self._usable()
        self._mute()
        self._failed = False

    def filenos(self) -> tuple[int, ...]:
        """The descriptors to poll for reading while armed."""
        self._usable()
        return (self._poller.fileno(),)

    # ---- the end

    @property
    def max_frame(self) -> int:
        return self._assembler.max_frame

    @property
    def lanes(self) -> int:
        return self._assembler.lanes

    @property
    def closed(self) -> bool:
        """Whether this side is of no more use: closed, poisoned or corrupt."""
        return self._trouble is not None

    @property
    def gone(self) -> bool:
        """Whether the end of the peer has been noticed; asks nobody."""
        return self._gone

    @property
    def peer_closed(self) -> bool:
        """Whether the peer closed its side or died. What it sent before can still be received."""
        if not self._gone and not self.closed:
            poller = select.poll()
            poller.register(self._socket, select.POLLRDHUP)
            self._gone = bool(poller.poll(0))
        return self._gone

    def close(self) -> None:
        """End the link; a wait in progress returns. From any thread.

        The peer still receives what the socket has taken. The end of a piece for which the socket has no room is
        lost: a side whose last frame matters waits for the answer to it, as it must on any link.
        """
        with self._guard:
            if not (self._trouble is None or isinstance(self._trouble, LinkCorrupt)):
                return
            if self._rest and not self._gone:
                self._push_rest_or_notice()
            self._trouble = LinkClosed("the link is closed")
            eventfd_write(self._bell, 1)
            with contextlib.suppress(OSError):  # the peer was faster
                self._socket.shutdown(socket.SHUT_RDWR)
            if not self.waiting:
                self._release()

    def poison(self) -> None:
        """In the child of a fork: let go of the descriptors; every later use raises LinkError."""
        self._guard = ThreadLock()  # another thread of the parent may hold the old one
        if not self._poller.closed:
            self._trouble = LinkError("the link belongs to the parent process")
            self._release()

    def _release(self) -> None:
        if self._poller.closed:
            return
        self._poller.close()
        self._socket.close()
        close(self._bell)
        self._inbound = bytearray()

    def _usable(self) -> None:
        if self._trouble is not None:
            raise self._trouble.with_traceback(None)
