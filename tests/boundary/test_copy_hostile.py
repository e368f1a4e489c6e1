"""Whatever the bytes, decoding gives a value of the type or a clean error, in bounded memory."""

from __future__ import annotations

import contextlib
import tracemalloc
from typing import Any

import pytest
from copy_samples import GOOD, Item, Order, Pair, Point
from hypothesis import given
from hypothesis import strategies as st

from gotee.boundary.copy import codec_for
from gotee.boundary.entries import entry_codec
from gotee.boundary.limits import FrameError, Limits, scan
from gotee.errors import BoundaryTypeError, GoteeError, Overloaded

CODECS = [codec_for(annotation) for annotation, _ in GOOD]
FRAMES = [(codec, codec.encode(value)) for codec, (_, value) in zip(CODECS, GOOD, strict=True)]
CODECS.append(codec_for(Any, known=[Item, Order, Pair, Point]))
CLEAN = (BoundaryTypeError, FrameError, Overloaded)


def entry(a: int, *rest: Item, k: str = "", **more: Any) -> None: ...


ENTRY = entry_codec(entry)
LIMITS = Limits(items=50_000)  # counting the default million under tracemalloc would take seconds


def decode(codec: Any, data: bytes) -> None:
    """A value of the type can be encoded again; anything else must be a clean error."""
    try:
        value = codec.decode(data)
    except CLEAN:
        return
    codec.encode(value)


@given(st.sampled_from(CODECS), st.booleans(), st.binary(max_size=60))
def test_random_bytes_give_a_value_or_a_clean_error(codec: Any, general: bool, data: bytes) -> None:
    decode(codec, b"\xc1" + data if general else data)


@given(st.sampled_from(FRAMES), st.data())
def test_mutated_frames_give_a_value_or_a_clean_error(case: Any, data: st.DataObject) -> None:
    codec, frame = case
    mutated = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(mutated) - 1)) if mutated else 0
        match data.draw(st.sampled_from("rid")):
            case "r" if mutated:
                mutated[at] = data.draw(st.integers(0, 255))
            case "i":
                mutated.insert(at, data.draw(st.integers(0, 255)))
            case _:
                del mutated[at : at + 1]
    decode(codec, bytes(mutated))


@given(st.sampled_from(CODECS), st.sampled_from(FRAMES))
def test_frames_of_another_type_give_a_value_or_a_clean_error(codec: Any, case: Any) -> None:
    decode(codec, case[1])


@given(st.booleans(), st.binary(max_size=60))
def test_random_calls_give_arguments_or_a_clean_error(general: bool, data: bytes) -> None:
    with contextlib.suppress(*CLEAN):
        ENTRY.decode_call(b"\xc1" + data if general else data)


@pytest.mark.parametrize("annotation", [list, list[int], list[list[int]], dict[str, int], Any, list[Item]])
@pytest.mark.parametrize(
    "head",
    [
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\x00\x98\x96\x80" + b"\x90" * 10_000_000,
        b"\x91" * 1_000_000,
    ],
)
def test_hostile_frame_is_refused_in_bounded_memory(annotation: Any, head: bytes) -> None:
    codec = codec_for(annotation)
    for data in (head, b"\xc1" + head):
        tracemalloc.start()
        try:
            with pytest.raises(GoteeError):
                codec.decode(data, LIMITS)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 1_000_000


def test_hostile_zone_name_reaches_no_file() -> None:
    import msgspec

    for name in ("../../etc/passwd", "/etc/passwd", "Europe/../x", "a" * 1000, "America", ""):
        data = b"\xc1" + msgspec.msgpack.encode(name)
        with pytest.raises(BoundaryTypeError):
            codec_for(__import__("zoneinfo").ZoneInfo).decode(data)


@given(
    st.recursive(
        st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(max_size=300),
        lambda inner: st.lists(inner, max_size=20),
    )
)
def test_scan_counts_what_a_decoder_would_build(value: Any) -> None:
    import msgspec

    def count(one: Any) -> int:
        return 1 + (sum(map(count, one)) if isinstance(one, list) else 0)

    data = msgspec.msgpack.encode(value)
    scan(data, Limits(items=count(value), depth=1000), "x")
    with pytest.raises(Overloaded):
        scan(data, Limits(items=count(value) - 1, depth=1000), "x")
    with pytest.raises(FrameError):
        scan(data[:-1], Limits(), "x")
    with pytest.raises(FrameError):
        scan(data + b"\0", Limits(), "x")
