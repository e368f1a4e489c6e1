"""One end of a link, for any number of senders and one receiver. Both worlds.

A link has one owner at a time, and senders never wait for it: a frame is queued in order, and whoever has the link, or
gets it, sends what is queued. One thread, the receiver, calls receive, wait and drain.
"""

from __future__ import annotations

import _thread
from collections import deque

from gotee.boundary.frames import LinkClosed
from gotee.boundary.link import FrameLink, Link


class Wire:
    """A link that any thread may send on."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._frames = FrameLink(link)
        self._outgoing: deque[bytes] = deque()
        self._owner = _thread.allocate_lock()
        self.ended = False

    def send(self, frame: bytes) -> None:
        """Send a frame, now or as soon as there is room; frames are delivered in the order of the calls."""
        self._outgoing.append(frame)
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the link what is queued. Who finds the link taken leaves it to its owner, who looks again."""
        while self._outgoing and self._owner.acquire(blocking=False):
            try:
                while self._outgoing:
                    self._frames.send(self._outgoing.popleft())
                stuck = not self._frames.flush()
            except LinkClosed:
                self._outgoing.clear()
                stuck = False
            finally:
                self._owner.release()
            if stuck:
                self._link.wake()  # the receiver is to wait for room as well

    def receive(self) -> bytes | None:
        """The next frame, or None if there is none now; sets `ended` when there never will be one again."""
        with self._owner:
            frame = self._frames.recv()
            if frame is None and self._link.peer_closed:
                self.ended = True
        self._hand_over()
        return frame

    def wait(self, seconds: float | None) -> None:
        """Wait until a frame may have come, room may have come, or `wake`."""
        with self._owner:
            try:
                self._frames.pump()
            except LinkClosed:
                return
        self._hand_over()
        self._link.wait(seconds)

    def wake(self) -> None:
        """End a `wait` early; from any thread."""
        self._link.wake()

    def drain(self) -> None:
        """Wait until everything queued is sent, or the link has ended."""
        self._hand_over()
        try:
            while not self._frames.pump() and not self._link.peer_closed:
                self._link.wait(None)
        except LinkClosed:
            pass

    def close(self) -> None:
        """Close our end."""
        self._link.close()

    def poison(self) -> None:
        """After a fork, in the child: this link is the parent's."""
        self.ended = True
        self._outgoing.clear()
        self._link.poison()
