"""`Annotated[int, msgspec.Meta(ge=0)]`: what the metadata demands. Both worlds; called by `check` and `general`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from gotee.errors import BoundaryTypeError

_NUMBERS = (int, float, Decimal)


def constraint_for(metadata: tuple[Any, ...]) -> Callable[[Any], None] | None:
    """One check for all the `msgspec.Meta` in the metadata of an Annotated; other metadata is not ours.

    As in msgspec, a bound says nothing about values of another kind: `Annotated[int | None, Meta(ge=0)]`
    lets None pass.
    """
    tests = [test for meta in metadata if isinstance(meta, msgspec.Meta) for test in _tests(meta)]
    if not tests:
        return None

    def check(value: Any) -> None:
        for kinds, holds, text in tests:
            if isinstance(value, kinds) and type(value) is not bool:
                try:
                    good = holds(value)
                except (ArithmeticError, TypeError):  # a signalling NaN, a Decimal against a float
                    good = False
                if not good:
                    raise BoundaryTypeError(f"Expected {type(value).__name__} {text}")

    return check


def _tests(meta: msgspec.Meta) -> list[tuple[tuple[type, ...], Callable[[Any], bool], str]]:
    tests: list[tuple[tuple[type, ...], Callable[[Any], bool], str]] = []
    sized = (str, bytes, bytearray, list, tuple, set, frozenset, dict)
    ge, gt, le, lt, step = meta.ge, meta.gt, meta.le, meta.lt, meta.multiple_of
    shortest, longest, pattern, zone = meta.min_length, meta.max_length, meta.pattern, meta.tz
    # Written so that NaN, which compares false, holds none of them.
    if ge is not None:
        tests.append((_NUMBERS, lambda v: bool(v >= ge), f">= {ge}"))
    if gt is not None:
        tests.append((_NUMBERS, lambda v: bool(v > gt), f"> {gt}"))
    if le is not None:
        tests.append((_NUMBERS, lambda v: bool(v <= le), f"<= {le}"))
    if lt is not None:
        tests.append((_NUMBERS, lambda v: bool(v < lt), f"< {lt}"))
    if step is not None:
        tests.append(((int, float), lambda v: v % step == 0, f"that is a multiple of {step}"))
    if shortest is not None:
        tests.append((sized, lambda v: len(v) >= shortest, f"of length >= {shortest}"))
    if longest is not None:
        tests.append((sized, lambda v: len(v) <= longest, f"of length <= {longest}"))
    if pattern is not None:
        found = re.compile(pattern).search
        tests.append(((str,), lambda v: found(v) is not None, f"matching regex {pattern!r}"))
    if zone is not None:
        timed = (datetime.datetime, datetime.time)
        words = "with a timezone" if zone else "without a timezone"
        tests.append((timed, lambda v: (v.tzinfo is not None) is zone, words))
    return tests
