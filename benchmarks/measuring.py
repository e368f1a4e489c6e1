"""How the benchmarks measure: contestants in turn, several rounds, medians with their spread.

Not pyperf or pytest-benchmark: these run one contestant after the other, each for many seconds, so that on a machine
with other users the ratio of two of them says as much about the minute as about the code. Here every round has a short
turn of every contestant of a line, and a busy moment hits all of them. The figures are the median of the rounds and
the quartiles; ratios are made of medians of the same rounds.
"""

from __future__ import annotations

import gc
import signal
import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter, perf_counter_ns

TURN = 60  # seconds that one turn of a contestant may take: many times what the slowest needs


class TooSlow(Exception):
    """A turn that did not end."""


@dataclass
class Contestant:
    """One way to do the work of a line: `run(n)` does it n times."""

    name: str
    run: Callable[[int], None]
    times: int
    one: Callable[[], None] | None = None  # does it once, for percentiles
    turn: Callable[[], AbstractContextManager[None]] = nullcontext  # around its turns, and not measured


@dataclass(frozen=True)
class Goal:
    """What the median of `over`, divided by that of `under`, must be: at most `goal`, or else at most `least`.

    At least, if not `at_most`. Without `under` the median itself counts.
    """

    over: str
    under: str
    goal: float
    least: float
    at_most: bool = False

    def value(self, figures: dict[str, Figures]) -> float | None:
        """What it is; None if a contestant is missing."""
        if self.over not in figures or (self.under and self.under not in figures):
            return None
        return figures[self.over].median / (figures[self.under].median if self.under else 1.0)

    def verdict(self, value: float | None) -> str:
        """goal, least, missed, or not measured."""
        if value is None:
            return "not measured"
        for limit, word in ((self.goal, "goal"), (self.least, "least")):
            if value <= limit if self.at_most else value >= limit:
                return word
        return "missed"


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
    goals: list[Goal] = field(default_factory=list)
    at: float | None = None  # where this line stands among those of its number, and on which axis
    axis: str = ""
    # Of a line that is many: where on the axis each contestant of a curve stands.
    curves: dict[str, list[tuple[float, str]]] = field(default_factory=dict)


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


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TooSlow in what takes longer."""

    def over(*_: object) -> None:
        raise TooSlow(f"it took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def measure(line: Line, rounds: int, effort: float) -> dict[str, Figures]:
    """Run a line. `effort` scales how often a contestant does its work in a round: 1.0 is the whole benchmark.

    A contestant that fails is out, with a note; the others go on.
    """
    taken: dict[str, list[float]] = {}
    left = list(line.contestants)
    for number in range(-1, rounds):  # the first turn only warms up
        for c in list(left):
            times = max(1, int(c.times * effort) // (5 if number < 0 else 1))
            try:
                took = _turn(c, times)
            except Exception as error:
                left.remove(c)
                line.notes.append(_failed(c.name, error))
                continue
            if number >= 0:
                taken.setdefault(c.name, []).append(took / times * 1e6)
    figures = {name: Figures.of(values) for name, values in taken.items()}
    for c in left:
        if c.one is not None:
            with c.turn():
                figures[c.name].p50, figures[c.name].p99 = percentiles(c.one, max(200, int(c.times * effort)))
    return figures


def _turn(contestant: Contestant, times: int) -> float:
    gc.collect()
    with limited(TURN), contestant.turn():
        start = perf_counter()
        contestant.run(times)
        return perf_counter() - start


def _failed(name: str, error: Exception) -> str:
    return f"{name}: FAILED, {type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0] + "."


def percentiles(one: Callable[[], None], times: int) -> tuple[float, float]:
    """The 50th and 99th percentile of single pieces of work, in microseconds; the clock's own time is in them."""
    each: list[int] = []
    with limited(2 * TURN):
        for _ in range(times):
            start = perf_counter_ns()
            one()
            each.append(perf_counter_ns() - start)
    each.sort()
    return each[len(each) // 2] / 1e3, each[len(each) * 99 // 100] / 1e3
