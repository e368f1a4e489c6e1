"""The form of a value does not depend on the order in which a union or a Literal was written, in which world."""

from __future__ import annotations

import enum
import sys
import types
from typing import Any, List, Literal, Union  # noqa: UP035 - its cache is what is tested

import msgspec
import pytest
from copy_samples import Item, equal

from gotee.boundary.canonical import Elements
from gotee.boundary.copy import codec_for
from gotee.boundary.types import Scope, same_type


class Letter(enum.Enum):
    A = "a"


@pytest.mark.parametrize(
    ("one", "two", "values"),
    [
        (str | bytes, bytes | str, ["\ud800", b"x"]),
        (Literal["a", 1, b"x", Letter.A], Literal[Letter.A, b"x", 1, "a"], ["a", 1, b"x", Letter.A]),
        (Union[int, list[bytes | str]], Union[list[str | bytes], int], [1, ["\ud800", b"x"]]),  # noqa: UP007
        (Item | tuple[int, ...] | None, None | tuple[int, ...] | Item, [Item(1, "a"), (1,), None]),
        (dict[str, Literal[1, 2]], dict[str, Literal[2, 1]], [{"a": 1, "b": 2}]),
    ],
)
def test_another_spelling_has_the_same_form(one: Any, two: Any, values: list[Any]) -> None:
    for value in values:
        assert codec_for(one).encode(value) == codec_for(two).encode(value)
        assert equal(codec_for(two).decode(codec_for(one).encode(value)), value)
    assert Elements(one, Scope()).text == Elements(two, Scope()).text


def test_typing_hands_out_the_spelling_that_it_met_first() -> None:
    """Why the order of a spelling means nothing; the day this fails, the texts are still right."""
    assert List[Literal["p", "q"]] is List[Literal["q", "p"]]  # noqa: UP006


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Literal[1], Literal[True]),
        (list[Literal[1]], list[Literal[True]]),
        (int, bool),
        (list[int], list),
        (tuple[int], tuple[int, ...]),
        (Literal["1"], Literal[1]),
    ],
)
def test_other_types_have_other_texts(one: Any, two: Any) -> None:
    assert Elements(one, Scope()).text != Elements(two, Scope()).text


def test_a_literal_of_1_is_not_one_of_true() -> None:
    assert not same_type(Literal[1], Scope(), Literal[True], Scope())
    assert same_type(Literal[1, "a"], Scope(), Literal["a", 1], Scope())


def test_a_name_in_brackets_is_that_of_its_own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Box["Part"] stands in two modules and means two classes."""
    classes = []
    for name, kind in (("first_room", int), ("second_room", str)):
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(
            "import dataclasses, copy_samples\n"
            f"@dataclasses.dataclass\nclass Part:\n    value: {kind.__name__}\n"
            "@dataclasses.dataclass\nclass Whole:\n    box: copy_samples.Box['Part']\n",
            vars(module),
        )
        classes.append(module)
    one, two = (m.Whole for m in classes)
    from copy_samples import Box

    codec = codec_for(tuple[one, two])
    value = (one(Box(classes[0].Part(1))), two(Box(classes[1].Part("x"))))
    assert equal(codec.decode(codec.encode(value)), value)


def test_constraints_are_part_of_the_text() -> None:
    from typing import Annotated

    texts = {Elements(a, Scope()).text for a in (int, Annotated[int, msgspec.Meta(ge=0)], Annotated[int, "a note"])}
    assert len(texts) == 2
