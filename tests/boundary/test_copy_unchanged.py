"""Values that a copy could change without a word: each arrives equal to the last attribute, or is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import struct
import zoneinfo
from typing import Any, Generic, TypeVar

import msgspec
import pytest
from copy_samples import equal

from gotee.boundary.copy import codec_for
from gotee.errors import BoundaryTypeError, UsageError

T = TypeVar("T")


def copied(annotation: Any, value: Any) -> Any:
    codec = codec_for(annotation)
    return codec.decode(codec.encode(value))


@dataclasses.dataclass
class Counted:
    """Its test changes a list in place, and refuses long ones."""

    parts: list[int]
    inner: Counted | None = None

    def __post_init__(self) -> None:
        self.parts.append(len(self.parts))
        if len(self.parts) > 5:
            raise ValueError("too many parts")


class Struct(msgspec.Struct, frozen=True):
    parts: list[int]
    inner: Struct | None = None

    def __post_init__(self) -> None:
        self.parts.append(len(self.parts))
        if len(self.parts) > 5:
            raise ValueError("too many parts")


@pytest.mark.parametrize("cls", [Counted, Struct])
def test_what_a_post_init_changes_in_place_is_not_kept(cls: Any) -> None:
    value = cls([7], cls([], cls([1, 2])))
    assert copied(cls, value) == value
    assert copied(list[cls], [value, value]) == [value, value]


@pytest.mark.parametrize("cls", [Counted, Struct])
def test_a_post_init_deep_inside_still_refuses(cls: Any) -> None:
    deepest = cls([1])
    deepest.parts.extend([2, 3, 4])
    with pytest.raises(BoundaryTypeError, match="too many parts") as caught:
        copied(cls, cls([], cls([], deepest)))
    assert caught.value.path == "inner.inner"


def test_testing_an_object_takes_two_passes_however_deep_it_is() -> None:
    """A test at each depth of its own pass would double the work with every level."""
    tested = 0

    @dataclasses.dataclass
    class Deep:
        parts: list[int]
        inner: Any = None

        def __post_init__(self) -> None:
            nonlocal tested
            tested += 1

    codec = codec_for(Any, known=[Deep])
    value = None
    for _ in range(30):
        value = Deep([], value)
    data = codec.encode(value)
    tested = 0
    assert codec.decode(data) == value
    assert tested == 30


class Doubling:
    """A descriptor that changes what is assigned."""

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return 0 if owner is None else vars(owner)["amount"]

    def __set__(self, owner: Any, value: int) -> None:
        vars(owner)["amount"] = 2 * value


@dataclasses.dataclass
class Doubled:
    amount: int = Doubling()  # type: ignore[assignment]


def test_a_field_whose_descriptor_changes_its_value_is_refused() -> None:
    with pytest.raises(BoundaryTypeError, match="changes what is assigned"):
        copied(Doubled, Doubled(3))


@dataclasses.dataclass
class Shown:
    amount: int

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        return value + 1 if name == "amount" else value


def test_fields_are_copied_as_they_are_stored() -> None:
    assert vars(copied(Shown, Shown(1))) == {"amount": 1}


def _lying_zone() -> zoneinfo.ZoneInfo:
    header = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    local = struct.pack(">lbb", 3600, 0, 0) + b"ABC\0"
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(header + local + header + local + b"\nABC-1\n"), key="Europe/Paris")


def test_a_zone_that_only_bears_a_name_is_refused() -> None:
    zone = _lying_zone()
    assert zone.key == "Europe/Paris"
    for annotation, value in ((zoneinfo.ZoneInfo, zone), (dt.datetime, dt.datetime(2024, 7, 1, tzinfo=zone))):
        with pytest.raises(BoundaryTypeError, match="time zone"):
            codec_for(annotation).encode(value)


def test_a_zone_that_this_world_does_not_have_is_refused_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = codec_for(dt.datetime).encode(dt.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")))

    def unknown(key: str) -> zoneinfo.ZoneInfo:
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", unknown)
    with pytest.raises(BoundaryTypeError, match="not known in this world: inside, zones come from the package tzdata"):
        codec_for(dt.datetime).decode(sent)


def test_the_format_of_a_memoryview_stays_as_it_is_spelled() -> None:
    for code in ("i", "@i"):
        view = copied(memoryview, memoryview(bytearray(8)).cast(code))  # type: ignore[call-overload]
        assert (view.format, view.shape) == (code, (2,))


@dataclasses.dataclass
class Growing(Generic[T]):
    value: T
    more: Growing[list[T]] | None = None


def test_a_generic_class_without_end_is_refused_when_it_is_read() -> None:
    with pytest.raises(UsageError, match="has no end"):
        codec_for(Growing[int])


@pytest.mark.parametrize("letter", ["q", "Q", "<q", ">Q", "l", "i"])
def test_c_types_of_one_size_stay_apart_in_numpy(letter: str) -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(3).astype(letter)
    arrived = copied(np.ndarray, array)
    assert (arrived.dtype.char, arrived.dtype.str, arrived.tolist()) == (array.dtype.char, array.dtype.str, [0, 1, 2])
    assert type(copied(np.generic, array[1])) is type(array[1])


def test_numpy_contents_that_the_other_world_would_refuse_are_refused_before_they_are_sent() -> None:
    np = pytest.importorskip("numpy")
    for array in (np.array([2], np.uint8).view(bool), np.array([0x110000], np.uint32).view("U1"), np.zeros(2, "c")):
        with pytest.raises(BoundaryTypeError):
            codec_for(np.ndarray).encode(array)


def test_equal_means_equal_here() -> None:
    assert not equal(1, True)
    assert not equal(0.0, -0.0)
