"""The compiled way of scalars: it writes msgspec's bytes, and reads, from whatever bytes, what msgspec would."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gotee.boundary.fast import lane_for, lane_for_tuple
from gotee.boundary.limits import DEFAULT_LIMITS, FrameError
from gotee.boundary.types import Scope
from gotee.errors import BoundaryTypeError

_edges = st.sampled_from([s * 2**n + d for n in (5, 7, 8, 15, 16, 31, 32, 63, 64) for s in (1, -1) for d in (-1, 0, 1)])
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    type(None): st.none(),
    bool: st.booleans(),
    int: st.integers(-(2**65), 2**65) | _edges,
    float: st.floats(),
    str: st.text(max_size=40) | st.sampled_from([31, 32, 255, 256, 500, 65535, 65536]).map(lambda n: "x" * n),
    bytes: st.binary(max_size=40) | st.sampled_from([255, 256, 500, 65535, 65536]).map(bytes),
}
classes = st.lists(st.sampled_from(list(VALUES)), max_size=17).map(tuple)
frames = st.binary(max_size=4)
HONEST = [
    (type(None), None),
    (bool, True),
    (int, 5),
    (int, -300),
    (int, 2**40),
    (int, 2**63),
    (float, 0.5),
    (str, "abc"),
    (str, "\u00e9" * 20),
    (bytes, b"xyz"),
]


def bits(value: Any) -> Any:
    """What tells two values apart, NaN by its bits."""
    if type(value) is tuple:
        return tuple(map(bits, value))
    return type(value), struct.pack("<d", value) if type(value) is float else value


def tried(decode: Any) -> Any:
    try:
        return bits(decode())
    except (BoundaryTypeError, FrameError, msgspec.DecodeError, ValueError, RecursionError):
        return "refused"


@given(st.data())
def test_what_is_written_is_what_msgspec_writes_and_arrives_equal(data: st.DataObject) -> None:
    kinds = data.draw(classes)
    value = data.draw(st.tuples(*map(VALUES.__getitem__, kinds)))
    lane = lane_for_tuple([(kind, Scope()) for kind in kinds])
    assert lane is not None
    frame = lane.encode(value, DEFAULT_LIMITS, "args")
    try:
        expected = msgspec.msgpack.encode(value)
    except (OverflowError, UnicodeEncodeError):
        assert frame is None
        return
    assert frame == expected
    assert bits(lane.decode(frame, DEFAULT_LIMITS, "args", "args")) == bits(value)


@given(st.data())
def test_one_scalar_goes_the_same_way(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(list(VALUES)))
    value = data.draw(VALUES[kind])
    lane = lane_for(kind, Scope())
    assert lane is not None
    frame = lane.encode(value, DEFAULT_LIMITS, "value")
    if frame is not None:
        assert frame == msgspec.msgpack.encode(value)
        assert bits(lane.decode(frame, DEFAULT_LIMITS, "", "value")) == bits(value)


@given(
    st.lists(st.sampled_from(HONEST), max_size=5), st.lists(st.tuples(st.integers(0, 99), st.integers(0, 255))), frames
)
def test_hostile_bytes_give_what_msgspec_gives_or_are_refused(
    items: list[tuple[Any, Any]], changes: list[tuple[int, int]], tail: bytes
) -> None:
    kinds = tuple(kind for kind, _ in items)
    frame = bytearray(msgspec.msgpack.encode(tuple(value for _, value in items)) + tail)
    for place, byte in changes:
        frame[place % len(frame)] = byte
    lane = lane_for_tuple([(kind, Scope()) for kind in kinds])
    assert lane is not None
    plain = msgspec.msgpack.Decoder(tuple[kinds])  # type: ignore[valid-type]
    for cut in (bytes(frame), bytes(frame[:-1]), bytes(frame[: len(frame) - len(tail)])):
        assert tried(lambda cut=cut: lane.decode(cut, DEFAULT_LIMITS, "args", "args")) == tried(
            lambda cut=cut: plain.decode(cut)
        )


def test_every_prefix_of_a_frame_is_refused() -> None:
    kinds = (int, int, int, float, str, str, bytes, bool, type(None))
    frame = msgspec.msgpack.encode((1, 2**40, -(2**20), 1.5, "a" * 40, "é" * 200, b"b" * 300, True, None))
    lane = lane_for_tuple([(kind, Scope()) for kind in kinds])
    assert lane is not None
    for size in range(len(frame)):
        assert tried(lambda cut=frame[:size]: lane.decode(cut, DEFAULT_LIMITS, "args", "args")) == "refused"
    assert tried(lambda: lane.decode(frame + b"\x00", DEFAULT_LIMITS, "args", "args")) == "refused"
