"""How large a value may be when it crosses, and how much may go on at once. Both worlds; `copy` and the images use it.

`check_frame` looks at the private copy of a frame and counts, before a single object is built from it.
"""

from __future__ import annotations

import struct

from gotee.errors import GoteeError, Overloaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple
else:
    from gotee.records import Record as NamedTuple


class Limits(NamedTuple):
    """What one frame may hold. Part of an image; both worlds use the same.

    * `frame_bytes`: length of the encoded value, in bytes.
    * `depth`: nesting of arrays in the frame. A list or an object takes one level; where nothing is
      annotated, or a union or subclasses must be told apart, it takes two.
    * `items`: every object of the frame, containers and tags included, after expansion: an object
      that is reachable twice counts twice. A built item takes up to about 100 bytes of memory,
      whatever it took in the frame; this is the limit that bounds a hostile frame's memory.
    * `routines`: secured calls that run at the same time.
    * `channels`: channels of the host of which the enclave has a handle at the same time.

    >>> Limits(items=10).frame_bytes == Limits().frame_bytes
    True
    """

    frame_bytes: int = 512 * 1024 * 1024
    depth: int = 128
    items: int = 1_000_000
    routines: int = 100_000
    channels: int = 1_000_000


DEFAULT_LIMITS = Limits()
_in_force = DEFAULT_LIMITS


def in_force() -> Limits:
    """The limits of this process's image; whoever moves values asks when it is made."""
    return _in_force


def put_in_force(changes: Mapping[str, int]) -> None:
    """Take an image's limits, before anything crosses."""
    global _in_force
    _in_force = DEFAULT_LIMITS._replace(**changes)


class FrameError(GoteeError):
    """Bytes that no honest sender writes: truncated, trailing or malformed."""


# The format is MessagePack (github.com/msgpack/msgpack/blob/master/spec.md, "Formats").
# _SIZE[first byte]: length of the whole object if the first byte says it, otherwise 0.
_SIZE = bytes(
    1
    if b < 0x80 or b >= 0xE0 or b in (0xC0, 0xC2, 0xC3)
    else 1 + (b & 31)
    if 0xA0 <= b < 0xC0
    else {0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9}.get(b, 0)
    for b in range(256)
)
_U16 = struct.Struct(">H").unpack_from
_U32 = struct.Struct(">I").unpack_from
# bin 8/16/32 and str 8/16/32: bytes of the length that follows.
_BLOB = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_NOT_CONTAINER = bytes(b for b in range(256) if not (0x80 <= b < 0xA0 or 0xDC <= b < 0xE0))
_SHORT = 4096  # bytes; for more, counting the container bytes costs as much as the scan itself


def check_frame(data: bytes | memoryview, limits: Limits, where: str) -> None:
    """Refuse a frame that breaks a limit: Overloaded; or that is visibly malformed: FrameError.

    Every object takes at least one byte and every nesting one container byte, so most frames are
    seen to be within the limits without a scan. Those that pass unscanned may still be malformed;
    the decoder finds that.
    """
    size = len(data)
    if size > limits.frame_bytes:
        raise Overloaded(f"{where}: {size} bytes encoded, the limit is {limits.frame_bytes}")
    if size <= limits.items:
        if size <= limits.depth:
            return
        if size <= _SHORT and len(bytes(data).translate(None, _NOT_CONTAINER)) <= limits.depth:
            return
    scan(data, limits, where)


def scan(data: bytes | memoryview, limits: Limits, where: str) -> None:
    """Walk a whole frame and count its items and depth; builds nothing."""
    size = len(data)
    at = items = 0
    most = limits.items
    left = 1  # objects still to come in the innermost open container
    outer: list[int] = []
    while True:
        while not left:
            if not outer:
                if at != size:
                    raise FrameError(f"{where}: {size - at} bytes after the end of the value")
                return
            left = outer.pop()
        left -= 1
        items += 1
        if items > most:
            raise Overloaded(f"{where}: more than {most} items")
        if at >= size:
            raise FrameError(f"{where}: truncated")
        known = _SIZE[data[at]]
        if known:
            at += known
            continue
        at, inside = _long_object(data, at, size, where)
        if inside < 0:
            continue
        # Each announced object takes a byte: a count that cannot be true is refused at once.
        if inside > size - at:
            raise FrameError(f"{where}: truncated")
        outer.append(left)
        if len(outer) > limits.depth:
            raise Overloaded(f"{where}: nested more than {limits.depth} deep")
        left = inside


def array_items(data: bytes | memoryview, where: str) -> int:
    """How many items a frame holds that is one container of scalars; 1 if it is no container."""
    if not data or _SIZE[data[0]]:
        return 1
    return 1 + max(_long_object(data, 0, len(data), where)[1], 0)


def _long_object(data: bytes | memoryview, at: int, size: int, where: str) -> tuple[int, int]:
    """Where the object at `at` ends, or its header if it is a container, and how many objects it holds (-1: none)."""
    head = data[at]
    if 0x90 <= head < 0xA0:
        return at + 1, head & 15
    if 0x80 <= head < 0x90:
        return at + 1, 2 * (head & 15)
    wide = _BLOB.get(head)
    try:
        if wide is not None:
            length = int.from_bytes(data[at + 1 : at + 1 + wide], "big")
            at += 1 + wide + length
            if at > size:
                raise FrameError(f"{where}: truncated")
            return at, -1
        if head in (0xDC, 0xDE):
            return at + 3, _U16(data, at + 1)[0] * (1 if head == 0xDC else 2)
        if head in (0xDD, 0xDF):
            return at + 5, _U32(data, at + 1)[0] * (1 if head == 0xDD else 2)
    except struct.error:
        raise FrameError(f"{where}: truncated") from None
    # 0xC1 is never used; extension types carry timestamps and user types, which gotee never sends.
    raise FrameError(f"{where}: unexpected byte 0x{head:02x}")
