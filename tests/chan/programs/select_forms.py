"""After Go's test/chan/select5.go: select statements of every form, generated, each against the rule.

The rule: if cases are ready, one of them; else the default if there is one; else wait.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from gotee import Chan, ChannelClosed, Recv, Send, select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..world import World

# Kind of case -> what choosing it gives; None: it is never ready.
KINDS: dict[str, str | None] = {
    "recv buffered": "got 7",
    "recv from waiting": "got 8",
    "recv drained": "drained",
    "recv closed with value": "got 7",
    "recv empty": None,
    "recv nobody": None,
    "recv none": None,
    "send with room": "sent",
    "send to waiting": "sent",
    "send closed": "closed",
    "send full": None,
    "send nobody": None,
    "send none": None,
}
WITHOUT_PARTNERS = ("recv buffered", "recv drained", "recv empty", "send with room", "send closed", "send full")


def recv_one(channel: Chan[int]) -> int:
    return channel.recv()


def send_one(channel: Chan[int], value: int) -> None:
    channel.send(value)


def run_select(kinds: list[str], channels: list[Chan[int] | None], default: bool) -> tuple[int, str]:
    """Do the select that these cases make; -2: the chosen case raised, -3: it would have waited."""
    cases = [
        Recv(channel) if kind.startswith("recv") else Send(channel, 1)
        for kind, channel in zip(kinds, channels, strict=True)
    ]
    try:
        selected = select(*cases, default=True) if default else select(*cases, timeout=0)
    except ChannelClosed:
        return -2, "closed"
    except TimeoutError:
        return -3, "timeout"
    if selected.index < 0:
        return -1, f"default {selected.channel} {selected.value} {selected.ok}"
    if selected.channel is not channels[selected.index]:
        return selected.index, "names another channel"
    if kinds[selected.index].startswith("send"):
        return selected.index, "sent"
    return selected.index, f"got {selected.value}" if selected.ok else "drained"


def _channel(world: World, kind: str) -> Chan[int] | None:
    if kind.endswith("none"):
        return None
    if kind in ("recv from waiting", "send to waiting", "recv nobody", "send nobody", "send closed"):
        channel = Chan[int]()
    else:
        channel = Chan[int](1)
    if kind in ("recv buffered", "recv closed with value", "send full"):
        channel.send(7)
    if kind in ("recv drained", "recv closed with value", "send closed"):
        channel.close()
    if kind == "recv from waiting":
        world.spawn("sender", send_one, channel, 8)
    elif kind == "send to waiting":
        world.spawn("receiver", recv_one, channel)
    return channel


def _allowed(kinds: tuple[str, ...], default: bool) -> set[tuple[int, str]]:
    ready = [(n, outcome) for n, kind in enumerate(kinds) if (outcome := KINDS[kind]) is not None]
    if ready:
        return {(-2, outcome) if outcome == "closed" else (n, outcome) for n, outcome in ready}
    return {(-1, "default None None False")} if default else {(-3, "timeout")}


def _check(world: World, forms: Iterable[tuple[str, ...]]) -> None:
    for kinds in forms:
        for default in (True, False):
            channels = [_channel(world, kind) for kind in kinds]
            if any("waiting" in kind for kind in kinds):
                world.settle()
            outcome = world.spawn("worker", run_select, list(kinds), channels, default).result()
            assert outcome in _allowed(kinds, default), (kinds, default)


def no_case_and_one_case(world: World) -> None:
    _check(world, [(), *((kind,) for kind in KINDS)])


def two_cases(world: World) -> None:
    _check(world, product(KINDS, repeat=2))


def three_cases(world: World) -> None:
    _check(world, product(WITHOUT_PARTNERS, repeat=3))


def the_only_ready_case_is_found_among_two_to_sixty_four(world: World) -> None:
    for count in range(2, 65):
        place = (count * count // 3) % count
        kinds = tuple("recv buffered" if n == place else "recv nobody" for n in range(count))
        _check(world, [kinds])
