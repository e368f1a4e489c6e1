"""NumPy arrays and scalars cross with dtype, byte order, shape and order; pointers and padding never do."""

from __future__ import annotations

from typing import Any

import pytest
from copy_samples import equal

from gotee.boundary.copy import codec_for
from gotee.errors import BoundaryTypeError

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
