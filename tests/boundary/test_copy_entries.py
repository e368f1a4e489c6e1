"""Calls are bound to the signature in both worlds; paths say where the caller wrote the bad part."""

from __future__ import annotations

from typing import Any

import pytest
from copy_samples import Item

from gotee.boundary.channelkind import channel_kind, register_channel_type
from gotee.boundary.copy import codec_for
from gotee.boundary.entries import entry_codec
from gotee.boundary.limits import FrameError
from gotee.errors import BoundaryTypeError, UsageError


def simple(a: int, b: str = "x") -> bytes:
    return b""


def every(a: int, /, b: str, *rest: int, c: float, d: Item | None = None, **more: str) -> list[int]:
    return []


def bare(a, b=2):  # type: ignore[no-untyped-def]
    return a


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (simple, (1, "b"), {}),
        (simple, (1,), {}),
        (simple, (2**90, "b"), {}),
        (simple, (), {"b": "y", "a": 1}),
        (every, (1, "b", 3, 4), {"c": 1.5, "z": "z"}),
        (every, (1,), {"b": "b", "c": 2, "d": Item(1, "k"), "a": "into more"}),
        (bare, ([1, (2,)],), {"b": {3}}),
    ],
)
def test_call_arrives_as_it_was_made(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    codec = entry_codec(function)
    assert codec.decode_call(codec.encode_call(args, kwargs)) == (args, kwargs)


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (simple, (), {}),
        (simple, (1, "b", 2), {}),
        (simple, (1,), {"a": 1}),
        (simple, (1,), {"z": 1}),
        (every, (1, "b"), {}),
        (every, (), {"a": 1, "b": "", "c": 1.0}),
    ],
)
def test_call_that_the_signature_refuses_is_refused_in_both_worlds(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        function(*args, **kwargs)
    codec = entry_codec(function)
    with pytest.raises(BoundaryTypeError):
        codec.encode_call(args, kwargs)

    def anything(*args, **kwargs):  # type: ignore[no-untyped-def]
        """What a hostile caller would encode with."""

    with pytest.raises((BoundaryTypeError, FrameError)):
        codec.decode_call(entry_codec(anything).encode_call(args, kwargs))


@pytest.mark.parametrize(
    ("args", "kwargs", "path"),
    [
        (("1", "b"), {"c": 1.0}, "args[0]"),
        ((1, "b", 3, "4"), {"c": 1.0}, "args[3]"),
        ((1, "b"), {"c": "x"}, "kwargs['c']"),
        ((1, "b"), {"c": 1.0, "z": 1}, "kwargs['z']"),
        ((1, "b"), {"c": 1.0, "d": Item(1, "k", [2])}, "kwargs['d'].tags[0]"),  # type: ignore[list-item]
    ],
)
def test_path_of_a_bad_argument(args: tuple[Any, ...], kwargs: dict[str, Any], path: str) -> None:
    with pytest.raises(BoundaryTypeError) as caught:
        entry_codec(every).encode_call(args, kwargs)
    assert caught.value.path == path


def test_path_of_a_bad_result() -> None:
    with pytest.raises(BoundaryTypeError) as caught:
        entry_codec(every).encode_result([1, None])
    assert caught.value.path == "result[1]"


def test_only_plain_functions_are_entries() -> None:
    with pytest.raises(UsageError):
        entry_codec(len)


class Pipe:
    def __init__(self, element: Any) -> None:
        self.element = element

    def __class_getitem__(cls, element: Any) -> Any:
        import types

        return types.GenericAlias(cls, (element,))


class Hooks:
    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.given_up: list[int] = []

    def give_up(self, numbers: list[int]) -> None:
        self.given_up += numbers

    def encode_channel(self, channel: Any, elements: Any) -> int:
        self.sent.append(channel)
        return len(self.sent) - 1

    def decode_channel(self, number: int, elements: Any) -> Any:
        return self.sent[number]


@pytest.fixture
def pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    import gotee.boundary.channelkind as room

    monkeypatch.setattr(room, "_channel", channel_kind())
    register_channel_type(Pipe, lambda pipe: pipe.element)


@pytest.mark.usefixtures("pipes")
def test_channels_cross_as_numbers_anywhere() -> None:
    hooks = Hooks()
    pipe = Pipe(int)
    codec = codec_for(dict[str, list[Pipe[int]]])  # type: ignore[type-arg]
    data = codec.encode({"a": [pipe]}, channels=hooks)
    assert hooks.sent == [pipe]
    assert codec.decode(data, channels=hooks) == {"a": [pipe]}
    with pytest.raises(BoundaryTypeError, match="cannot cross here"):
        codec.encode({"a": [pipe]})


@pytest.mark.usefixtures("pipes")
def test_channels_of_a_value_that_cannot_be_built_are_given_up() -> None:
    hooks = Hooks()
    data = codec_for(tuple[int, Pipe[int], Pipe[int]]).encode((1, Pipe(int), Pipe(int)), channels=hooks)  # type: ignore[type-arg]
    with pytest.raises(BoundaryTypeError):
        codec_for(tuple[str, Pipe[int], Pipe[int]]).decode(data, channels=hooks)  # type: ignore[type-arg]
    assert hooks.given_up == [0, 1]


@pytest.mark.usefixtures("pipes")
@pytest.mark.parametrize("numbers", [None, 1, [-1], ["x"], [1.5], [True]])
def test_a_frame_whose_channels_are_not_listed_is_malformed(numbers: Any) -> None:
    import msgspec

    data = b"\xc1\xc1" + msgspec.msgpack.encode([[0], numbers])
    with pytest.raises(FrameError):
        codec_for(Pipe[int]).decode(data, channels=Hooks())  # type: ignore[type-arg]


@pytest.mark.usefixtures("pipes")
def test_channel_of_another_element_type_is_refused() -> None:
    with pytest.raises(BoundaryTypeError, match=r"Expected Chan\[int\], got Chan\[str\]"):
        codec_for(list[Pipe[int]]).encode([Pipe(str)], channels=Hooks())  # type: ignore[type-arg]


@pytest.mark.usefixtures("pipes")
def test_refused_value_has_crossed_no_channel() -> None:
    hooks = Hooks()
    with pytest.raises(BoundaryTypeError):
        codec_for(tuple[Pipe[int], int]).encode((Pipe(int), "bad"), channels=hooks)  # type: ignore[type-arg]
    assert hooks.sent == []
