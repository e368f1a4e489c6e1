"""What `Chan[T]` checks at send. Both worlds; called when a channel with an element type is made."""

from __future__ import annotations

import sys

from gotee.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NamedTuple
else:
    from gotee.records import Record as NamedTuple

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
    exact = _exact(element)
    if found is None and exact is not None:
        found = _known[exact] = ElementCheck(exact, _late(exact))
    if found is None:
        from gotee.boundary.check import checker_for  # reading annotations takes long to import

        try:
            found = ElementCheck(None, checker_for(element))
        except UsageError:
            return _make(element)
        if len(_known) >= _KEPT:
            _known.clear()
        _known[element] = found
    return found


def _make(element: Any) -> ElementCheck:
    from gotee.boundary.check import checker_for

    caller = sys._getframe(2)  # compiled code has no frame, so this is where Chan[T]() was called
    check = checker_for(element, globalns=caller.f_globals, localns=caller.f_locals)
    return ElementCheck(None, check)


_EXACT: tuple[type, ...] = (bool, int, float, str, bytes, bytearray)


def _exact(element: Any) -> type | None:
    return next((cls for cls in _EXACT if element is cls), None)


def _late(cls: type) -> Callable[[Any], None]:
    """The check of values that are not exactly of a simple class, made for the first of them."""
    check: Callable[[Any], None] | None = None

    def checked(value: Any) -> None:
        nonlocal check
        if check is None:
            from gotee.boundary.check import checker_for

            check = checker_for(cls)
        if check is not None:
            check(value)

    return checked
