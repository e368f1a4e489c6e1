"""NumPy arrays and scalars cross with dtype, byte order, shape and order; pointers and padding never do."""

from __future__ import annotations

from typing import Any

import pytest
from copy_samples import equal

from gotee.boundary.copy import codec_for
from gotee.boundary.limits import FrameError, Limits
from gotee.errors import BoundaryTypeError, Overloaded

np = pytest.importorskip("numpy")


def frozen(array: Any) -> Any:
    array.flags.writeable = False
    return array


ARRAYS = [
    np.arange(6, dtype="<i4").reshape(2, 3),
    np.arange(6, dtype=">u2"),
    np.asfortranarray(np.ones((2, 3))),
    np.array(5.5),
    np.zeros((0, 3), "c16"),
    np.array([True, False]),
    np.array(["2024-01-01", "NaT"], "M8[ms]"),
    np.array(["a", "é\U0001f600"]),
    np.array([b"a", b"bc"]),
    np.array([1.5, np.nan], "f2"),
    frozen(np.ones(3)),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype.str}{a.shape}")
@pytest.mark.parametrize("annotation", [np.ndarray, Any, np.ndarray[Any, Any]])
def test_array_arrives_equal(annotation: Any, array: Any) -> None:
    codec = codec_for(list[annotation])
    (arrived,) = codec.decode(codec.encode([array]))
    assert equal(arrived, array)


def test_strided_view_arrives_with_its_elements_only() -> None:
    codec = codec_for(np.ndarray)
    view = np.arange(10)[::3]
    assert len(codec.encode(view)) < 80
    assert codec.decode(codec.encode(view)).tolist() == [0, 3, 6, 9]


@pytest.mark.parametrize(
    "scalar", [np.float64(-0.0), np.int32(5), np.bool_(True), np.datetime64("2024-01-01"), np.complex64(1j)]
)
@pytest.mark.parametrize("typed", [True, False])
def test_scalar_arrives_equal(scalar: Any, typed: bool) -> None:
    codec = codec_for(type(scalar) if typed else Any)
    assert equal(codec.decode(codec.encode(scalar)), scalar)


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.zeros(2, "i4,f8"),
        np.zeros(2, np.longdouble),
        np.ma.array([1]),
        np.str_("a"),
    ],
    ids=lambda v: type(v).__name__ + str(getattr(v, "dtype", "")),
)
def test_pointers_and_padding_are_refused(value: Any) -> None:
    with pytest.raises(BoundaryTypeError):
        codec_for(Any).encode(value)


def test_annotated_dtype_and_axes_are_enforced() -> None:
    codec = codec_for(np.ndarray[tuple[int, int], np.dtype[np.float64]])
    assert codec.decode(codec.encode(np.ones((2, 2)))).shape == (2, 2)
    for bad in (np.ones(2), np.ones((2, 2), "f4")):
        with pytest.raises(BoundaryTypeError):
            codec.encode(bad)
        with pytest.raises(BoundaryTypeError):
            codec.decode(codec_for(np.ndarray).encode(bad))


def test_numpy_float_does_not_become_a_float() -> None:
    with pytest.raises(BoundaryTypeError, match="not cut"):
        codec_for(float).encode(np.float64(1))


@pytest.mark.parametrize(
    "plain",
    [
        ["|O", [1], False, True, bytes(8)],
        ["<i4", [2**62, 2**62], False, True, b""],
        ["<i4", [-1, -1], False, True, bytes(4)],
        ["|b1", [1], False, True, b"\x02"],
        ["<U1", [1], False, True, b"\xff\xff\xff\xff"],
        ["i4,f4", [1], False, True, bytes(8)],
        ["<i4", [0, 2**62], False, True, b""],
    ],
)
def test_hostile_array_is_refused_or_empty(plain: Any) -> None:
    import msgspec

    codec = codec_for(np.ndarray)
    try:
        array = codec.decode(b"\xc1" + msgspec.msgpack.encode(plain))
    except BoundaryTypeError:
        return
    assert array.size == 0


# -- large contents, which stand behind the frame's plain form


