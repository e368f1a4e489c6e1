"""The promise: for any value of any type, type and value arrive equal, or BoundaryTypeError has the path."""

from __future__ import annotations

import datetime as dt
import decimal
import typing
import uuid
from typing import Any

import pytest
from copy_samples import BERLIN, UTC5, Access, Box, Colour, Fancy, Item, Level, Movie, Order, Pair, equal
from hypothesis import given
from hypothesis import strategies as st

from gotee.boundary.check import key_place
from gotee.boundary.copy import codec_for
from gotee.errors import BoundaryTypeError

WRONG = object()  # no annotation but Any names it, and it crosses nowhere
Case = tuple[Any, Any, str | None]  # annotation, value, path of the one wrong part or None

_zones = st.sampled_from([None, dt.UTC, UTC5, BERLIN])
_values: dict[Any, st.SearchStrategy[Any]] = {
    None: st.none(),
    bool: st.booleans(),
    int: st.integers() | st.booleans() | st.integers(2**62, 2**66),
    float: st.floats() | st.integers() | st.booleans(),
    complex: st.complex_numbers(),
    str: st.text(st.characters()) | st.text(st.characters(categories=["Cs", "L"])),
    bytes: st.binary(max_size=9),
    bytearray: st.binary(max_size=9).map(bytearray),
    dt.date: st.dates(),
    dt.datetime: st.datetimes(timezones=_zones, allow_imaginary=True).flatmap(
        lambda d: st.sampled_from([0, 1]).map(lambda f: d.replace(fold=f))
    ),
    dt.time: st.times(timezones=_zones),
    dt.timedelta: st.timedeltas(),
    uuid.UUID: st.uuids(),
    decimal.Decimal: st.decimals(),
    Level: st.sampled_from(Level),
    Colour: st.sampled_from(Colour),
    Access: st.integers(0, 3).map(Access),
    typing.Literal["a", 2, True]: st.sampled_from(["a", 2, True]),
}
_values[Order] = st.builds(Order, _values[int], _values[decimal.Decimal])
try:
    import numpy as np
except ImportError:
    pass
else:
    _kinds = ["?", "<i1", "<u8", ">i4", "<f2", ">f8", "<c16", "<M8[us]", ">m8[D]", "S3", "<U2"]
    _values[np.ndarray] = st.tuples(st.sampled_from(_kinds), st.integers(0, 3), st.integers(0, 3), st.booleans()).map(
        lambda of: np.arange(of[1] * of[2]).astype(of[0]).reshape(of[1], of[2], order="F" if of[3] else "C")
    )
_hashable = (None, bool, int, str, bytes, uuid.UUID, Level, dt.date)


@st.composite
def leaves(draw: st.DrawFn, among: Any = tuple(_values)) -> Case:
    annotation = draw(st.sampled_from(among))
    return annotation, draw(_values[annotation]), None


def under(place: str, path: str | None) -> str | None:
    return None if path is None else place + path


@st.composite
def containers(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    annotation, value, path = draw(inner)
    made = draw(st.integers(0, 10))
    count = draw(st.integers(0, 2))
    before = [value] * count if path is None else []
    at = f"[{len(before)}]"
    if made == 0:
        return list[annotation], [*before, value], under(at, path)  # type: ignore[valid-type]
    if made == 1:
        return tuple[annotation, ...], (*before, value), under(at, path)
    if made == 2:
        other, more, _ = draw(leaves())
        return tuple[other, annotation], (more, value), under("[1]", path)  # type: ignore[valid-type]
    if made == 3:
        kind, key, _ = draw(leaves(_hashable))
        return dict[kind, annotation], {key: value}, under(key_place(key), path)  # type: ignore[valid-type]
    if made == 4:
        return Box[annotation], Box(value), under(".inside", path)  # type: ignore[valid-type]
    if made == 5:
        return typing.Optional[annotation], draw(st.sampled_from([value, None])) if path is None else value, path  # noqa: UP045
    if made == 6 and path is None:
        other, _, _ = draw(leaves())
        return typing.Union[annotation, other], value, None  # noqa: UP007
    if made == 7 and path is None:
        return Any, [value] if not _has_classes(value) else [1], None
    if made == 8 and path is None:
        keys = draw(st.frozensets(_values_of(_hashable), max_size=4))
        return frozenset, keys, None
    if made == 9:
        item = Item(1, "k", ["a"])
        return tuple[annotation, Item, Pair], (value, item, Pair(1, b"x")), under("[0]", path)  # type: ignore[valid-type]
    movie: Movie = {"title": "t"}
    return dict[str, tuple[Movie, annotation]], {"k": (movie, value)}, under("['k'][1]", path)  # type: ignore[valid-type]


def _values_of(among: Any) -> st.SearchStrategy[Any]:
    return st.one_of([_values[one] for one in among if one is not Level])


def _has_classes(value: Any) -> bool:
    if isinstance(value, list | tuple | set | frozenset):
        return type(value) not in (list, tuple, set, frozenset) or any(map(_has_classes, value))
    if isinstance(value, dict):
        return any(map(_has_classes, [*value, *value.values()]))
    return type(value).__module__ == "copy_samples"


@st.composite
def wrong(draw: st.DrawFn) -> Case:
    annotation = draw(st.sampled_from([a for a in _values if a is not None]))
    bad = draw(st.sampled_from([WRONG, Fancy("x"), len, Level if annotation is not Level else len]))
    return annotation, bad, ""


cases = st.recursive(leaves(), containers, max_leaves=4)
wrong_cases = st.recursive(wrong(), containers, max_leaves=4)


@given(cases)
def test_value_and_type_arrive_equal(case: Case) -> None:
    annotation, value, _ = case
    codec = codec_for(annotation)
    assert equal(codec.decode(codec.encode(value)), value)


@given(wrong_cases)
def test_wrong_part_is_refused_with_its_path(case: Case) -> None:
    annotation, value, path = case
    assert path is not None
    with pytest.raises(BoundaryTypeError) as caught:
        codec_for(annotation).encode(value)
    assert caught.value.path == path.removeprefix(".")


@given(cases, cases)
def test_value_of_another_type_arrives_equal_or_is_refused(one: Case, two: Case) -> None:
    codec = codec_for(one[0])
    try:
        data = codec.encode(two[1])
    except BoundaryTypeError:
        return
    assert equal(codec.decode(data), two[1])
