"""What a link is, and the queue that stands before it. Both worlds; the dispatchers above send and receive here.

A Link carries frames in order, waits, wakes and closes: `link_ring.RingLink` through shared memory,
`link_stream.StreamLink` over a socket. A FrameLink adds what a link alone cannot: frames of any size up to the limit,
lanes that share the link piece by piece, a queue for what has no room yet, and the rule that a side which waits for
room also empties its inbound.
"""

# pyright: reportReturnType=false
# Link is a Protocol for type checkers only, and pyright then misses the bodies of its methods.

from __future__ import annotations

import _thread

from gotee.boundary.blocks import Blocks
from gotee.boundary.frames import Buffer, Headed, LinkCorrupt
from gotee.errors import Overloaded, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from typing import Protocol
else:
    from _collections import deque

    Protocol = object  # the real one is slow to import, and means nothing at run time

ThreadLock = _thread.RLock  # the thread's, also where the routines of an enclave get another by that name
MAX_FRAME_BYTES = 512 << 20
LANES = 16
QUEUE_BYTES = 4 << 20
INBOX_BYTES = 1 << 30


class Link(Protocol):
    """Ordered frames between two sides, one thread at a time on each; `wake` and `close` from any thread.

    After `close`, or once the peer broke the format, every operation raises LinkError. After the end of the peer
    sending raises LinkClosed, and receiving goes on until what had arrived is taken.
    """

    @property
    def piece(self) -> int:
        """The largest frame, in bytes, that goes as one piece."""

    @property
    def max_frame(self) -> int: ...

    @property
    def lanes(self) -> int: ...

    @property
    def blocks(self) -> Blocks | None:
        """Shared memory for what is large, if the two sides have any."""

    @property
    def waiting(self) -> bool:
        """Whether a thread is in `wait`; a second one gets UsageError."""

    @property
    def closed(self) -> bool: ...

    @property
    def gone(self) -> bool:
        """Whether the end of the peer has been noticed, by a `wait` or a failed operation. Asks nobody."""

    @property
    def peer_closed(self) -> bool:
        """Whether the peer is gone; asks the system."""

    def try_send(self, frame: Buffer, lane: int = 0) -> bool:
        """Send a frame of at most `piece` bytes. False: there is no room now and nothing was sent."""

    def try_send_part(self, frame: Buffer, offset: int, lane: int) -> int:
        """Send the piece at `offset` of a larger frame; return the next offset, or `offset` if there is no room."""

    def flush(self) -> bool:
        """Pass on the rest of a piece that the link accepted; True if there is none. `wait` does so as well."""

    def try_recv(self) -> bytes | Headed | None:
        """Take the next whole frame, whatever its size, as private bytes; None if none is complete yet."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for inbound bytes, room after a failed send, `wake()` or the end of a side; False after `timeout` s.

        It may return True early. Other threads run meanwhile; what a signal handler raises comes out of here.
        """

    def wake(self) -> None:
        """Make the wait of another thread of this process return, or the next wait if there is none now."""

    def arm(self) -> bool:
        """Prepare for sleeping elsewhere, on `filenos()`; False: there is something to do already."""

    def disarm(self) -> None: ...

    def filenos(self) -> tuple[int, ...]: ...

    def close(self) -> None: ...

    def poison(self) -> None:
        """In the child of a fork: let go of everything; every later use raises LinkError."""


def flat(frame: Buffer) -> Buffer:
    """The same memory, counted in bytes: the len() of a memoryview counts items."""
    return frame.cast("B") if isinstance(frame, memoryview) else frame