LONG = 10_000
BIG = [
    np.arange(LONG, dtype="<f8"),
    np.arange(LONG, dtype=">i8").reshape(100, 100),
    np.asfortranarray(np.arange(LONG, dtype="f8").reshape(50, 200)),
    np.arange(2 * LONG, dtype="f8")[::2],
    np.ones(8 * LONG, bool),
    np.full(LONG, "é\U0001f600"),
    np.full(LONG, "2024-01-01", "M8[ms]"),
    frozen(np.ones(LONG)),
]


@pytest.mark.parametrize("array", BIG, ids=lambda a: f"{a.dtype.str}{a.shape}")
@pytest.mark.parametrize("given", [True, False])
def test_large_array_arrives_equal_and_aligned(array: Any, given: bool) -> None:
    codec = codec_for(tuple[int, np.ndarray, Any])
    number, first, second = codec.decode(codec.encode((1, array, array)), given=given)
    array = array if array.flags.forc else np.ascontiguousarray(array)
    assert number == 1 and equal(first, array) and equal(second, array)
    assert first.flags.aligned and second.flags.aligned
    if array.flags.writeable:
        first[...] = first[::-1].copy()
        assert equal(second, array)


def test_a_frame_that_is_kept_does_not_change_with_what_was_made_of_it() -> None:
    codec = codec_for(np.ndarray)
    frame = codec.encode(np.zeros(LONG))
    codec.decode(frame)[:] = 1
    assert not codec.decode(frame).any()


def test_a_large_array_beyond_the_limit_is_refused_on_both_sides() -> None:
    codec, limits = codec_for(np.ndarray), Limits(frame_bytes=8 * LONG)
    with pytest.raises(Overloaded, match="the limit is 80000"):
        codec.encode(np.zeros(LONG), limits=limits)
    with pytest.raises(Overloaded, match="the limit is 80000"):
        codec.decode(codec.encode(np.zeros(LONG)), limits)


def with_blob(plain: Any, sizes: list[Any], data: bytes, pad: int = 0) -> bytes:
    import msgspec

    body = msgspec.msgpack.encode([plain, [], sizes])
    head = b"\xc1\xc1\xc1\0" + len(body).to_bytes(4, "little") + body
    return head + bytes(-len(head) % 16 + pad) + data


def described(number: Any, size: int = 8 * LONG, dtype: str = "<f8") -> list[Any]:
    return [dtype, [size // 8], False, True, number]


CONTENTS = bytes(8 * LONG)
HOSTILE = {
    "one blob for two arrays": (with_blob([described(0), described(0)], [8 * LONG], CONTENTS), "used once"),
    "a number that is none": (with_blob([described(0), described(1)], [8 * LONG], CONTENTS), "in the frame"),
    "a negative number": (with_blob([described(-1), described(0)], [8 * LONG], CONTENTS), "in the frame"),
    "a bool for a number": (with_blob([described(False), described(0)], [8 * LONG], CONTENTS), "Expected"),
    "fewer elements": (with_blob([described(0, 8), described(0)], [8 * LONG], CONTENTS), "elements"),
    "more sizes": (with_blob([], [8 * LONG, 8], CONTENTS), "other sizes"),
    "a size that is too large": (with_blob([], [2**62], CONTENTS), "other sizes"),
    "a negative size": (with_blob([], [-8], CONTENTS), "without their sizes"),
    "bytes behind the end": (with_blob([], [8 * LONG], CONTENTS + b"x"), "other sizes"),
    "a place that is not its": (with_blob([], [8 * LONG], CONTENTS, pad=8), "other sizes"),
    "a bool of 2": (with_blob([["|b1", [8 * LONG], False, True, 0]], [8 * LONG], b"\2" * 8 * LONG), "contents of"),
    "no head": (b"\xc1\xc1\xc1", "truncated"),
    "a head that is longer than the frame": (b"\xc1\xc1\xc1\0\xff\xff\xff\xff", "truncated"),
    "another kind": (b"\xc1\xc1\xc1\1\0\0\0\0", "truncated"),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("given", [True, False])
def test_hostile_frame_with_large_contents_is_refused(what: str, given: bool) -> None:
    frame, message = HOSTILE[what]
    with pytest.raises((BoundaryTypeError, FrameError), match=message):
        codec_for(list[np.ndarray]).decode(frame, given=given)
