"""Standard input for trusted code: line by line, one reader for all who wait. Host world; the ocall service's.

It reads through `sys.stdin`, as the program's own code does, so that both take lines from one place. Each answer is one
line, or a part of a long one: nothing is read ahead that somebody else might want.
"""

from __future__ import annotations

import sys
import threading
from collections import deque

from gotee.boundary.ocalls import MOST_LINE, Ocall
from gotee.host.ocalls import Request, Served, abandoned
from gotee.host.pool import service_thread

_kept: set[int] = set()


class Input:
    """Those who wait for a line of standard input, in order."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Request, int]] = deque()
        self._changed = threading.Condition()
        self._reading = False
        self._left = b""  # what was read for somebody who did not wait any more

    def served(self) -> dict[Ocall, Served]:
        """What the service asks for."""
        return {Ocall.INPUT: Served(self._input, tuple[int])}

    def _input(self, request: Request, most: int) -> None:
        with self._changed:
            request.when_abandoned = lambda: abandoned(request)
            self._waiting.append((request, min(max(most, 1), MOST_LINE)))
            if not self._reading:
                self._reading = True
                service_thread(self._read, "gotee-stdin")

    def close(self) -> None:
        """Nobody waits any more. The thread may hang in a read; it is a daemon."""
        with self._changed:
            self._waiting.clear()

    def _read(self) -> None:
        while True:
            with self._changed:
                while self._waiting and not self._waiting[0][0].open:
                    self._waiting.popleft()
                if not self._waiting:
                    self._reading = False
                    return
                request, most = self._waiting[0]
            line = self._left or _line()
            self._left = b""
            part, rest = line[:most], line[most:]
            with self._changed:
                if self._waiting and self._waiting[0][0] is request:
                    self._waiting.popleft()
                self._left = rest if request.answer(part) else line


def _line() -> bytes:
    """A line of standard input; nothing at its end."""
    stream = sys.stdin
    if stream is None:
        return b""
    if id(stream) not in _kept:
        # A thread that hangs in a read holds the stream's lock, which the interpreter's end wants when it closes the
        # stream, and then aborts. So the stream is never closed.
        import ctypes

        _kept.add(id(stream))
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(stream))
    try:
        return stream.readline().encode("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return b""
