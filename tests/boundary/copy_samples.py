"""Types and strict equality for the tests of the typed copy. Test world."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import struct
import typing
import uuid
import zoneinfo
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")


class Proto(typing.Protocol):
    id: int


class Colour(enum.Enum):
    RED = "r"
    BLUE = [1]


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Item:
    id: int
    key: str
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class BigItem(Item):
    extra: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    x: float
    y: float
    norm: float = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x is negative")
        object.__setattr__(self, "norm", self.x + self.y)


@dataclasses.dataclass
class Node:
    value: int
    next: Node | None = None


@dataclasses.dataclass
class Box(Generic[T]):
    inside: T


@dataclasses.dataclass
class Crate(Box[list[T]], Generic[T]):
    label: T


class Order(msgspec.Struct, rename="camel", omit_defaults=True, array_like=True, tag="order"):
    item_id: int
    amount: decimal.Decimal = decimal.Decimal(0)


class Pair(NamedTuple):
    left: int
    right: str | bytes = ""


class Movie(typing.TypedDict):
    title: str
    year: typing.NotRequired[int]


class Fancy(str):
    __slots__ = ()


class Handle:
    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and self.number == other.number

    __hash__ = None


def equal(one: Any, two: Any) -> bool:
    """Same type and value all the way down: NaN by bits, zero by sign, fold, zone and order of a dict."""
    if type(one) is not type(two):
        return False
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", two)
    if isinstance(one, complex):
        return equal((one.real, one.imag), (two.real, two.imag))
    if isinstance(one, decimal.Decimal):
        return one.as_tuple() == two.as_tuple()
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(equal, one, two))
    if isinstance(one, dict):
        return equal(list(one.items()), list(two.items()))
    if isinstance(one, set | frozenset):
        rest = list(two)
        for a in one:
            match = next((i for i, b in enumerate(rest) if equal(a, b)), None)
            if match is None:
                return False
            del rest[match]
        return not rest
    if isinstance(one, dt.datetime | dt.time):
        same_zone = equal(one.tzinfo, two.tzinfo)
        return same_zone and one.replace(tzinfo=None) == two.replace(tzinfo=None) and one.fold == two.fold
    if isinstance(one, dt.timezone):
        return one.__getinitargs__() == two.__getinitargs__()
    if isinstance(one, zoneinfo.ZoneInfo):
        return one.key == two.key
    if isinstance(one, range):
        return (one.start, one.stop, one.step) == (two.start, two.stop, two.step)
    if isinstance(one, memoryview):
        return (one.format, one.shape, one.readonly, one.tobytes()) == (
            two.format,
            two.shape,
            two.readonly,
            two.tobytes(),
        )
    if isinstance(one, enum.Enum):
        return one is two
    if dataclasses.is_dataclass(one):
        return all(equal(getattr(one, f.name), getattr(two, f.name)) for f in dataclasses.fields(one))
    if isinstance(one, msgspec.Struct):
        return all(equal(getattr(one, n), getattr(two, n)) for n in one.__struct_fields__)
    if type(one).__module__ == "numpy":
        flags = not hasattr(one, "flags") or (
            one.flags.f_contiguous == two.flags.f_contiguous and one.flags.writeable == two.flags.writeable
        )
        return (one.dtype.str, one.shape, one.tobytes()) == (two.dtype.str, two.shape, two.tobytes()) and flags
    return bool(one == two)


NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000001234))[0]
SIGNALLING_NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000001234))[0]
UTC5 = dt.timezone(dt.timedelta(hours=5, microseconds=3), "X")
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")

# annotation, value
GOOD: list[tuple[Any, Any]] = [
    (None, None),
    (bool, True),
    *[(int, n) for n in (0, -1, 2**63, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, 10**5000, True)],
    *[(float, x) for x in (0.0, -0.0, 1.5, float("inf"), NAN, SIGNALLING_NAN, 3, True, 2**70)],
    *[(complex, z) for z in (complex(-0.0, NAN), 1.5, 2)],
    *[(str, s) for s in ("", "é\U0001f600", "\ud800x", "\0")],
    *[(cls, cls(b"ab\0")) for cls in (bytes, bytearray)],
    (memoryview, memoryview(b"abc")),
    (memoryview, memoryview(bytearray(8)).cast("i")),
    (memoryview, memoryview(bytes(8)).cast("h", [2, 2])),
    (memoryview, memoryview(b"")),
    (list[int], [1, 2**80, True]),
    (list, [1, (2,), {3}]),
    (tuple, (1, [2])),
    (tuple[int, ...], (1, 2)),
    (tuple[int, str], (1, "a")),
    (tuple[()], ()),
    (set[int], {1, 2**70}),
    (frozenset[str], frozenset({"a", "\ud800"})),
    (dict[str, int], {"b": 1, "a": 2}),
    (dict[tuple[int, str], float], {(2, "x"): -0.0, (1, "y"): 1}),
    (dict, {None: 1, b"x": 2, frozenset({1}): 3}),
    (Colour, Colour.BLUE),
    (Level, Level.HIGH),
    (Access, Access.READ | Access.WRITE),
    (int | Level, Level.LOW),
    (dt.datetime, dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN)),
    (dt.datetime, dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)),
    (dt.datetime, dt.datetime(1, 1, 1)),
    (dt.date, dt.date(2024, 2, 29)),
    (dt.time, dt.time(1, 2, 3, 4, UTC5, fold=1)),
    (dt.timedelta, dt.timedelta(-3, 4, 5)),
    (dt.timezone, UTC5),
    (dt.timezone, dt.UTC),
    (zoneinfo.ZoneInfo, BERLIN),
    (uuid.UUID, uuid.UUID(int=5)),
    *[(decimal.Decimal, decimal.Decimal(s)) for s in ("-0E+3", "NaN123", "sNaN", "-Infinity", "1E-400")],
    (range, range(5, 5, 3)),
    (Item, Item(1, "a", ["b"])),
    (Point, Point(x=1.0, y=2.0)),
    (Node, Node(1, Node(2))),
    (Item | BigItem, BigItem(1, "a", [], 2.5)),
    (Box[int], Box(2**70)),
    (Box[Box[str]], Box(Box("a"))),
    (Crate[int], Crate([1, 2], 3)),
    (Order, Order(1)),
    (list[Order], [Order(1, decimal.Decimal("1.50"))]),
    (Pair, Pair(1, b"x")),
    (Movie, {"title": "x"}),
    (Movie, {"year": 3, "title": "x"}),
    (typing.Optional[int], None),  # noqa: UP045
    (str | bytes, b"a"),
    (str | uuid.UUID, uuid.UUID(int=1)),
    (int | float, 1),
    (bool | int, True),
    (list[int] | list[str], ["a"]),
    (list[int] | None, None),
    (typing.Literal["a", 1, None, Level.LOW], 1),
    (typing.Annotated[int, msgspec.Meta(ge=0, multiple_of=3)], 6),
    (typing.Annotated[str, msgspec.Meta(pattern="^a", max_length=3)], "ab"),
    (typing.NewType("Name", str), "x"),
    (typing.Sequence[int], (1, 2)),
    (typing.Sequence[str], "abc"),
    (typing.Mapping[str, int], {"a": 1}),
    (typing.Iterable[int], {1, 2}),
    (T, {"x": 1}),
    (msgspec.UnsetType | int, msgspec.UNSET),
    (Any, [None, True, 2**70, NAN, "\ud800", b"", bytearray(b"x"), (1,), {2}, {"k": dt.UTC}, 1j, range(3)]),
    (object, [dt.datetime(2024, 1, 1, tzinfo=BERLIN), uuid.UUID(int=9), decimal.Decimal("1.0")]),
]

# annotation, value, path, part of the message
BAD: list[tuple[Any, Any, str, str]] = [
    (int, "1", "", "Expected int, got str"),
    (int, Level.LOW, "", "not cut to its base"),
    (int, 1.0, "", "Expected int, got float"),
    (bool, 1, "", "Expected bool"),
    (str, Fancy("x"), "", "not cut to its base"),
    (str, b"x", "", "Expected str"),
    (None, 0, "", "Expected None"),
    (list[int], (1,), "", "Expected list, got tuple"),
    (list[int], [1, "a"], "[1]", "Expected int"),
    (tuple[int, str], (1,), "", "length 2"),
    (dict[str, list[int]], {"a": [1, None]}, "['a'][1]", "Expected int, got None"),
    (dict[str, int], {1: 1}, "[1]", "Expected str"),
    (list[Item], [Item(1, "a", ["b", 3])], "[0].tags[1]", "Expected str, got int"),
    (Item, BigItem(1, "a"), "", "subclass"),
    (Point, Point(x=1.0, y="a") if False else Item(1, "a"), "", "Expected Point"),
    (Box[int], Box("a"), "inside", "Expected int"),
    (Crate[int], Crate(["a"], 1), "inside[0]", "Expected int"),
    (Pair, Pair(1, 2), "right", "Expected"),
    (Movie, {"title": "x", "more": 1}, "['more']", "no such key"),
    (Movie, {"year": 1}, "", "missing"),
    (Colour, "r", "", "Expected Colour"),
    (typing.Literal[1], True, "", "Expected Literal[1]"),
    (typing.Annotated[int, msgspec.Meta(ge=0)], -1, "", ">= 0"),
    (typing.Annotated[float, msgspec.Meta(ge=0)], NAN, "", ">= 0"),
    (Any, [len], "[0]", "call it on this side"),
    (Any, {"k": enum}, "['k']", "import it inside"),
    (Any, (Item,), "[0]", "import it inside"),
    (Any, (i for i in ()), "", "list(...)"),
    (Any, iter([]), "", "pass list(...) of it, or a channel"),
    (Any, collections.Counter("a"), "", "pass dict(...) of it"),
    (Any, [collections.deque([1])], "[0]", "pass list(...) of it"),
    (Any, {"a": 1}.keys(), "", "pass list(...) of it"),
    (Any, type("Row", (list,), {})(), "", "pass list(...) of it"),
    (Any, Colour.RED, "", "annotate the parameter or the channel with Colour"),
    (Any, Pair(1, 2), "", "annotate the parameter or the channel with Pair"),
    (Any, Handle(1), "", "pass what it is made of (a dataclass, a dict, an array), or use register_type"),
    (Any, Item(1, "a"), "", "annotate the parameter"),
    (Handle, Handle(1), "", "register_type"),
    (Proto, Item(1, "a"), "", "Item: a protocol names no class that could be made; annotate the parameter"),
    (list[Proto], [3.5], "[0]", "Expected Proto, got float: a protocol"),
    (typing.Callable[[], int], len, "", "cannot cross"),
    (memoryview, memoryview(b"abcd")[::2], "", "bytes(view)"),
    (object, dt.datetime(2024, 1, 1, tzinfo=type("Z", (dt.tzinfo,), {})()), "", "time zone"),
    (int | str, 1.5, "", "Expected int | str, got float"),
    (list[int] | str, [1, "a"], "[1]", "Expected int"),
    (typing.NoReturn, 1, "", "no value"),
]
