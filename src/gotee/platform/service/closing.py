"""Sockets of hosts that the daemon has refused, and who closes them. Platform world; `daemon`.

What a host has sent and nobody has read ends with the last descriptor of the socket, and may take any time to end: a
TCP socket that lingers for a day, a file whose blocks are many. A process that is ending does not linger, and keeps
nobody waiting. So the daemon never is the last to close a socket of a host: children that end are.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from typing import NoReturn

from gotee.platform.service import wire

MOST = 64  # sockets for one child
_SECONDS = 0.1  # until sockets are closed, if no more come
_AGAIN = 0.1  # seconds until a child that could not be forked is tried again


class Closing:
    """The refused sockets. `poll` tells of children that have ended: give what it tells to `turn`."""

    def __init__(self, poll: select.poll, leave: Callable[[], object]) -> None:
        """`leave` closes, in a child, what the daemon has for others."""
        self._poll = poll
        self._leave = leave
        self._refused: list[socket.socket] = []
        self._at = 0.0
        self._children: dict[int, int] = {}  # by pidfd

    @property
    def full(self) -> bool:
        """Whether nobody else can be refused now."""
        return len(self._refused) >= 2 * MOST

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a session must close: hosts wait for their end."""
        return (*(peer.fileno() for peer in self._refused), *self._children)

    def add(self, peer: socket.socket) -> None:
        """A socket that its host is done with, or has to be."""
        if not self._refused:
            self._at = time.monotonic() + _SECONDS
        self._refused.append(peer)

    def seconds(self) -> float | None:
        """Close what is to be closed by now; how long to wait for more at most, None if there is nothing."""
        if not self._refused:
            return None
        left = self._at - time.monotonic()
        if left <= 0 or len(self._refused) >= MOST:
            left = _SECONDS if self._close() else _AGAIN
        return left if self._refused else None

    def turn(self, descriptor: int) -> bool:
        """Whether it was a child's that has ended; it is collected."""
        process = self._children.pop(descriptor, 0)
        if process:
            self._poll.unregister(descriptor)
            os.close(descriptor)
            os.waitpid(process, 0)
        return bool(process)

    def _close(self) -> bool:
        """False if no child can be forked."""
        held = go = -1
        try:
            held, go = os.pipe()
            process = os.fork()
        except OSError:
            wire.close(end for end in (held, go) if end >= 0)
            self._at = time.monotonic() + _AGAIN
            return False
        if not process:
            os.close(go)
            self._end(held)
        os.close(held)
        for peer in self._refused:
            peer.close()
        self._refused.clear()
        os.close(go)  # not before: the child has the last descriptors now
        descriptor = os.pidfd_open(process)  # there is room: others were closed right before
        self._children[descriptor] = process
        self._poll.register(descriptor, select.POLLIN)
        return True

    def _end(self, held: int) -> NoReturn:
        """In the child: wait until the daemon has closed its descriptors, and end with the last ones."""
        try:
            self._leave()
            os.read(held, 1)
        finally:
            os._exit(0)
