"""What `Chan[T]` checks at send. Both worlds; called when a channel with an element type is made."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from gotee.boundary.check import checker_for
from gotee.errors import UsageError

_KEPT = 1024  # annotations remembered: programs make many channels of few types


class ElementCheck(NamedTuple):
    """`check` raises BoundaryTypeError, or is None for any value; instances of exactly `exact` need no check."""

    exact: type | None
    check: Callable[[Any], None] | None


_known: dict[Any, ElementCheck] = {}


def element_check(element: Any) -> ElementCheck:
    """The check of an annotation; names in string annotations are those of the caller that made the channel."""
    try:
        found = _known.get(element)
    except TypeError:  # an annotation that cannot be hashed, such as Annotated[int, []]
        return _make(element)
    if found is None:
        try:
            found = ElementCheck(_exact(element), checker_for(element))
        except UsageError:
            return _make(element)
        if len(_known) >= _KEPT:
            _known.clear()
        _known[element] = found
    return found


def _make(element: Any) -> ElementCheck:
    caller = sys._getframe(2)  # compiled code has no frame, so this is where Chan[T]() was called
    check = checker_for(element, globalns=caller.f_globals, localns=caller.f_locals)
    return ElementCheck(_exact(element), check)


def _exact(element: Any) -> type | None:
    return element if element in (bool, int, float, str, bytes, bytearray) else None
