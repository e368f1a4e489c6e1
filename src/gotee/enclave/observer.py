"""Counts and times what leaves and enters an enclave for debugging, by line of the program. Enclave world.

The server makes one when the host asks, and only in an image for debugging: lines and times are nobody's business in
one for release.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic_ns
from typing import Any

import msgspec

from gotee.boundary.messages import Kind
from gotee.boundary.observed import BATCH, ENDS, OUTCOMES, TRACE, Observed, Row, Span
from gotee.boundary.ocalls import Ocall
from gotee.runtime.scheduler import scheduler_of_this_thread

_PROGRAM = "/program/"
_MOST_ROWS = 10_000
_OPERATIONS = {Kind.WANT: "recv", Kind.OFFER: "send", Kind.SELECT: "select", Kind.CLOSE: "close", Kind.LEN: "len"}
_OCALLS = {int(each): each.name.lower() for each in Ocall}


class Observer:
    """Told of each message by the wire; tells the host by `post`."""

    def __init__(self, post: Callable[..., Any], wanted: int) -> None:
        self._post = post
        self._trace = bool(wanted & TRACE)
        self._rows: dict[tuple[str, str], list[int]] = {}
        self._spans: list[Span] = []
        self._calls: dict[int, tuple[int, int]] = {}
        self._open: dict[tuple[str, int], tuple[int, str, str, int]] = {}
        self._busy = False

    def __call__(self, sent: bool, kind: int, number: int, argument: int, payload: bytes) -> None:
        """A message goes, or has come."""
        if self._busy:  # our own
            return
        if sent:
            self._on_sent(kind, number, argument, len(payload))
        else:
            self._on_received(kind, number, argument, len(payload))
        if len(self._spans) >= BATCH:
            self.tell()

    def _on_sent(self, kind: int, number: int, argument: int, size: int) -> None:
        if kind == Kind.OCALL:
            self._begin("ocall", number, _OCALLS.get(argument, "?"), size)
        elif kind == Kind.CONSOLE:
            self._count("print", line_of_program(), size, 0, 0)
        elif kind in _OPERATIONS:
            self._begin("channel", number, _OPERATIONS[Kind(kind)], size)
        elif kind in ENDS:
            begun = self._calls.pop(number, None)
            if begun is not None and self._trace:
                self._spans.append(Span(str(begun[1]), "", 0, number, begun[0], monotonic_ns() - begun[0]))

    def _on_received(self, kind: int, number: int, argument: int, size: int) -> None:
        if kind == Kind.CALL:
            self._calls[number] = (monotonic_ns(), argument)
        elif kind == Kind.ANSWER:
            self._end("ocall", number, size)
        elif kind in OUTCOMES:
            self._end("channel", number, size)

    def _begin(self, group: str, number: int, what: str, size: int) -> None:
        line = line_of_program()
        self._open[group, number] = (monotonic_ns(), what, line, _routine())
        self._count(what, line, size, 0, 0)

    def _end(self, group: str, number: int, size: int) -> None:
        begun = self._open.pop((group, number), None)
        if begun is None:
            return
        start, what, line, routine = begun
        length = monotonic_ns() - start
        row = self._rows.get((what, line))
        if row is not None:
            row[2] += size
            row[3] += length
        if self._trace:
            self._spans.append(Span(what, line, routine, number, start, length))

    def _count(self, what: str, line: str, sent: int, received: int, parked: int) -> None:
        row = self._rows.get((what, line))
        if row is None:
            if len(self._rows) >= _MOST_ROWS:
                line = "(other lines)"
            row = self._rows.setdefault((what, line), [0, 0, 0, 0])
        row[0] += 1
        row[1] += sent
        row[2] += received
        row[3] += parked

    def tell(self, last: bool = False) -> None:
        """Send what was seen; the rows with the last message only."""
        rows = [Row(what, line, *row) for (what, line), row in self._rows.items()] if last else []
        spans, self._spans = self._spans, []
        self._busy = True
        try:
            while spans or rows:
                self._post(Kind.OBSERVED, 0, 0, msgspec.msgpack.encode(Observed(rows, spans[:BATCH], 0)))
                rows, spans = [], spans[BATCH:]
        finally:
            self._busy = False


def line_of_program() -> str:
    """The innermost line of the program that the caller stands in; of a package if there is none."""
    frame: Any = sys._getframe(1)
    other = ""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_PROGRAM):
            return f"{file[len(_PROGRAM) :]}:{frame.f_lineno}"
        if not other and file.startswith("/packages/"):
            other = f"{file[1:]}:{frame.f_lineno}"
        frame = frame.f_back
    return other


def _routine() -> int:
    return int(getattr(scheduler_of_this_thread().current, "number", 0) or 0)
