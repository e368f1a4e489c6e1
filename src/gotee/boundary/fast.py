"""The fast lane: msgspec, for the types that it moves without loss. Both worlds; called by `copy` only.

msgspec alone would change values silently: it cuts subclasses to the annotated base, makes lists of
un-annotated tuples and sets, an int of a float's place a float, UTC of a zone, and drops unknown fields.
So a type is let in here only if `is_lossless` can prove it, and a value only if it is exact.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, NamedTuple, Optional

import msgspec

from gotee.boundary.limits import FrameError, Limits, array_items, scan
from gotee.boundary.types import Scope, Shape, shape_of
from gotee.errors import BoundaryTypeError, Overloaded

Exact = Callable[[Any], bool]

# Values of exactly these classes come back from msgspec equal in type and bits, or are refused by its
# encoder (integers beyond 64 bits, lone surrogates), and then take the general lane.
_SCALARS = (bool, int, float, str, bytes)
_encode = msgspec.msgpack.Encoder().encode


class _Plan(NamedTuple):
    """What msgspec is told, which values are exact, and how many items a frame can hold.

    `items`: "fixed" if the type says it, "header" if the first bytes do, "scan" if it must be counted.
    `kinds`: if not None, a value is exact if and only if its class is among these.
    """

    annotation: Any
    exact: Exact
    items: str = "fixed"
    kinds: frozenset[type] | None = None


def is_lossless(annotation: Any, scope: Scope | None = None) -> bool:
    """Whether exact values of the type cross the fast lane without any change.

    Scalars, optional scalars, and lists, tuples, sets and dicts of these. In doubt the answer is no: a
    class may have fields that msgspec fills in, drops or converts, and a union may be read as another member.

    >>> is_lossless(dict[str, list[int]]), is_lossless(int | str), is_lossless(list)
    (True, False, False)
    """
    return _plan(annotation, scope or Scope()) is not None


class FastLane:
    """Encodes exact values of one type; says None to others, which take the general lane."""

    __slots__ = ("_decode", "_exact", "_items")

    def __init__(self, plan: _Plan) -> None:
        self._decode = msgspec.msgpack.Decoder(plan.annotation).decode
        self._exact = plan.exact
        self._items = plan.items

    def encode(self, value: Any) -> bytes | None:
        if not self._exact(value):
            return None
        try:
            return _encode(value)
        except (OverflowError, UnicodeEncodeError):
            return None

    def check(self, data: bytes, limits: Limits, where: str) -> None:
        """The limits, before anything is built. Depth is bounded by the type."""
        size = len(data)
        if size > limits.frame_bytes:
            raise Overloaded(f"{where}: {size} bytes encoded, the limit is {limits.frame_bytes}")
        if size <= limits.items or self._items == "fixed":
            return
        if self._items == "header":
            if array_items(data, where) > limits.items:
                raise Overloaded(f"{where}: more than {limits.items} items")
            return
        scan(data, limits, where)

    def decode(self, data: bytes, path: str) -> Any:
        try:
            return self._decode(data)
        except msgspec.ValidationError as error:
            raise _mismatch(str(error), path) from None
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise FrameError(f"{path or 'value'}: {error}") from None


def _mismatch(message: str, path: str) -> BoundaryTypeError:
    """msgspec says "Expected `int`, got `str` - at `$[0]`"."""
    reason, _, place = message.replace("`", "").partition(" - at ")
    return BoundaryTypeError(reason, path + place.removeprefix("$") if place.startswith("$") else path)


def lane_for(annotation: Any, scope: Scope) -> FastLane | None:
    """The fast lane of a type; None if it has none."""
    plan = _plan(annotation, scope)
    return None if plan is None else FastLane(plan)


def lane_for_tuple(annotations: list[tuple[Any, Scope]]) -> FastLane | None:
    """The fast lane of the positional arguments of an entry."""
    plans = [_plan(annotation, scope) for annotation, scope in annotations]
    known = [plan for plan in plans if plan is not None]
    return FastLane(_tuple(known)) if len(known) == len(plans) else None


def _plan(annotation: Any, scope: Scope, open_names: frozenset[object] = frozenset()) -> _Plan | None:
    shape = shape_of(annotation, scope)
    if shape.kind != "named":
        return _plan_of(shape, open_names)
    if shape.key in open_names:
        return None  # a recursive type
    return _plan(shape.args[0], shape.scope, open_names | {shape.key})


def _plan_of(shape: Shape, open_names: frozenset[object]) -> _Plan | None:
    match shape.kind:
        case "none":
            return _Plan(None, lambda value: value is None, "fixed", frozenset({types.NoneType}))
        case "class" if shape.cls in _SCALARS:
            return _scalar(shape.cls)
        case "union":
            return _optional(shape, open_names)
        case "tuple":
            plans = [_plan(arg, shape.scope, open_names) for arg in shape.args]
            return None if None in plans else _tuple([plan for plan in plans if plan is not None])
        case "vartuple":
            return _many(tuple, _plan(shape.args[0], shape.scope, open_names))
        case "class" if shape.cls in (list, set, frozenset) and shape.args:
            return _many(shape.cls, _plan(shape.args[0], shape.scope, open_names))
        case "class" if shape.cls is dict and shape.args:
            return _dict(shape, open_names)
    return None


def _scalar(cls: type) -> _Plan:
    return _Plan(cls, lambda value: type(value) is cls, "fixed", frozenset({cls}))


def _optional(shape: Shape, open_names: frozenset[object]) -> _Plan | None:
    """`T | None` for a scalar T; other unions are the general lane's."""
    plans = [_plan(arg, shape.scope, open_names) for arg in shape.args]
    kinds: set[type] = set()
    for plan in plans:
        if plan is None or plan.kinds is None:
            return None
        kinds |= plan.kinds
    if len(kinds) != 2 or types.NoneType not in kinds:
        return None
    (cls,) = kinds - {types.NoneType}
    both = frozenset(kinds)
    return _Plan(Optional[cls], lambda value: type(value) in both, "fixed", both)  # noqa: UP045 - cls is a variable


