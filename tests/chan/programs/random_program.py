"""Any program of channel operations, as data: the routine that runs it, and the driver that observes the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gotee import Chan, ChannelClosed, Recv, Send, select, yield_now

if TYPE_CHECKING:
    from ..world import World


class Case(NamedTuple):
    sends: bool
    channel: int  # its place among the program's channels; -1: no channel
    value: int = 0


class Op(NamedTuple):
    """`kind` is send, recv, close (one case each), select, poll (a select with default) or yield (no case)."""

    kind: str
    cases: list[Case]


class Outcome(NamedTuple):
    """What every routine's operations gave, as far as they came, and how many values are left in each channel."""

    traces: tuple[tuple[str, ...], ...]
    lengths: tuple[int, ...]


def run_operations(ops: list[Op], channels: list[Chan[int]], trace: Chan[str]) -> None:
    """Do the operations one after another and report each on `trace`, which has room for all."""
    for op in ops:
        if op.kind == "yield":
            yield_now()
            continue
        try:
            trace.send(_run(op, channels))
        except ChannelClosed:
            trace.send("closed")


def _run(op: Op, channels: list[Chan[int]]) -> str:
    if op.kind in ("select", "poll"):
        targets = [channels[case.channel] if case.channel >= 0 else None for case in op.cases]
        selected = select(
            *(
                Send(target, case.value) if case.sends else Recv(target)
                for case, target in zip(op.cases, targets, strict=True)
            ),
            default=op.kind == "poll",
        )
        if selected.index < 0:
            return "default"
        if op.cases[selected.index].sends:
            return f"{selected.index}: sent"
        return f"{selected.index}: {_received(selected.value, selected.ok)}"
    case = op.cases[0]
    channel = channels[case.channel]
    if op.kind == "send":
        channel.send(case.value)
        return "sent"
    if op.kind == "recv":
        return _received(*channel.recv_ok())
    channel.close()
    return "close"


def _received(value: int | None, ok: bool) -> str:
    return f"got {value}" if ok else "drained"


def observe(world: World, program: list[list[Op]], capacities: list[int]) -> Outcome:
    """Run the program until no routine can go on."""
    channels = [Chan[int](capacity) for capacity in capacities]
    traces = [Chan[str](len(ops)) for ops in program]
    for ops, trace in zip(program, traces, strict=True):
        sends = any(case.sends for op in ops for case in op.cases)
        world.spawn("sender" if sends else "receiver", run_operations, ops, channels, trace)
    world.settle()
    lengths = tuple(len(channel) for channel in channels)
    return Outcome(tuple(_drained(trace) for trace in traces), lengths)


def _drained(trace: Chan[str]) -> tuple[str, ...]:
    trace.close()
    return tuple(trace)
