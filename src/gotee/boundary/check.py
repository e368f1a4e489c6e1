"""Does a value have the type of its annotation? One world, nothing is copied; `Chan[T].send` calls it.

The rules are the type checkers': a subclass passes for its base, an int for a float, None only where it
is named. Elements of containers are looked at, the fields of objects are not: their class vouches for them.
"""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from gotee.boundary.channelkind import channel_kind
from gotee.boundary.types import (
    Scope,
    Shape,
    bind,
    class_hints,
    name_of,
    same_type,
    shape_of,
)
from gotee.errors import BoundaryTypeError, UsageError

Check = Callable[[Any], None]

_PROMOTED: dict[type, tuple[type, ...]] = {float: (float, int), complex: (complex, float, int)}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
# Containers whose elements can be looked at without using them up.
_COLLECTIONS = (
    list,
    set,
    frozenset,
    collections.deque,
    collections.abc.Collection,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Set,
    collections.abc.MutableSet,
)


def checker_for(
    annotation: Any,
    *,
    globalns: Mapping[str, Any] | None = None,
    localns: Mapping[str, Any] | None = None,
) -> Check | None:
    """A function that raises BoundaryTypeError, with the path, for a value that is not of the type.

    None if every value is (Any, object). Names in string annotations are looked up in `globalns` and
    `localns`; UsageError if one is missing or the annotation's form is not known.

    >>> check = checker_for(list[int])
    >>> check([1, 2])
    >>> check([1, "2"])
    Traceback (most recent call last):
        ...
    gotee.errors.BoundaryTypeError: Expected int, got str - at [1]
    """
    return _Compiler().compile(annotation, Scope(globalns or {}, localns or {}))


def at(place: str, error: BoundaryTypeError) -> BoundaryTypeError:
    """The same error, seen from one level further out."""
    return BoundaryTypeError(error.reason, place + error.path)


def key_place(key: object) -> str:
    """`['x']`, short and always printable."""
    try:
        text = repr(key)
    except Exception:  # repr is the user's code, and huge integers refuse theirs
        text = f"<{type(key).__name__}>"
    return f"[{text if len(text) <= 60 else text[:57] + '...'}]"