def _tuple(plans: list[_Plan]) -> _Plan:
    annotation: Any = tuple[tuple(plan.annotation for plan in plans)]  # type: ignore[misc]
    items = "fixed" if all(plan.items == "fixed" for plan in plans) else "scan"
    if all(plan.kinds is not None and len(plan.kinds) == 1 for plan in plans):
        kinds = tuple(next(iter(plan.kinds or ())) for plan in plans)
        return _Plan(annotation, lambda value: type(value) is tuple and tuple(map(type, value)) == kinds, items)
    tests = [plan.exact for plan in plans]

    def exact(value: Any) -> bool:
        return (
            type(value) is tuple
            and len(value) == len(tests)
            and all(test(one) for test, one in zip(tests, value, strict=True))
        )

    return _Plan(annotation, exact, items)


def _many(cls: Any, element: _Plan | None) -> _Plan | None:
    if element is None:
        return None
    annotation: Any = tuple[element.annotation, ...] if cls is tuple else cls[element.annotation]  # type: ignore[name-defined]
    if element.kinds is not None:
        among = element.kinds.issuperset
        return _Plan(annotation, lambda value: type(value) is cls and among(map(type, value)), "header")
    if cls in (set, frozenset):
        return None  # of tuples; rare enough
    test = element.exact
    return _Plan(annotation, lambda value: type(value) is cls and all(map(test, value)), "scan")


def _dict(shape: Shape, open_names: frozenset[object]) -> _Plan | None:
    key, item = (_plan(arg, shape.scope, open_names) for arg in shape.args)
    if key is None or item is None or key.kinds is None or key.kinds not in (frozenset({str}), frozenset({int})):
        return None
    annotation: Any = dict[key.annotation, item.annotation]  # type: ignore[name-defined]
    keys = key.kinds.issuperset
    if item.kinds is not None:
        items = item.kinds.issuperset
        return _Plan(
            annotation,
            lambda value: type(value) is dict and keys(map(type, value)) and items(map(type, value.values())),
            "header",
        )
    test = item.exact
    return _Plan(
        annotation,
        lambda value: type(value) is dict and keys(map(type, value)) and all(map(test, value.values())),
        "scan",
    )
