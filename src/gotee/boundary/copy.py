"""Typed deep copy: values to bytes and back, by annotation. Both worlds, the same code; every crossing calls it.

`codec_for` is for one value (what goes through a channel), `entry_codec` for the arguments and the result of
a function. Decoding is validation: whatever the bytes, it gives a value of the type or a GoteeError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from gotee.boundary import blobs
from gotee.boundary.fast import lane_for
from gotee.boundary.frames import Gather
from gotee.boundary.general import ChannelHooks, Compiler, Decoding, Encoding, LimitReached
from gotee.boundary.lane import FastLane
from gotee.boundary.limits import DEFAULT_LIMITS, FrameError, Limits, check_frame
from gotee.boundary.nodes import Node
from gotee.boundary.types import Scope, name_of
from gotee.errors import BoundaryTypeError, Overloaded

# A frame of the general lane begins with the one byte that MessagePack never uses, so that a frame of
# the fast lane, which is a plain MessagePack object, costs nothing to tell apart.
GENERAL = b"\xc1"
# A second one: channels are in the value, and their numbers stand behind it, for whoever cannot build it.
NAMING = b"\xc1\xc1"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Codec:
    """Moves values of one annotation. Make it with `codec_for`."""

    __slots__ = ("_fast", "_node", "annotation")

    def __init__(self, annotation: str, node: Node, fast: FastLane | None) -> None:
        self.annotation = annotation
        self._node = node
        self._fast = fast

    def __repr__(self) -> str:
        return f"codec_for({self.annotation})"

    @property
    def fast(self) -> FastLane | None:
        """The lane of exact values; None if the type needs the general one."""
        return self._fast

    def encode(
        self,
        value: Any,
        path: str = "",
        *,
        limits: Limits = DEFAULT_LIMITS,
        channels: ChannelHooks | None = None,
    ) -> bytes:
        """The frame of `value`.

        `path` says where the value is, for messages. Raises BoundaryTypeError if it is not of the type or
        cannot be copied, Overloaded if it breaks a limit; no channel in it has been numbered then.
        """
        if self._fast is not None:
            data = self._fast.encode(value, limits, path or "value")
            if data is not None:
                return data
        return pack(lambda state: self._node.encode(value, state), limits, path, channels)

    def gathered(self, value: Any, path: str, limits: Limits, channels: ChannelHooks | None) -> bytes | Gather:
        """`encode` by the general lane; large contents are not copied yet."""
        return gathered(lambda state: self._node.encode(value, state), limits, path, channels)

    def decode(
        self,
        data: bytes,
        limits: Limits = DEFAULT_LIMITS,
        path: str = "",
        *,
        channels: ChannelHooks | None = None,
        given: bool = False,
    ) -> Any:
        """The value of a frame, which may be hostile but must be a private copy.

        If it is `given`, nobody uses it any more, and the value may keep its memory.

        Raises BoundaryTypeError for a value of another type, FrameError for bytes that no sender writes,
        Overloaded for a frame beyond the limits.
        """
        if self._fast is not None and data[:1] != GENERAL:
            return self._fast.decode(data, limits, path, path or "value")
        return unpack(self._node.decode, data, limits, path, channels, given)


def codec_for(
    annotation: Any,
    *,
    known: Sequence[type] = (),
    globalns: Mapping[str, Any] | None = None,
    localns: Mapping[str, Any] | None = None,
) -> Codec:
    """The codec of an annotation.

    `known` are classes that may stand in places without annotation, and in the places of their bases;
    both worlds must give the same, in the same order. Names in string annotations are looked up in
    `globalns` and `localns`. Raises UsageError for an annotation that cannot be read.

    >>> codec = codec_for(dict[str, tuple[int, ...]])
    >>> codec.decode(codec.encode({"a": (1, 2)}))
    {'a': (1, 2)}
    >>> codec.encode({"a": (1, None)}, "args[0]")
    Traceback (most recent call last):
        ...
    gotee.errors.BoundaryTypeError: Expected int, got None - at args[0]['a'][1]
    """
    return codec_in(annotation, Scope(globalns or {}, localns or {}), known)


def codec_in(annotation: Any, scope: Scope, known: Sequence[type] = ()) -> Codec:
    """`codec_for` of an annotation that was written in `scope`."""
    compiler = Compiler(known, scope)
    node = compiler.compile_all([(annotation, scope)])[0]
    return Codec(name_of(annotation), node, lane_for(annotation, scope))


def pack(walk: Callable[[Encoding], Any], limits: Limits, path: str, channels: ChannelHooks | None) -> bytes:
    """A frame of the general lane."""
    frame = gathered(walk, limits, path, channels)
    return frame if isinstance(frame, bytes) else frame.join()


def gathered(
    walk: Callable[[Encoding], Any], limits: Limits, path: str, channels: ChannelHooks | None
) -> bytes | Gather:
    """`pack`; a frame with large contents is not copied together yet: it changes with them.

    The channels that the walk met are numbered last, when nothing can fail.
    """
    state = Encoding(limits)
    try:
        plain = walk(state)
    except BoundaryTypeError as error:
        raise placed(error, path) from error.__cause__
    except LimitReached as reached:
        if reached.args[0] == "items":
            raise Overloaded(
                f"{path or 'value'}: more than {limits.items} items, counted where they are used"
            ) from None
        raise _too_deep(walk, limits, path) from None
    except RecursionError:
        raise _too_deep(walk, limits, path) from None
    if state.channels and channels is None:
        raise BoundaryTypeError("A channel cannot cross here", path)
    where = path or "value"
    if not state.channels:
        if state.blobs:
            return blobs.gather(plain, [], state.blobs, limits, where)
        data = GENERAL + _encode(plain)
        check_frame(memoryview(data)[1:], limits, where)
        return data
    # As wide as numbers can be: nothing may fail any more when a channel has got one.
    widest = [2**64 - 1] * len(state.channels)
    if state.blobs:
        blobs.gather(plain, widest, state.blobs, limits, where)
    else:
        check_frame(_encode([plain, widest]), limits, where)
    if channels is not None:
        for channel, cell, elements in state.channels:
            try:
                cell[0] = channels.encode_channel(channel, elements)
            except BoundaryTypeError as error:
                raise BoundaryTypeError(error.reason, _place_of(channel, walk, limits, path)) from None
    numbers = sorted({cell[0] for _, cell, _ in state.channels})
    if state.blobs:
        return blobs.gather(plain, numbers, state.blobs, limits, where)
    return NAMING + _encode([plain, numbers])


def _place_of(channel: Any, walk: Callable[[Encoding], Any], limits: Limits, path: str) -> str:
    """Where in a value a channel is that may not cross: the walk is repeated, looking out for it."""
    try:
        walk(Encoding(limits, refused=channel))
    except BoundaryTypeError as error:
        return placed(error, path).path
    return path


def _too_deep(walk: Callable[[Encoding], Any], limits: Limits, path: str) -> Exception:
    """Why a walk went too deep: it is repeated, looking out for a cycle."""
    try:
        walk(Encoding(limits, find_cycle=True))
    except BoundaryTypeError as error:
        return placed(error, path)
    except (LimitReached, RecursionError):
        pass
    return Overloaded(f"{path or 'value'}: nested more than {limits.depth} deep")


def unpack(
    build: Callable[[Any, Decoding], Any],
    data: bytes,
    limits: Limits,
    path: str,
    channels: ChannelHooks | None,
    given: bool = False,
) -> Any:
    """The value of a frame of the general lane; it may keep the frame's memory if that is `given`."""
    where = path or "value"
    if data[:1] != GENERAL:
        raise FrameError(f"{where}: not a frame of this type")
    if data[:3] == blobs.MARK:
        plain, named, found = blobs.scatter(data, limits, where, given)
        return _built(build, plain, Decoding(channels if named else None, found), named, path, channels)
    naming = data[:2] == NAMING
    view = memoryview(data)[2 if naming else 1 :]
    check_frame(view, limits, where)
    try:
        plain = _decode(view)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise FrameError(f"{where}: {error}") from None
    numbers: list[int] = []
    if naming:
        plain, numbers = _named(plain, where)
    return _built(build, plain, Decoding(channels if naming else None), numbers, path, channels)


def _built(
    build: Callable[[Any, Decoding], Any],
    plain: Any,
    state: Decoding,
    numbers: list[int],
    path: str,
    channels: ChannelHooks | None,
) -> Any:
    try:
        return build(plain, state)
    except BaseException as error:
        if channels is not None:
            channels.give_up(numbers)
        if isinstance(error, BoundaryTypeError):
            raise placed(error, path) from error.__cause__
        if isinstance(error, RecursionError):
            raise Overloaded(f"{path or 'value'}: nested too deep") from None
        raise


def _named(plain: Any, where: str) -> tuple[Any, list[int]]:
    """A value and the numbers of the channels in it."""
    if type(plain) is list and len(plain) == 2 and type(plain[1]) is list:
        numbers = plain[1]
        if all(type(number) is int and number >= 0 for number in numbers):
            return plain[0], numbers
    raise FrameError(f"{where}: channels without their numbers")


def placed(error: BoundaryTypeError, path: str) -> BoundaryTypeError:
    """The error with the whole way to the value."""
    place = path + error.path if path else error.path.removeprefix(".")
    return BoundaryTypeError(error.reason, place)
