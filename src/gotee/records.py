"""Tuples whose places have names and numbers that have names, as NamedTuple and IntEnum make them. All worlds.

What starts uses these: `typing` and `enum` take as long to import as a bare interpreter takes to start. For type
checkers they are the standard library's:

    if TYPE_CHECKING:
        from enum import IntEnum
        from typing import NamedTuple
    else:
        from gotee.records import Number as IntEnum
        from gotee.records import Record as NamedTuple
"""

from __future__ import annotations

from _operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
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


class _Numbered(type):
    """The class of Number: iteration gives all members, a call the one of a number."""

    _members: dict[int, Number]

    def __iter__(cls) -> Iterator[Any]:
        return iter(cls._members.values())

    def __call__(cls, number: int) -> Any:
        member = cls._members.get(number)
        if member is None:
            raise ValueError(f"{number!r} is no {cls.__name__}")
        return member


class Number(int, metaclass=_Numbered):
    """The base of named numbers: each int in the body of a subclass becomes a member.

    >>> class Color(Number):
    ...     RED = 1
    ...     BLUE = 2
    >>> Color.RED, Color(2).name, Color.BLUE == 2, [int(each) for each in Color]
    (<Color.RED: 1>, 'BLUE', True, [1, 2])
    """

    name: str

    def __init_subclass__(cls) -> None:
        cls._members = {}
        for name, number in list(vars(cls).items()):
            if type(number) is int:
                member = int.__new__(cls, number)
                member.name = name
                cls._members[number] = member
                setattr(cls, name, member)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self.name}: {int(self)}>"

    def __str__(self) -> str:
        return int.__repr__(self)
