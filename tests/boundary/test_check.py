"""`checker_for` follows the type checkers' rules in one world."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest
from copy_samples import BigItem, Box, Colour, Handle, Item, Level, Movie, Node, Pair, T

from gotee.boundary.check import checker_for
from gotee.errors import BoundaryTypeError, UsageError


@typing.runtime_checkable
class Named(typing.Protocol):
    number: int


class Static(typing.Protocol):
    number: int


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, True), (float, 1), (complex, 1.5), (int, Level.LOW), (Item, BigItem(1, "a")), (int | None, None),
        (list[int], [1]), (typing.Sequence[str], "abc"), (dict[str, int], {"a": 1}), (tuple[int, ...], (1, 2)),
        (tuple[int, str], (1, "a")), (Movie, {"title": "x"}), (Pair, Pair(1, "a")), (typing.Literal[1, "a"], "a"),
        (typing.Annotated[int, msgspec.Meta(ge=0)], 3), (Named, Handle(1)), (typing.Callable[[], int], len),
        (Box[int], Box("unchecked")), (type[Item], BigItem), ("Thing", 1), (typing.NewType("N", int), 1),
        ("list[Thing]", [1]), (Node, Node(1)), (Colour, Colour.RED), (typing.Iterator[int], iter([1])),
        (typing.AnyStr, b"x"),
    ],
)  # fmt: skip
def test_value_of_the_type_passes(annotation: Any, value: Any) -> None:
    check = checker_for(annotation, globalns={"Thing": int})
    assert check is not None
    check(value)


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (int, "1", ""), (int, 1.0, ""), (int, None, ""), (None, 0, ""), (BigItem, Item(1, "a"), ""),
        (list[int], [1, "a"], "[1]"), (list[int], (1,), ""), (dict[str, list[int]], {"a": [None]}, "['a'][0]"),
        (dict[str, int], {1: 1}, "[1]"), (tuple[int, str], (1, 2), "[1]"), (tuple[int, str], (1,), ""),
        (Movie, {"title": 1}, "['title']"), (Movie, {}, ""), (Pair, Pair("a"), ".left"),
        (typing.Literal[1], True, ""),
        (typing.Annotated[int, msgspec.Meta(ge=0)], -1, ""), (Named, 1, ""), (typing.Callable[[], int], 1, ""),
        (type[BigItem], Item, ""), (int | list[str], [1], "[0]"), (int | str, 1.5, ""), (typing.Never, 1, ""),
        (typing.AnyStr, 1, ""), (set[int], {"a"}, "[0]"),
    ],
)  # fmt: skip
def test_other_value_is_refused_with_its_path(annotation: Any, value: Any, path: str) -> None:
    check = checker_for(annotation)
    assert check is not None
    with pytest.raises(BoundaryTypeError) as caught:
        check(value)
    assert caught.value.path == path


@pytest.mark.parametrize("annotation", [Any, object, T, int | Any, Static])
def test_nothing_to_check_is_none(annotation: Any) -> None:
    assert checker_for(annotation) is None


@pytest.mark.parametrize("annotation", [3, "Missing", "1 +", typing.Concatenate[int, ...], list[3]])
def test_unknown_annotation_is_a_usage_error_that_names_it(annotation: Any) -> None:
    with pytest.raises(UsageError):
        checker_for(annotation)


def test_recursive_alias() -> None:
    names: dict[str, Any] = {"Json": int | list["Json"]}  # type: ignore[name-defined]  # noqa: F821
    check = checker_for("Json", globalns=names)
    assert check is not None
    check([1, [2, [3]]])
    with pytest.raises(BoundaryTypeError):
        check([1, [2, ["3"]]])
