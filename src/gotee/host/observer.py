"""`gotee run --stats` and `--trace FILE`: what crosses the boundary, counted and on one time line. Host world.

The host sees every message; what happens inside, by line, an enclave for debugging tells (gotee.boundary.observed).
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic_ns
from typing import Any

import msgspec

from gotee.boundary.frames import LinkError
from gotee.boundary.messages import Kind, Message
from gotee.boundary.observed import ENDS, OUTCOMES, STATS, TRACE, Observed, Row, Span
from gotee.boundary.ocalls import Ocall
from gotee.errors import UsageError

MOST_EVENTS = 1_000_000
_HOST, _ENCLAVE = 1, 2  # process numbers of the trace
_CHANNEL_OUT = {Kind.WANT, Kind.OFFER, Kind.SELECT, Kind.CANCEL, Kind.CLOSE, Kind.LEN, Kind.RELEASE}
_decode = msgspec.msgpack.Decoder(Observed).decode


class Observer:
    """Told of each message by the wire, from any thread."""

    def __init__(self, stats: bool, trace: str | None, entries: Sequence[Sequence[str]]) -> None:
        self.wanted = (STATS if stats else 0) | (TRACE if trace else 0)
        self._stats = stats
        self._trace = Path(trace) if trace else None
        self._names = [f"{entry[0]}.{entry[1]}" for entry in entries]
        self._begun = monotonic_ns()
        self._lock = threading.Lock()
        self._calls: dict[str, list[int]] = {}  # count, bytes in, bytes out, ns waited
        self._running: dict[int, tuple[int, str]] = {}
        self._messages: Counter[tuple[str, str]] = Counter()
        self._bytes: Counter[str] = Counter()
        self._ocalls: dict[str, list[int]] = {}
        self._asked: dict[int, tuple[int, str]] = {}
        self._rows: list[Row] = []
        self._events: list[dict[str, Any]] = []
        self._left_out = 0
        self._finished = False
        self._told = False
        if self._trace is not None:
            self._check(self._trace)

    @staticmethod
    def _check(path: Path) -> None:
        """Better now than when the program has ended."""
        try:
            path.open("w").close()
        except OSError as error:
            raise UsageError(f"the trace cannot be written to {path}: {error.strerror}") from None

    def __call__(self, sent: bool, kind: int, number: int, argument: int, payload: bytes) -> None:
        """A message goes in, or has come out."""
        with self._lock:
            if sent:
                self._on_sent(kind, number, argument, len(payload))
            else:
                self._on_received(kind, number, argument, len(payload))

    def _on_sent(self, kind: int, number: int, argument: int, size: int) -> None:
        now = monotonic_ns()
        if kind == Kind.CALL:
            name = self._names[argument] if argument < len(self._names) else f"entry {argument}"
            row = self._calls.setdefault(name, [0, 0, 0, 0])
            row[0] += 1
            row[1] += size
            self._running[number] = (now, name)
        elif kind == Kind.ANSWER:
            begun = self._asked.pop(number, None)
            if begun is not None:
                row = self._ocalls[begun[1]]
                row[2] += size
                row[3] += now - begun[0]
                self._span(_HOST, "ocall", begun[1], number, begun[0], now)
        elif kind in OUTCOMES:
            self._count("to the enclave", kind, size, now)

    def _on_received(self, kind: int, number: int, argument: int, size: int) -> None:
        now = monotonic_ns()
        if kind in ENDS:
            begun = self._running.pop(number, None)
            if begun is not None:
                row = self._calls[begun[1]]
                row[2] += size
                row[3] += now - begun[0]
                self._span(_HOST, "call", begun[1], number, begun[0], now)
        elif kind == Kind.OCALL:
            name = Ocall(argument).name.lower() if argument in set(Ocall) else "?"
            row = self._ocalls.setdefault(name, [0, 0, 0, 0])
            row[0] += 1
            row[1] += size
            self._asked[number] = (now, name)
        elif kind == Kind.CONSOLE:
            row = self._ocalls.setdefault("print", [0, 0, 0, 0])
            row[0] += 1
            row[1] += size
        elif kind in _CHANNEL_OUT:
            self._count("from the enclave", kind, size, now)

    def _count(self, way: str, kind: int, size: int, now: int) -> None:
        name = Kind(kind).name.lower()
        self._messages[way, name] += 1
        self._bytes[way] += size
        if self._trace is not None:
            self._add(
                {"name": name, "cat": "channel", "ph": "i", "s": "t", "pid": _HOST, "tid": 1, "ts": now / 1000}
                | {"args": {"way": way, "bytes": size}}
            )

    def on_observed(self, message: Message) -> None:
        """OBSERVED: an enclave for debugging tells what it did. Raises LinkError for what it cannot say."""
        try:
            told = _decode(message.payload)
        except (msgspec.DecodeError, ValueError) as error:
            raise LinkError(f"the enclave tells what it does in a form that is none: {error}") from None
        with self._lock:
            self._told = True
            self._rows += told.rows
            self._left_out += told.left_out
            for span in told.spans:
                self._inside(span)

    def _inside(self, span: Span) -> None:
        if not span.routine and span.what.isdigit():
            place = int(span.what)
            name = self._names[place] if place < len(self._names) else f"entry {place}"
            self._span(_ENCLAVE, "call", name, span.number, span.start, span.start + span.length)
            return
        self._add(
            {"name": span.what, "cat": "ocall", "ph": "X", "pid": _ENCLAVE, "tid": span.routine}
            | {"ts": span.start / 1000, "dur": span.length / 1000, "args": {"line": span.line}}
        )

    def _span(self, process: int, category: str, name: str, number: int, start: int, end: int) -> None:
        """Spans that overlap: a begin and an end of one id."""
        if self._trace is None:
            return
        shared = {"name": name, "cat": category, "id": f"{category}-{process}-{number}", "pid": process, "tid": 1}
        self._add({**shared, "ph": "b", "ts": start / 1000})
        self._add({**shared, "ph": "e", "ts": end / 1000})

    def _add(self, event: dict[str, Any]) -> None:
        if self._trace is None:
            return
        if len(self._events) >= MOST_EVENTS:
            self._left_out += 1
        else:
            self._events.append(event)

    # -- the end -----------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """The program ends: print the table, write the trace. Once."""
        with self._lock:
            if self._finished:
                return
            self._finished = True
            if self._stats and sys.stderr is not None:
                sys.stderr.write(self.table())
            if self._trace is not None:
                self._write(self._trace)

    def table(self) -> str:
        """The statistics, for people."""
        seconds = (monotonic_ns() - self._begun) / 1e9
        lines = [f"gotee: what crossed the boundary in {seconds:.2f} s"]
        lines += _rows("secured calls", "waited", self._calls)
        ways = ("to the enclave", "from the enclave")
        if self._messages:
            lines.append("  channel messages")
            for way in ways:
                of_way = ", ".join(f"{n} {kind}" for (w, kind), n in sorted(self._messages.items()) if w == way)
                lines.append(f"    {way:<16} {_size(self._bytes[way]):>10}  {of_way}")
        if self._rows:
            merged = {
                f"{row.what:<12} {row.line}": [row.count, row.sent, row.received, row.parked] for row in self._rows
            }
            lines += _rows("asked from inside, by line", "parked", merged, out_first=True)
        elif self._ocalls:
            lines += _rows("asked from inside", "served in", self._ocalls, out_first=True)
            if not self._told:
                lines.append("    (by kind only: an image for release does not say from which lines)")
        return "\n".join(lines) + "\n"

    def _write(self, path: Path) -> None:
        names = ((_HOST, f"host {os.getpid()}"), (_ENCLAVE, "enclave"))
        head = [
            {"name": "process_name", "ph": "M", "pid": pid, "tid": 0, "ts": 0, "args": {"name": name}}
            for pid, name in names
        ]
        events = _nested(self._events)
        routines = {(event["pid"], event["tid"]) for event in events if event["ph"] == "X"}
        head += [
            {"name": "thread_name", "ph": "M", "pid": pid, "tid": tid, "ts": 0}
            | {"args": {"name": f"routine {tid}" if (pid, tid) in routines else "crossings"}}
            for pid, tid in sorted({(event["pid"], event["tid"]) for event in events})
        ]
        ordered = sorted(events, key=lambda event: float(event["ts"]))
        whole = {"traceEvents": head + ordered, "displayTimeUnit": "ns", "otherData": {"left_out": self._left_out}}
        try:
            with path.open("w") as file:
                json.dump(whole, file)
        except OSError as error:
            if sys.stderr is not None:
                sys.stderr.write(f"gotee: the trace could not be written to {path}: {error.strerror}\n")


def _nested(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Spans of one routine lie within each other, or apart; one that it did not wait for becomes a begin and an end."""
    kept = [event for event in events if event["ph"] != "X"]
    spans = sorted((event for event in events if event["ph"] == "X"), key=lambda event: (event["ts"], -event["dur"]))
    aside: set[int] = set()
    open_spans: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for number, event in enumerate(spans):
        before = open_spans.setdefault((event["pid"], event["tid"]), [])
        start, end = event["ts"], event["ts"] + event["dur"]
        while before and before[-1][0] <= start:
            before.pop()
        while before and before[-1][0] < end:
            aside.add(before.pop()[1])
        before.append((end, number))
    for number, event in enumerate(spans):
        if number not in aside:
            kept.append(event)
            continue
        shared = {name: event[name] for name in ("name", "cat", "pid", "tid")} | {"id": f"aside-{number}"}
        kept.append({**shared, "ph": "b", "ts": event["ts"], "args": event["args"]})
        kept.append({**shared, "ph": "e", "ts": event["ts"] + event["dur"]})
    return kept


def _rows(title: str, waited: str, rows: dict[str, list[int]], out_first: bool = False) -> list[str]:
    if not rows:
        return []
    width = max(28, *(len(name) for name in rows))
    ways = ("out", "in") if out_first else ("in", "out")
    lines = [f"  {title:<{width + 2}} {'count':>8} {ways[0]:>10} {ways[1]:>10} {waited:>11}"]
    for name, (count, first, second, nanoseconds) in sorted(rows.items(), key=lambda row: -row[1][3]):
        lines.append(
            f"    {name:<{width}} {count:>8} {_size(first):>10} {_size(second):>10} {nanoseconds / 1e6:>8.2f} ms"
        )
    return lines


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
