"""The fast lane: msgspec, for the types that it moves without loss. Both worlds; called by `copy` only.

msgspec alone would change values silently: it cuts subclasses to the annotated base, makes lists of
un-annotated tuples and sets, an int of a float's place a float, UTC of a zone, and drops unknown fields.
So a type is let in here only if `is_lossless` can prove it, and a value only if it is exact.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, NamedTuple, Optional

from gotee.boundary.lane import FastLane
from gotee.boundary.types import Scope, Shape, shape_of

Exact = Callable[[Any], bool]

# Values of exactly these classes come back from msgspec equal in type and bits, or are refused by its
# encoder (integers beyond 64 bits, lone surrogates), and then take the general lane.
_SCALARS = (bool, int, float, str, bytes)


class _Plan(NamedTuple):
    """What msgspec is told, which values are exact, and how many items a frame can hold.

    `items`: "fixed" if the type says it, "header" if the first bytes do, "scan" if it must be counted.
    `kinds`: if not None, a value is exact if and only if its class is among these.
    `classes`: if not None, it is so if and only if it is a tuple of values of these classes, in this order.
    """

    annotation: Any
    exact: Exact
    items: str = "fixed"
    kinds: frozenset[type] | None = None
    classes: tuple[type, ...] | None = None

    def lane(self) -> FastLane:
        single = next(iter(self.kinds)) if self.kinds is not None and len(self.kinds) == 1 else None
        return FastLane(self.annotation, self.exact, self.items, self.classes, single)


def is_lossless(annotation: Any, scope: Scope | None = None) -> bool:
    """Whether exact values of the type cross the fast lane without any change.

    Scalars, optional scalars, and lists, tuples, sets and dicts of these. In doubt the answer is no: a
    class may have fields that msgspec fills in, drops or converts, and a union may be read as another member.

    >>> is_lossless(dict[str, list[int]]), is_lossless(int | str), is_lossless(list)
    (True, False, False)
    """
    return _plan(annotation, scope or Scope()) is not None


def lane_for(annotation: Any, scope: Scope) -> FastLane | None:
    """The fast lane of a type; None if it has none."""
    plan = _plan(annotation, scope)
    return None if plan is None else plan.lane()


def lane_for_tuple(annotations: list[tuple[Any, Scope]]) -> FastLane | None:
    """The fast lane of the positional arguments of an entry."""
    plans = [_plan(annotation, scope) for annotation, scope in annotations]
    known = [plan for plan in plans if plan is not None]
    return _tuple(known).lane() if len(known) == len(plans) else None


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
        return _Plan(
            annotation, lambda value: type(value) is tuple and tuple(map(type, value)) == kinds, items, classes=kinds
        )
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
