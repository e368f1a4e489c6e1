"""How the benchmarks measure: contestants in turn, several rounds, medians with their spread.

Not pyperf or pytest-benchmark: these run one contestant after the other, each for many seconds, so that on a machine
with other users the ratio of two of them says as much about the minute as about the code. Here every round has a short
turn of every contestant of a line, and a busy moment hits all of them. The figures are the median of the rounds and
the quartiles; ratios are made of medians of the same rounds.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter, perf_counter_ns


@dataclass
class Contestant:
    """One way to do the work of a line: `run(n)` does it n times."""

    name: str
    run: Callable[[int], None]
    times: int
    one: Callable[[], None] | None = None  # does it once, for percentiles


@dataclass
class Line:
    """One kind of work; ratios are to the contestant `base`."""

    number: str
    title: str
    contestants: list[Contestant]
    base: str
    unit: str = "us"
    size: int = 0  # bytes that one piece of work moves
    notes: list[str] = field(default_factory=list)
    goals: dict[str, str] = field(default_factory=dict)


@dataclass
class Figures:
    """What one contestant took for one piece of work, in the unit of its line."""

    median: float
    low: float
    high: float
    p50: float | None = None
    p99: float | None = None

    @classmethod
    def of(cls, taken: list[float]) -> Figures:
        if len(taken) < 4:
            return cls(statistics.median(taken), min(taken), max(taken))
        low, _, high = statistics.quantiles(taken, n=4)
        return cls(statistics.median(taken), low, high)


def measure(line: Line, rounds: int, effort: float) -> dict[str, Figures]:
    """Run a line. `effort` scales how often a contestant does its work in a round: 1.0 is the whole benchmark."""
    taken: dict[str, list[float]] = {c.name: [] for c in line.contestants}
    for c in line.contestants:
        c.run(max(1, int(c.times * effort) // 5))
    for _ in range(rounds):
        for c in line.contestants:
            times = max(1, int(c.times * effort))
            gc.collect()
            start = perf_counter()
            c.run(times)
            taken[c.name].append((perf_counter() - start) / times * 1e6)
    figures = {name: Figures.of(values) for name, values in taken.items()}
    for c in line.contestants:
        if c.one is not None:
            figures[c.name].p50, figures[c.name].p99 = percentiles(c.one, max(200, int(c.times * effort)))
    return figures


def percentiles(one: Callable[[], None], times: int) -> tuple[float, float]:
    """The 50th and 99th percentile of single pieces of work, in microseconds; the clock's own time is in them."""
    each: list[int] = []
    for _ in range(times):
        start = perf_counter_ns()
        one()
        each.append(perf_counter_ns() - start)
    each.sort()
    return each[len(each) // 2] / 1e3, each[len(each) * 99 // 100] / 1e3
