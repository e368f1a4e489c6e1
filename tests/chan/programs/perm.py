"""In place of Go's test/chan/perm.go: what is not allowed on a channel. Directions are not typed here; the rest is.

Go's compiler refuses; here the operation raises, in whichever world it is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gotee import BoundaryTypeError, Chan, ChannelClosed, Recv, Send, UsageError, select

if TYPE_CHECKING:
    from ..world import World


def errors_of_a_closed_channel(channel: Chan[int]) -> list[str]:
    """What the operations that are not allowed on a closed, drained channel do, in order."""
    outcomes = []
    for operation in ("send", "try to send", "select a send", "close", "recv"):
        try:
            if operation == "send":
                channel.send(1)
            elif operation == "try to send":
                select(Send(channel, 1), default=True)
            elif operation == "select a send":
                select(Send(channel, 1), Send(None, 1))
            elif operation == "close":
                channel.close()
            else:
                channel.recv()
        except ChannelClosed:
            outcomes.append(operation)
    return outcomes


def errors_of_wrong_values(channel: Chan[int]) -> list[str]:
    outcomes = []
    for value in ("1", 1.0, None, b"1", [1]):
        try:
            channel.send(value)  # type: ignore[arg-type]
        except BoundaryTypeError as error:
            outcomes.append(f"{type(value).__name__} {error.path}".strip())
    return outcomes


def send_and_recv_with_select_on_nothing(value: int) -> int:
    return select(Send(None, value), Recv(None), default=True).index


def close_channel(channel: Chan[int]) -> None:
    channel.close()


def what_a_closed_channel_refuses(world: World) -> None:
    refused = ["send", "try to send", "select a send", "close", "recv"]
    for capacity in (0, 1):
        channel = Chan[int](capacity)
        world.spawn("closer", close_channel, channel).result()
        assert world.spawn("sender", errors_of_a_closed_channel, channel).result() == refused
        assert world.spawn("receiver", errors_of_a_closed_channel, channel).result() == refused


def a_value_of_another_type_is_refused_at_send(world: World) -> None:
    for capacity in (0, 5):
        channel = Chan[int](capacity)
        refused = world.spawn("sender", errors_of_wrong_values, channel).result()
        assert refused == ["str", "float", "NoneType", "bytes", "list"]
        assert len(channel) == 0


def a_value_of_another_type_is_refused_in_select(world: World) -> None:
    channel = Chan[list[int]](1)
    refused = False
    try:
        select(Send(channel, [1, "2"]), default=True)  # type: ignore[list-item]
    except BoundaryTypeError as error:
        refused = "[1]" in error.path
    assert refused
    assert len(channel) == 0


def no_channel_at_all_is_never_ready(world: World) -> None:
    assert world.spawn("sender", send_and_recv_with_select_on_nothing, 1).result() == -1


def a_capacity_is_a_number_of_values(world: World) -> None:
    for capacity in (-1, -(2**70), 1.0, "1", None):
        refused = False
        try:
            Chan(capacity)  # type: ignore[arg-type]
        except UsageError:
            refused = True
        assert refused, capacity


def a_case_of_select_is_a_recv_or_a_send(world: World) -> None:
    channel = Chan[int](1)
    for case in (channel, None, 1, (channel, 1)):
        refused = False
        try:
            select(case, default=True)  # type: ignore[arg-type]
        except UsageError:
            refused = True
        assert refused, case
