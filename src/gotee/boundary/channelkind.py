"""What a channel is, for the rooms that read annotations: the runtime says it. Both worlds."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NamedTuple
else:
    from gotee.records import Record as NamedTuple


class ChannelKind(NamedTuple):
    """The runtime's channel class, and how to ask a channel for its element's annotation."""

    cls: type
    element_of: Callable[[Any], Any]


_channel: ChannelKind | None = None


def register_channel_type(cls: type, element_of: Callable[[Any], Any]) -> None:
    """Say what a channel is. The runtime calls it once, when it is imported."""
    global _channel
    _channel = ChannelKind(cls, element_of)


def channel_kind() -> ChannelKind | None:
    """What `register_channel_type` was told."""
    return _channel