class FrameLink:
    """A queue before a link: `send` never blocks and never refuses for want of room.

    Order: frames of one lane arrive in the order in which they were sent, whatever their sizes. Frames of different
    lanes are sent in turn, one piece each, so a large frame delays the other lanes by one piece at a time.

    Room: `queued_bytes` counts what waits here, but for frames sent with `reply=True`. Callers ask `full` before they
    begin an operation, and park. A reply is not refused and not counted: the operations that it answers bound it.
    A reply keeps its place in its lane; an answer that overtook earlier messages would break the protocol of channels.

    Not thread-safe: the owner of the link is the owner of this.
    """

    def __init__(self, link: Link, *, queue_limit: int = QUEUE_BYTES, inbox_limit: int = INBOX_BYTES) -> None:
        self.link = link
        self.queued_bytes = 0
        self._queue_limit = queue_limit
        self._inbox_limit = inbox_limit
        self._inbox: deque[bytes | Headed] = deque()
        self._inbox_bytes = 0
        self._lanes: dict[int, deque[tuple[bytes, bool]]] = {}
        self._turns: deque[int] = deque()  # the lanes with something to send; the first is next
        self._offsets: dict[int, int] = {}  # by lane: how much of its first frame went already
        self._piece = link.piece

    @property
    def full(self) -> bool:
        """Whether new operations should wait before they send."""
        return self.queued_bytes >= self._queue_limit

    @property
    def half_full(self) -> bool:
        """Whether those that wait should go on waiting: not for every piece that is sent."""
        return self.queued_bytes > self._queue_limit // 2

    @property
    def idle(self) -> bool:
        """Whether nothing waits here, in either direction."""
        return not self._turns and not self._inbox

    @property
    def arrived(self) -> bool:
        """Whether a frame waits here that was taken in to make room."""
        return bool(self._inbox)

    def send(self, frame: Buffer, lane: int = 0, *, reply: bool = False) -> None:
        """Send a frame, or queue it. Raises Overloaded above the largest frame, LinkClosed if the peer is gone."""
        frame = flat(frame)
        if not self._turns and len(frame) <= self._piece:
            if self.link.try_send(frame, lane):
                return
        elif not 0 <= lane < self.link.lanes:  # found here, not when it is taken out of the queue
            raise UsageError(f"lane {lane} of {self.link.lanes}")
        elif len(frame) > self.link.max_frame:
            raise Overloaded(f"a frame of {len(frame)} bytes; the limit is {self.link.max_frame}")
        self._queue(bytes(frame), lane, reply)
        if len(frame) > self._piece:
            self.flush()

    def _queue(self, frame: bytes, lane: int, reply: bool) -> None:
        queue = self._lanes.get(lane)
        if queue is None:
            queue = self._lanes[lane] = deque()
        if not queue:
            self._turns.append(lane)
        queue.append((frame, reply))
        if not reply:
            self.queued_bytes += len(frame)

    def go_on(self, frame: bytes, offset: int) -> None:
        """Queue a large frame of lane 0 of which the link has got `offset` bytes. Nothing may be queued."""
        self._queue(frame, 0, False)
        if offset:
            self._offsets[0] = offset

    def flush(self) -> bool:
        """Send what there is room for; True if nothing is queued any more, here or in the link."""
        turns = self._turns
        while turns:
            lane = turns[0]
            queue = self._lanes[lane]
            frame, reply = queue[0]
            size = len(frame)
            if size <= self._piece:
                if not self.link.try_send(frame, lane):
                    return False
            else:
                before = self._offsets.get(lane, 0)
                offset = self.link.try_send_part(frame, before, lane)
                if offset == before:
                    return False
                if offset < size:
                    self._offsets[lane] = offset
                    turns.rotate(-1)
                    continue
                del self._offsets[lane]
            queue.popleft()
            if not reply:
                self.queued_bytes -= size
            if queue:
                turns.rotate(-1)
            else:
                turns.popleft()
        return self.link.flush()

    def recv(self) -> bytes | Headed | None:
        """The next frame, or None. Call `pump` or `wait` now and then, or what is queued here stays."""
        if self._inbox:
            frame = self._inbox.popleft()
            self._inbox_bytes -= len(frame)
            return frame
        return self.link.try_recv()

    def pump(self) -> bool:
        """Flush; while something has no room, empty the inbound into private memory. True if nothing is queued.

        Without the second, two sides that send at the same time would each wait for the other to receive.
        Raises LinkCorrupt if a peer goes on sending much more than anybody has use for, and takes nothing.
        """
        while not self.flush():
            if not self.take_in():
                return False
        return True

    def take_in(self) -> bool:
        """Take one frame into private memory; False if none has arrived."""
        frame = self.link.try_recv()
        if frame is None:
            return False
        self._inbox.append(frame)
        self._inbox_bytes += len(frame)
        if self._inbox_bytes > self._inbox_limit:
            raise LinkCorrupt(f"the peer sent {self._inbox_bytes} bytes and takes none")
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """Pump, then wait as the link does, unless a frame is at hand or the queue became shorter.

        False after `timeout` seconds in which nothing happened.
        """
        turns, queued = len(self._turns), self.queued_bytes
        self.pump()
        if self._inbox or self.queued_bytes < queued or len(self._turns) < turns:
            return True
        return self.link.wait(timeout)
