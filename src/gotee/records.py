"""Tuples whose places have names, as typing.NamedTuple makes them. All worlds.

The platform uses these: `typing` would take it as long to import as a bare interpreter takes to start. For type
checkers they are NamedTuple:

    if TYPE_CHECKING:
        from typing import NamedTuple
    else:
        from gotee.records import Record as NamedTuple
"""

from __future__ import annotations

from _operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class Record(tuple):  # type: ignore[type-arg]
    """The base of a record: annotations in the body of a subclass are its fields, values given there are defaults.

    >>> class Point(Record):
    ...     x: int
    ...     y: int = 0
    >>> Point(3), Point(y=1, x=2), Point(1, 2)._replace(y=5).y
    (Point(x=3, y=0), Point(x=2, y=1), 5)
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()
    _defaults: dict[str, Any] = {}  # noqa: RUF012 - not changed

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)
        type.__setattr__(cls, "__match_args__", cls._fields)
        cls._defaults = {name: cls.__dict__[name] for name in cls._fields if name in cls.__dict__}
        for place, name in enumerate(cls._fields):
            setattr(cls, name, property(itemgetter(place)))

    def __new__(cls, *values: Any, **named: Any) -> Self:
        if named or len(values) != len(cls._fields):
            if len(values) > len(cls._fields):
                raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, {len(values)} values were given")
            missing = [name for name in cls._fields[len(values) :] if name not in named and name not in cls._defaults]
            unknown = set(named).difference(cls._fields[len(values) :])
            if missing or unknown:
                raise TypeError(
                    f"{cls.__name__}: no value for {missing}, no field or a second value: {sorted(unknown)}"
                )
            given = {**cls._defaults, **named}
            values += tuple(given[name] for name in cls._fields[len(values) :])
        return super().__new__(cls, values)

    def _replace(self, **named: Any) -> Self:
        """A copy with other values for some fields."""
        return type(self)(**{**dict(zip(self._fields, self, strict=True)), **named})

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"{type(self).__name__}({fields})"