def kind_name(value: object) -> str:
    """What `value` is, as error messages say it."""
    if value is None:
        return "None"
    kind = type(value)
    if kind.__module__ in ("builtins", "__main__", "array"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def expected(name: str, value: object) -> BoundaryTypeError:
    """The one wording of a mismatch."""
    return BoundaryTypeError(f"Expected {name}, got {kind_name(value)}")


class _Compiler:
    """From annotation to check. `_named` closes the circle of recursive aliases."""

    def __init__(self) -> None:
        self._named: dict[object, tuple[Shape, list[Check | None]]] = {}

    def compile(self, annotation: Any, scope: Scope) -> Check | None:
        shape = shape_of(annotation, scope)
        match shape.kind:
            case "any":
                return None
            case "none":
                return _is_none
            case "never":
                return _never
            case "named":
                return self._recursive(shape)
            case "annotated":
                return self._annotated(shape)
            case "union":
                return self._union(shape, name_of(annotation))
            case "literal":
                return _literal(shape.args)
            case "tuple":
                return self._tuple(shape)
            case "vartuple":
                return _elements(tuple, "tuple", self.compile(shape.args[0], shape.scope))
            case _:
                return self._class(shape, name_of(annotation))

    def _recursive(self, shape: Shape) -> Check | None:
        if shape.key in self._named:
            _, known = self._named[shape.key]

            def later(value: Any) -> None:
                if known[0] is not None:
                    known[0](value)

            return later
        cell: list[Check | None] = []
        self._named[shape.key] = (shape, cell)  # the shape stays alive: its key may hold ids
        cell.append(self.compile(shape.args[0], shape.scope))
        return cell[0]

    def _annotated(self, shape: Shape) -> Check | None:
        from gotee.boundary.constraints import constraint_for  # rare, and it needs decimal and re

        inner = self.compile(shape.args[0], shape.scope)
        constraint = constraint_for(shape.metadata)
        if inner is None or constraint is None:
            return inner if constraint is None else constraint

        def check(value: Any) -> None:
            inner(value)
            constraint(value)

        return check

    def _union(self, shape: Shape, name: str) -> Check | None:
        members = [self.compile(arg, shape.scope) for arg in shape.args]
        checks = [member for member in members if member is not None]
        if len(checks) < len(members):
            return None
        plain = [shape_of(arg, shape.scope) for arg in shape.args]
        # Where one member has the value's own class, its error says more than "Expected A | B".
        origins = [p.cls if p.kind == "class" else tuple if "tuple" in p.kind else None for p in plain]

        def check(value: Any) -> None:
            reasons = []
            for member, origin in zip(checks, origins, strict=True):
                try:
                    return member(value)
                except BoundaryTypeError as error:
                    if origin is type(value):
                        reasons.append(error)
            if len(reasons) == 1:
                raise reasons[0]
            raise expected(name, value)

        return check

    def _tuple(self, shape: Shape) -> Check:
        checks = [self.compile(arg, shape.scope) for arg in shape.args]

        def check(value: Any) -> None:
            if not isinstance(value, tuple):
                raise expected("tuple", value)
            if len(value) != len(checks):
                raise BoundaryTypeError(f"Expected a tuple of length {len(checks)}, got {len(value)}")
            for i, (one, item) in enumerate(zip(checks, value, strict=True)):
                if one is not None:
                    try:
                        one(item)
                    except BoundaryTypeError as error:
                        raise at(f"[{i}]", error) from None

        return check

    def _class(self, shape: Shape, name: str) -> Check | None:
        cls: Any = shape.cls
        scope = shape.scope
        channel = channel_kind()
        if channel is not None and issubclass(cls, channel.cls):
            return _channel(cls, channel.element_of, shape)
        if typing.is_typeddict(cls):
            return self._typed_dict(shape)
        if cls in _MAPPINGS:
            key, item = (self.compile(a, scope) for a in shape.args or (Any, Any))
            return _pairs(cls, key, item)
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return self._named_tuple(shape)
        if cls in _COLLECTIONS:
            return _elements(cls, cls.__name__, self.compile(shape.args[0], scope) if shape.args else None)
        if cls is collections.abc.Callable:
            return _callable
        if cls is type and shape.args:
            return _subclass(shape)
        if getattr(cls, "_is_protocol", False) and not getattr(cls, "_is_runtime_protocol", False):
            return None  # only a static checker can tell
        return _instance(cls, name if not shape.args else cls.__name__)

    def _typed_dict(self, shape: Shape) -> Check:
        cls = shape.cls
        fields = {
            name: (self.compile(hint, scope), required)
            for name, (hint, scope, required) in typed_dict_fields(cls, shape.args, shape.scope).items()
        }

        def check(value: Any) -> None:
            if not isinstance(value, dict):
                raise expected(cls.__name__, value)
            for name, (one, required) in fields.items():
                if name in value:
                    if one is not None:
                        try:
                            one(value[name])
                        except BoundaryTypeError as error:
                            raise at(key_place(name), error) from None
                elif required:
                    raise BoundaryTypeError(f"Key {name!r} of {cls.__name__} is missing")

        return check

    def _named_tuple(self, shape: Shape) -> Check:
        cls = shape.cls
        hints = class_hints(cls, shape.args, shape.scope)
        names: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
        checks = [(name, self.compile(*hints.get(name, (Any, shape.scope)))) for name in names]

        def check(value: Any) -> None:
            if not isinstance(value, cls):
                raise expected(cls.__name__, value)
            for name, one in checks:
                if one is not None:
                    try:
                        one(getattr(value, name))
                    except BoundaryTypeError as error:
                        raise at(f".{name}", error) from None

        return check


def typed_dict_fields(cls: type, args: tuple[Any, ...], scope: Scope) -> dict[str, tuple[Any, Scope, bool]]:
    """Annotation, scope and whether it is required, for each key of a TypedDict."""
    required: frozenset[str] = cls.__required_keys__  # type: ignore[attr-defined]
    fields = {}
    for name, (hint, inner) in class_hints(cls, args, scope).items():
        marker = typing.get_origin(hint)
        if isinstance(hint, str | typing.ForwardRef):
            # The class itself could not see the marker inside a string.
            text = hint if isinstance(hint, str) else hint.__forward_arg__
            head = text.split("[", 1)[0].rpartition(".")[2]
            marker = {"Required": typing.Required, "NotRequired": typing.NotRequired}.get(head)
        needed = name in required if marker not in (typing.Required, typing.NotRequired) else marker is typing.Required
        fields[name] = (hint, inner, needed)
    return fields


def _is_none(value: Any) -> None:
    if value is not None:
        raise expected("None", value)


def _never(value: Any) -> None:
    raise expected("no value at all (Never)", value)


def _callable(value: Any) -> None:
    if not callable(value):
        raise expected("a callable", value)


def _instance(cls: type, name: str) -> Check:
    accepted = _PROMOTED.get(cls, cls)
    try:
        isinstance(None, accepted)
    except TypeError as error:
        raise UsageError(f"values cannot be checked against {name}: {error}") from None

    def check(value: Any) -> None:
        if type(value) is not cls and not isinstance(value, accepted):
            raise expected(name, value)

    return check


def _elements(cls: Any, name: str, one: Check | None) -> Check:
    if one is None:
        return _instance(cls, name)
    element = one

    def check(value: Any) -> None:
        if not isinstance(value, cls):
            raise expected(name, value)
        if type(value) is str and cls is not list:
            return element(value[:1])  # every element of a str is a str
        i = 0
        try:
            for item in value:
                element(item)
                i += 1
        except BoundaryTypeError as error:
            raise at(f"[{i}]", error) from None
        return None

    return check


def _pairs(cls: Any, key: Check | None, item: Check | None) -> Check:
    name = cls.__name__

    def check(value: Any) -> None:
        if not isinstance(value, cls):
            raise expected(name, value)
        for k, v in value.items():
            try:
                if key is not None:
                    key(k)
                if item is not None:
                    item(v)
            except BoundaryTypeError as error:
                raise at(key_place(k), error) from None

    return check


def _literal(values: tuple[Any, ...]) -> Check:
    name = f"Literal[{', '.join(map(repr, values))}]"

    def check(value: Any) -> None:
        for one in values:
            if type(value) is type(one) and value == one:
                return
        raise expected(name, value)

    return check


def _subclass(shape: Shape) -> Check | None:
    base, _ = bind(shape.args[0], shape.scope)
    if isinstance(base, str | typing.ForwardRef):
        base = shape_of(base, shape.scope).args[0]
    if not isinstance(base, type) or isinstance(base, types.GenericAlias):
        return _instance(type, "type")
    root = base

    def check(value: Any) -> None:
        if not isinstance(value, type) or not issubclass(value, root):
            raise expected(f"type[{root.__name__}]", value)

    return check


def _channel(cls: type, element_of: Callable[[Any], Any], shape: Shape) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, cls):
            raise expected(cls.__name__, value)
        if shape.args:
            check_element(element_of(value), shape.args[0], shape.scope)

    return check


def check_element(actual: Any, wanted: Any, scope: Scope) -> None:
    """A channel is read and written, so its element type must be the same, not a subclass."""
    if not same_type(actual, scope, wanted, scope):
        raise BoundaryTypeError(f"Expected Chan[{name_of(wanted)}], got Chan[{name_of(actual)}]")
