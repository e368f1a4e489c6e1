"""Large contents behind the plain form of a frame: they are copied once on each side. Both worlds; `copy` uses it.

A frame with blobs is C1 C1 C1 00, the length of what follows (4 bytes, little endian), a MessagePack array of the plain
value, the numbers of the channels in it and the sizes of the blobs, and then the blobs, each at a multiple of 16 bytes:
what is built from one needs not be moved. The plain form names a blob by its number.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from gotee.boundary.frames import Gather, Given
from gotee.boundary.limits import FrameError, Limits, check_frame
from gotee.boundary.nodes import Step
from gotee.errors import BoundaryTypeError, Overloaded

MARK = b"\xc1\xc1\xc1"  # no MessagePack begins so
LARGE = 64 << 10  # bytes: what is smaller goes with the plain form
_HEAD = struct.Struct("<3sxI")
_PLACES = 16  # what malloc aligns to
_ZEROS = bytes(_PLACES)
_KEPT = 4  # a blob is not copied if it is more than this part of its frame: the rest is kept with it
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Blobs:
    """The blobs of one frame. `given`: nobody else uses the frame, so what is built may keep its memory."""

    def __init__(self, data: bytes, places: list[tuple[int, int]], given: bool) -> None:
        self._data = data
        self._places = places
        self._given = given
        self._taken: set[int] = set()

    def take(self, number: int, step: Step) -> tuple[Any, bool]:
        """The contents of a blob, and whether they may be kept and changed; else they are to be copied.

        A hostile frame may name one twice: only the first gets its memory, and nobody after the first gets anything, as
        what is built may have been changed by then.
        """
        if not 0 <= number < len(self._places):
            raise BoundaryTypeError("Expected contents that are in the frame")
        if number in self._taken:
            raise BoundaryTypeError("Expected contents that are used once")
        start, size = self._places[number]
        if step is Step.TEST:
            return memoryview(self._data)[start : start + size], False
        self._taken.add(number)
        if self._given and size * _KEPT > len(self._data):
            return Given(self._data, start, size), True
        return memoryview(self._data)[start : start + size], False


NO_BLOBS = Blobs(b"", [], False)


def gather(plain: Any, numbers: list[int], blobs: list[Any], limits: Limits, where: str) -> Gather:
    """The frame of a plain form with blobs, which are flat arrays of bytes. Raises Overloaded beyond the limits."""
    body = _encode([plain, numbers, [len(blob) for blob in blobs]])
    check_frame(body, limits, where)
    head = _HEAD.pack(MARK, len(body)) + body
    parts: list[Any] = []
    for before, blob in zip([head, *blobs], blobs, strict=False):
        parts += (_ZEROS[: -len(before) % _PLACES], blob)
    frame = Gather((head, *parts))
    if len(frame) > limits.frame_bytes:
        raise Overloaded(f"{where}: {len(frame)} bytes encoded, the limit is {limits.frame_bytes}")
    return frame


def scatter(data: bytes, limits: Limits, where: str, given: bool) -> tuple[Any, list[int], Blobs]:
    """The plain form, the numbers of channels and the blobs of such a frame, which may be hostile."""
    if len(data) > limits.frame_bytes:
        raise Overloaded(f"{where}: {len(data)} bytes encoded, the limit is {limits.frame_bytes}")
    if len(data) < _HEAD.size or data[3]:
        raise FrameError(f"{where}: truncated")
    at = _HEAD.size + _HEAD.unpack_from(data)[1]
    if at > len(data):
        raise FrameError(f"{where}: truncated")
    body = memoryview(data)[_HEAD.size : at]
    check_frame(body, limits, where)
    try:
        found = _decode(body)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise FrameError(f"{where}: {error}") from None
    if type(found) is not list or len(found) != 3 or not (_whole(found[1]) and _whole(found[2])):
        raise FrameError(f"{where}: contents without their sizes")
    plain, numbers, sizes = found
    places: list[tuple[int, int]] = []
    for size in sizes:
        start = at + -at % _PLACES
        places.append((start, size))
        at = start + size
    if at != len(data):
        raise FrameError(f"{where}: contents of other sizes than said")
    return plain, numbers, Blobs(data, places, given)


def _whole(numbers: Any) -> bool:
    return type(numbers) is list and all(type(number) is int and number >= 0 for number in numbers)
