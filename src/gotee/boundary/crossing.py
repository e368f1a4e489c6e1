"""Values with channels in them, as they cross: what `copy` does not know about channels. Both worlds, same code.

An End is one world's side of the crossing channels (gotee.boundary.home, gotee.boundary.outside): it numbers
channels that leave, and finds those that are named in what arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from gotee.boundary.copy import GENERAL, Codec, codec_for
from gotee.boundary.entries import EntryCodec, entry_codec
from gotee.boundary.limits import in_force
from gotee.runtime.channel import Chan, Encoded

_KEPT = 1024
_codecs: dict[Any, Codec] = {}
_NO_KEYWORDS: dict[str, Any] = {}


class End(Protocol):
    """One world's side of the crossing channels."""

    def number(self, channel: Chan[Any]) -> int:
        """How messages name a channel that leaves in a value; BoundaryTypeError if it must not leave."""
        ...

    def channel(self, number: int, element: Any) -> Chan[Any]:
        """The channel that a value from the other world names."""
        ...

    def crosses(self, value: Encoded) -> bytes:
        """The bytes of a value that leaves now, with the channels in it."""
        ...


class Crossed(NamedTuple):
    """An encoded value and the channels that are named in it."""

    payload: bytes
    channels: dict[int, Chan[Any]]


class _Leaving:
    """Numbers the channels of a value that is encoded, and keeps them."""

    def __init__(self, end: End) -> None:
        self._end = end
        self.channels: dict[int, Chan[Any]] = {}

    def encode_channel(self, channel: Any) -> int:
        number = self._end.number(channel)
        self.channels[number] = channel
        return number

    def decode_channel(self, number: int, element: Any) -> Chan[Any]:
        raise AssertionError("an encoder decodes nothing")


class _Arriving:
    """Finds the channels of a value that is decoded, and keeps them."""

    def __init__(self, find: Callable[[int, Any], Chan[Any]]) -> None:
        self._find = find
        self.channels: dict[int, Chan[Any]] = {}

    def encode_channel(self, channel: Any) -> int:
        raise AssertionError("a decoder encodes nothing")

    def decode_channel(self, number: int, element: Any) -> Chan[Any]:
        channel = self.channels.get(number)
        if channel is None:  # a value counts as one crossing of a channel, however often it names it
            channel = self.channels[number] = self._find(number, element)
        return channel


class ValueCodec:
    """Moves the values of one crossing channel."""

    def __init__(self, element: Any, end: End) -> None:
        self._end = end
        self._codec = _codec(Any if element is None else element)
        self._limits = in_force()

    def encode(self, value: Any) -> Encoded:
        """What the channel holds, or sends, instead of `value`; BoundaryTypeError if it cannot cross."""
        leaving = _Leaving(self._end)
        return Encoded(Crossed(self._codec.encode(value, limits=self._limits, channels=leaving), leaving.channels))

    def decode(self, value: Encoded) -> Any:
        """A copy of the value, for a receiver of this world."""
        crossed: Crossed = value.data
        arriving = _Arriving(lambda number, element: crossed.channels[number])
        return self._codec.decode(crossed.payload, self._limits, channels=arriving)

    def received(self, payload: bytes) -> Encoded:
        """A value of the other world, checked; BoundaryTypeError if it is none of this channel's."""
        arriving = _Arriving(self._end.channel)
        self._codec.decode(payload, self._limits, channels=arriving)
        return Encoded(Crossed(payload, arriving.channels))

    def arrived(self, payload: bytes) -> Any:
        """A value of the other world, for a receiver of this one."""
        return self._codec.decode(payload, self._limits, channels=_Arriving(self._end.channel))


class CallCodec:
    """Moves the arguments and the result of one entry. What the fast lane takes holds no channels."""

    def __init__(self, function: Callable[..., Any], end: End) -> None:
        self._end = end
        self._codec: EntryCodec = entry_codec(function)
        self._limits = in_force()
        self._call_lane = self._codec.fast
        self._result_lane = self._codec.result.fast

    def encode_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """The call, as it travels; BoundaryTypeError if an argument is missing, wrong or cannot cross."""
        if self._call_lane is not None and not kwargs:
            data = self._call_lane.encode(args, self._limits, "args")
            if data is not None:
                return data
        leaving = _Leaving(self._end)
        payload = self._codec.encode_call(args, kwargs, limits=self._limits, channels=leaving)
        return self._end.crosses(Encoded(Crossed(payload, leaving.channels)))

    def arguments(self, payload: bytes) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a call of the other world, checked against the entry's annotations."""
        if self._call_lane is not None and not payload.startswith(GENERAL):
            return self._call_lane.decode(payload, self._limits, "args", "args"), _NO_KEYWORDS
        return self._codec.decode_call(payload, self._limits, channels=_Arriving(self._end.channel))

    def encode_result(self, value: Any) -> bytes:
        """The result, as it travels."""
        if self._result_lane is not None:
            data = self._result_lane.encode(value, self._limits, "result")
            if data is not None:
                return data
        return self._codec.encode_result(value, limits=self._limits, channels=_Leaving(self._end))

    def result(self, payload: bytes) -> Any:
        """The result from the other world, checked against the entry's annotation."""
        if self._result_lane is not None and not payload.startswith(GENERAL):
            return self._result_lane.decode(payload, self._limits, "result", "result")
        return self._codec.decode_result(payload, self._limits, channels=_Arriving(self._end.channel))


def _codec(element: Any) -> Codec:
    """The codec of an element type; programs make many channels of few types."""
    try:
        found = _codecs.get(element)
    except TypeError:  # not hashable
        return codec_for(element)
    if found is None:
        if len(_codecs) >= _KEPT:
            _codecs.clear()
        found = _codecs[element] = codec_for(element)
    return found
