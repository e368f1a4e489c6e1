"""Go's channels as a model: every outcome that a small program of channel operations may have.

Test world only. A program is a list of routines, a routine a list of operations. One step is one routine doing one
operation, or parking in it; the search takes every order of steps and every choice of a select. It uses nothing
of gotee.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .programs.random_program import Case, Op, Outcome

Program = list[list[Op]]


class State(NamedTuple):
    buffers: tuple[tuple[int, ...], ...]
    closed: tuple[bool, ...]
    traces: tuple[tuple[str, ...], ...]  # what each routine's operations gave; the length is its program counter
    parked: tuple[int, ...]  # routines that wait, in the order in which they began to


def outcomes(program: Program, capacities: list[int]) -> set[Outcome]:
    """All outcomes that can be seen when no routine can go on."""
    operations = [[op for op in routine if op.kind != "yield"] for routine in program]
    channels = len(capacities)
    start = State(((),) * channels, (False,) * channels, ((),) * len(program), ())
    seen, todo, found = {start}, [start], set()
    while todo:
        state = todo.pop()
        runnable = [r for r in range(len(program)) if _runs(state, operations, r)]
        if not runnable:
            found.add(Outcome(state.traces, tuple(len(buffer) for buffer in state.buffers)))
        for r in runnable:
            for following in _Step(operations, capacities, state).successors(r):
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
    return found


def _runs(state: State, operations: Program, r: int) -> bool:
    return r not in state.parked and len(state.traces[r]) < len(operations[r])


class _Step:
    """What one routine can do next in `state`."""

    def __init__(self, operations: Program, capacities: list[int], state: State) -> None:
        self.operations, self.capacities, self.state = operations, capacities, state

    def successors(self, r: int) -> Iterator[State]:
        op = self.operations[r][len(self.state.traces[r])]
        if op.kind == "close":
            yield self.close(r, op.cases[0].channel)
            return
        ready = False
        for index, case in enumerate(op.cases):
            for following in self.do(r, index, case):
                ready = True
                yield following
        if not ready and op.kind == "poll":
            yield self.after({r: "default"})
        elif not ready:
            yield self.state._replace(parked=(*self.state.parked, r))

    def do(self, r: int, index: int, case: Case) -> Iterator[State]:
        """The states after this case; none if it is not ready."""
        c, buffer = case.channel, self.state.buffers[case.channel]
        if c < 0:
            return
        if case.sends and self.state.closed[c]:
            yield self.after({r: "closed"})
        elif case.sends:
            mine = self.named(r, index, "sent")
            receivers = list(self.first_waiter(c, sends=False))
            for other, at, _ in receivers:
                yield self.after({r: mine, other: self.named(other, at, f"got {case.value}")})
            if not receivers and len(buffer) < self.capacities[c]:
                yield self.after({r: mine}, c, (*buffer, case.value))
        else:
            yield from self.receive(r, index, c)

    def receive(self, r: int, index: int, c: int) -> Iterator[State]:
        buffer = self.state.buffers[c]
        senders = list(self.first_waiter(c, sends=True))
        for other, at, value in senders:  # the oldest value goes out, the waiting one in
            first, *rest = (*buffer, value)
            mine = self.named(r, index, f"got {first}")
            yield self.after({r: mine, other: self.named(other, at, "sent")}, c, tuple(rest))
        if not senders and buffer:
            yield self.after({r: self.named(r, index, f"got {buffer[0]}")}, c, buffer[1:])
        elif not senders and self.state.closed[c]:
            yield self.after({r: self.named(r, index, "drained")})

    def close(self, r: int, c: int) -> State:
        if self.state.closed[c]:
            return self.after({r: "closed"})
        results = {r: "close"}
        for other in self.state.parked:
            for at, case in enumerate(self.current(other).cases):
                if case.channel == c and other not in results:
                    results[other] = "closed" if case.sends else self.named(other, at, "drained")
        closed = tuple(was or n == c for n, was in enumerate(self.state.closed))
        return self.after(results)._replace(closed=closed)

    def first_waiter(self, c: int, *, sends: bool) -> Iterator[tuple[int, int, int]]:
        """(routine, case, value) of whoever waits longest; all its matching cases, any of which may be met."""
        for other in self.state.parked:
            matching = [
                (other, at, case.value)
                for at, case in enumerate(self.current(other).cases)
                if case.channel == c and case.sends is sends
            ]
            if matching:
                yield from matching
                return

    def current(self, r: int) -> Op:
        return self.operations[r][len(self.state.traces[r])]

    def named(self, r: int, index: int, result: str) -> str:
        """A select says which of its cases it was."""
        return f"{index}: {result}" if self.current(r).kind in ("select", "poll") else result

    def after(self, results: dict[int, str], c: int = -1, buffer: tuple[int, ...] = ()) -> State:
        state = self.state
        return State(
            tuple(buffer if n == c else old for n, old in enumerate(state.buffers)),
            state.closed,
            tuple((*old, results[r]) if r in results else old for r, old in enumerate(state.traces)),
            tuple(r for r in state.parked if r not in results),
        )
