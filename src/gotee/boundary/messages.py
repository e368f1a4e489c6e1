"""The messages between the worlds: one frame is one message, a fixed header and a payload.

Both worlds. A frame from the other world is hostile: `unpack` checks its form, whoever acts on it checks ids.
The channel messages and their meaning are those of docs/explanation/protocol.md.
"""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from gotee.boundary.frames import LinkCorrupt


class Kind(enum.IntEnum):
    """What a message says. The numbers are the wire format."""

    # host to enclave
    CALL = 1  # id of the call, number of the entry; payload: arguments
    CANCEL_CALL = 2  # id of the call
    GRANT = 3  # op, case; payload: the value received
    TAKEN = 4  # op, case
    CLOSED = 5  # op, case
    NONE = 6  # op
    CANCELLED = 7  # op
    OK = 8  # op
    ERROR = 9  # op; payload: error type, message
    LENGTH = 10  # op, length; payload: capacity
    STOP = 11  # the program ends: send what was printed, then end
    # enclave to host
    READY = 32
    RESULT = 33  # id of the call; payload: the result
    FAILED = 34  # id of the call; payload: error type, message
    CALL_CANCELLED = 35  # id of the call
    WANT = 36  # op, channel
    OFFER = 37  # op, channel; payload: the value
    SELECT = 38  # op, 1 if it must not wait; payload: cases
    CANCEL = 39  # op
    CLOSE = 40  # op, channel
    LEN = 41  # op, channel
    RELEASE = 42  # channel, times
    REFUSED = 44  # id of the call; payload: path, reason: a value that does not fit its annotation
    CONSOLE = 43  # 1 standard output, 2 standard error; payload: UTF-8


FROM_HOST = frozenset(kind for kind in Kind if kind < 32)
FROM_ENCLAVE = frozenset(kind for kind in Kind if kind >= 32)

_HEADER = struct.Struct("<BQQ")


class Message(NamedTuple):
    """A message as it was received; `id` and `argument` have the meaning that its kind gives them."""

    kind: Kind
    id: int
    argument: int
    payload: bytes


def pack(kind: Kind, id: int = 0, argument: int = 0, payload: bytes = b"") -> bytes:
    """The frame of a message.

    >>> unpack(pack(Kind.TAKEN, 7, 1), FROM_HOST)
    Message(kind=<Kind.TAKEN: 4>, id=7, argument=1, payload=b'')
    """
    return _HEADER.pack(kind, id, argument) + payload


def unpack(frame: bytes, allowed: frozenset[Kind]) -> Message:
    """The message in a frame; LinkCorrupt if it has no such form or is not one the sender may send."""
    if len(frame) < _HEADER.size:
        raise LinkCorrupt(f"a message of {len(frame)} bytes is shorter than its header")
    number, id, argument = _HEADER.unpack_from(frame)
    if number not in allowed:
        raise LinkCorrupt(f"message kind {number} does not come from that world")
    return Message(Kind(number), id, argument, frame[_HEADER.size :])


class WireCase(NamedTuple):
    """A case of SELECT: the value is None for a receive."""

    channel: int
    value: bytes | None


_CASE = struct.Struct("<BQI")


def pack_cases(cases: list[WireCase]) -> bytes:
    """The payload of SELECT.

    >>> unpack_cases(pack_cases([WireCase(1, None), WireCase(2, b"x")]), 2)
    [WireCase(channel=1, value=None), WireCase(channel=2, value=b'x')]
    """
    parts = []
    for channel, value in cases:
        parts.append(_CASE.pack(value is not None, channel, 0 if value is None else len(value)))
        if value is not None:
            parts.append(value)
    return b"".join(parts)


def unpack_cases(payload: bytes, most: int) -> list[WireCase]:
    """The cases in a payload, at most `most`; LinkCorrupt if it is anything else."""
    cases: list[WireCase] = []
    place = 0
    while place < len(payload):
        if len(cases) == most or len(payload) - place < _CASE.size:
            raise LinkCorrupt("malformed select cases")
        sends, channel, size = _CASE.unpack_from(payload, place)
        place += _CASE.size
        if sends > 1 or (not sends and size) or size > len(payload) - place:
            raise LinkCorrupt("malformed select cases")
        cases.append(WireCase(channel, payload[place : place + size] if sends else None))
        place += size
    return cases


def pack_error(kind: str, text: str) -> bytes:
    """The payload of FAILED and ERROR.

    >>> unpack_error(pack_error("ValueError", "no"))
    ('ValueError', 'no')
    """
    name = kind.encode("utf-8", "backslashreplace")[:200]
    return struct.pack("<H", len(name)) + name + text.encode("utf-8", "backslashreplace")


def unpack_error(payload: bytes) -> tuple[str, str]:
    """Error type and message; LinkCorrupt if it is anything else."""
    if len(payload) < 2:
        raise LinkCorrupt("malformed error")
    (size,) = struct.unpack_from("<H", payload)
    if size > len(payload) - 2:
        raise LinkCorrupt("malformed error")
    try:
        return payload[2 : 2 + size].decode(), payload[2 + size :].decode()
    except UnicodeDecodeError:
        raise LinkCorrupt("malformed error") from None


def pack_capacity(capacity: int) -> bytes:
    """The payload of LENGTH.

    >>> unpack_capacity(pack_capacity(3))
    3
    """
    return struct.pack("<Q", capacity)


def unpack_capacity(payload: bytes) -> int:
    """A channel's capacity; LinkCorrupt if it is anything else."""
    if len(payload) != 8:
        raise LinkCorrupt("malformed capacity")
    (capacity,) = struct.unpack("<Q", payload)
    return int(capacity)
