"""Go in one world: every quiescent outcome that a program of channel operations may have. This is the oracle.

Test world only. It shares no code with the model of the protocol but the notation of programs and the search.

An operation is one atomic step: take any ready case, else the default, else park. A timeout may fire at any moment
while parked; a cancel also before the operation begins. With `loss`, the trusted routines may vanish at any moment.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from .program import Op, Program, crossed
from .search import Picker, replays, visit

Chan = tuple[tuple[int, ...], bool]  # buffer, closed


class Outcome(NamedTuple):
    """What can be seen when nothing moves any more."""

    results: tuple[tuple[str, ...], ...]  # one a routine; the last is "blocked" where it is
    chans: tuple[tuple[str, Chan], ...]
    lost: bool = False


class State(NamedTuple):
    chans: tuple[Chan, ...]
    done: tuple[tuple[str, ...], ...]  # results so far; its length is the program counter
    parked: tuple[int, ...]  # routines, in the order they parked
    lost: bool = False


class _Step:
    """One step on a private copy of a state."""

    def __init__(self, p: Program, state: State) -> None:
        self.p, self.lost = p, state.lost
        self.caps = dict(p.caps)
        self.buf = {ch: list(c[0]) for (ch, _), c in zip(p.caps, state.chans, strict=True)}
        self.closed = {ch for (ch, _), c in zip(p.caps, state.chans, strict=True) if c[1]}
        self.done = [list(d) for d in state.done]
        self.parked = list(state.parked)

    def state(self) -> State:
        chans = tuple((tuple(self.buf[ch]), ch in self.closed) for ch, _ in self.p.caps)
        return State(chans, tuple(tuple(d) for d in self.done), tuple(self.parked), self.lost)

    def op(self, r: int) -> Op:
        return self.p.routines[r][len(self.done[r])]

    def waiter(self, ch: str, *, sends: bool) -> tuple[int, int] | None:
        """The routine first parked on this side of the channel, and its case."""
        for r in self.parked:
            for i, case in enumerate(self.op(r).cases):
                if case.ch == ch and case.send is sends:
                    return r, i
        return None

    def gone(self, ch: str) -> bool:
        return self.lost and ch in crossed(self.p)

    def ready(self, ch: str, send: bool) -> bool:
        if ch in self.closed or self.gone(ch) or self.waiter(ch, sends=not send):
            return True
        return len(self.buf[ch]) < self.caps[ch] if send else bool(self.buf[ch])

    def end(self, r: int, result: str) -> None:
        if r in self.parked:
            self.parked.remove(r)
        self.done[r].append(result)

    def perform(self, r: int, i: int) -> None:
        case = self.op(r).cases[i]
        other = self.waiter(case.ch, sends=not case.send)
        if case.send:
            self._send(r, i, case.ch, case.value, other)
        else:
            self._recv(r, i, case.ch, other)

    def _send(self, r: int, i: int, ch: str, value: int, other: tuple[int, int] | None) -> None:
        if ch in self.closed or self.gone(ch):
            self.end(r, f"{i}:closed" if ch in self.closed else f"{i}:lost")
            return
        if other:
            self.end(other[0], f"{other[1]}:{value}")
        else:
            self.buf[ch].append(value)
        self.end(r, f"{i}:sent")

    def _recv(self, r: int, i: int, ch: str, other: tuple[int, int] | None) -> None:
        if not self.buf[ch] and not other:
            self.end(r, f"{i}:closed" if ch in self.closed else f"{i}:lost")
            return
        if other:
            self.buf[ch].append(self.op(other[0]).cases[other[1]].value)
            self.end(other[0], f"{other[1]}:sent")
        self.end(r, f"{i}:{self.buf[ch].pop(0)}")

    def run(self, r: int, picker: Picker) -> None:
        op = self.op(r)
        if op.kind == "len":
            self.end(r, f"len {len(self.buf[op.ch])}")
        elif op.kind == "close":
            self.close(r, op.ch)
        elif ready := [i for i, c in enumerate(op.cases) if self.ready(c.ch, c.send)]:
            self.perform(r, picker.pick(ready))
        elif op.ends == "default":
            self.end(r, "default")
        else:
            self.parked.append(r)

    def close(self, r: int, ch: str) -> None:
        if ch in self.closed or self.gone(ch):
            self.end(r, "closed" if ch in self.closed else "lost")
            return
        self.closed.add(ch)
        self.end(r, "ok")
        self.wake_all({ch}, "closed")

    def wake_all(self, chans: set[str] | frozenset[str], result: str) -> None:
        for q in list(self.parked):
            hit = [i for i, c in enumerate(self.op(q).cases) if c.ch in chans]
            if hit:
                self.end(q, f"{hit[0]}:{result}")

    def lose(self) -> None:
        self.lost = True
        self.parked = [r for r in self.parked if self.p.places[r] == "H"]
        self.wake_all(crossed(self.p) - self.closed, "lost")


def successors(p: Program, loss: bool, state: State) -> list[tuple[str, State]]:
    found: list[tuple[str, State]] = []

    def add(label: str, method: str, *args: object) -> None:
        def once(picker: Picker) -> State:
            step = _Step(p, state)
            getattr(step, method)(*args, *([picker] if method == "run" else []))
            return step.state()

        found.extend((label, new) for new in replays(once))

    for r, ops in enumerate(p.routines):
        if len(state.done[r]) == len(ops) or (state.lost and p.places[r] == "E"):
            continue
        ends = ops[len(state.done[r])].ends
        parked = r in state.parked
        if not parked:
            add(f"{r} runs", "run", r)
        if ends == "cancel" or (ends == "timeout" and parked):
            add(f"{r} {ends}", "end", r, ends)
    if loss and not state.lost:
        add("loss", "lose")
    return found


def outcome(p: Program, state: State) -> Outcome:
    """Results and channels; after a loss only what the host can still see."""
    seen = [r for r in range(len(p.routines)) if not (state.lost and p.places[r] == "E")]
    results = tuple(state.done[r] + (("blocked",) if len(state.done[r]) < len(p.routines[r]) else ()) for r in seen)
    chans = tuple((ch, c) for (ch, _), c in zip(p.caps, state.chans, strict=True) if not (state.lost and ch in "tuv"))
    return Outcome(results, chans, state.lost)


def outcomes(p: Program, *, loss: bool = False) -> set[Outcome]:
    start = State(tuple(((), False) for _ in p.caps), tuple(() for _ in p.routines), ())
    every = visit(start, partial(successors, p, loss))
    # A state whose only way on is the optional loss is quiescent too.
    return {outcome(p, s) for s, following, _ in every if all(label == "loss" for label, _ in following)}
