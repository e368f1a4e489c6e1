"""Reading annotations: one level at a time, names resolved late. Both worlds; called by `check`, `fast`, `general`.

Strings in annotations are the program's own source, evaluated in the namespaces that they were written
in. Nothing that came across the boundary is ever evaluated.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from gotee.errors import UsageError

_EMPTY: Mapping[Any, Any] = types.MappingProxyType({})
_ALIAS_TYPE: Any = getattr(typing, "TypeAliasType", None)  # `type X = ...`, from 3.12 on
_WRAPPERS = (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar, getattr(typing, "ReadOnly", None))


class Scope(NamedTuple):
    """Where an annotation was written: what its names and type variables mean."""

    globalns: Mapping[str, Any] = _EMPTY
    localns: Mapping[str, Any] = _EMPTY
    typevars: Mapping[Any, tuple[Any, Scope]] = _EMPTY
    owner: type | None = None


class Shape(NamedTuple):
    """One level of an annotation.

    `kind` is one of: any, none, never, union, literal, tuple, vartuple, annotated, named, class.
    `args` are annotations still to be read in `scope` (for literal: the values; for annotated: the
    inner one, with `metadata`). A named shape stands for `args[0]`, may be recursive and is the same
    as any other with an equal `key`.
    """

    kind: str
    scope: Scope
    args: tuple[Any, ...] = ()
    cls: type = object
    metadata: tuple[Any, ...] = ()
    key: object = None


def name_of(annotation: Any) -> str:
    """The annotation as its author would write it."""
    if isinstance(annotation, str):
        return annotation
    if annotation is None or annotation is type(None):
        return "None"
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__qualname__.rpartition("<locals>.")[2]
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return " | ".join(name_of(arg) for arg in typing.get_args(annotation))
    return repr(annotation).replace("typing.", "")


def shape_of(annotation: Any, scope: Scope) -> Shape:
    """Read one level of `annotation`. UsageError for a form that is not known."""
    if annotation is None or annotation is type(None):
        return Shape("none", scope)
    if annotation is Any or annotation is object:
        return Shape("any", scope)
    if isinstance(annotation, str | typing.ForwardRef):
        return _forward(annotation, scope)
    if isinstance(annotation, TypeVar):
        return _type_variable(annotation, scope)
    if annotation is typing.Never or annotation is typing.NoReturn:
        return Shape("never", scope)
    if annotation is typing.Self and scope.owner is not None:
        return Shape("class", scope, cls=scope.owner)
    if annotation is typing.LiteralString:
        return Shape("class", scope, cls=str)
    if isinstance(annotation, typing.NewType):
        return shape_of(annotation.__supertype__, scope)
    if _ALIAS_TYPE is not None and isinstance(annotation, _ALIAS_TYPE):
        return Shape("named", scope, (annotation.__value__,), key=annotation)
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _parametrised(annotation, origin, scope)
    if isinstance(annotation, type):
        if annotation is tuple:
            return Shape("vartuple", scope, (Any,))
        return Shape("class", scope, cls=annotation)
    if annotation in _WRAPPERS:
        return Shape("any", scope)
    raise UsageError(f"unknown form of annotation: {name_of(annotation)}")


def _forward(annotation: Any, scope: Scope) -> Shape:
    text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
    module = getattr(annotation, "__forward_module__", None)
    if module is not None:
        scope = scope._replace(globalns=vars(sys.modules[module] if isinstance(module, str) else module))
    key = (text, id(scope.globalns), id(scope.localns), id(scope.typevars), scope.owner)
    return Shape("named", scope, (evaluate(text, scope),), key=key)


def evaluate(text: str, scope: Scope) -> Any:
    """The object that the text of an annotation of this program means."""
    try:
        return eval(text, dict(scope.globalns), dict(scope.localns))  # noqa: S307 - the program's own source
    except NameError as error:
        raise UsageError(f"annotation {text!r}: name {error.name!r} is not defined where it is needed") from error
    except Exception as error:
        raise UsageError(f"annotation {text!r} cannot be evaluated: {error}") from error


def _type_variable(variable: TypeVar, scope: Scope) -> Shape:
    if variable in scope.typevars:
        return shape_of(*scope.typevars[variable])
    if variable.__constraints__:
        return Shape("union", scope, variable.__constraints__)
    if variable.__bound__ is not None:
        return shape_of(variable.__bound__, scope)
    return Shape("any", scope)


def _parametrised(annotation: Any, origin: Any, scope: Scope) -> Shape:
    args = typing.get_args(annotation)
    if origin is typing.Annotated:
        return Shape("annotated", scope, (annotation.__origin__,), metadata=annotation.__metadata__)
    if origin is typing.Union or origin is types.UnionType:
        return Shape("union", scope, args)
    if origin is typing.Literal:
        return Shape("literal", scope, args)
    if origin in _WRAPPERS:
        return shape_of(args[0], scope)
    if _ALIAS_TYPE is not None and isinstance(origin, _ALIAS_TYPE):
        bound = [bind(arg, scope) for arg in args]
        inner = scope._replace(typevars=dict(zip(origin.__type_params__, bound, strict=False)))
        return Shape("named", inner, (origin.__value__,), key=(origin, tuple(map(_bound_key, bound))))
    if any(typing.get_origin(arg) is typing.Unpack or isinstance(arg, typing.TypeVarTuple) for arg in args):
        raise UsageError(f"unknown form of annotation: {name_of(annotation)}")
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return Shape("vartuple", scope, args[:1])
        if not args and annotation is typing.Tuple:  # noqa: UP006 - the bare old spelling
            return Shape("vartuple", scope, (Any,))
        return Shape("tuple", scope, args)
    if isinstance(origin, type):
        return Shape("class", scope, args, cls=origin)
    raise UsageError(f"unknown form of annotation: {name_of(annotation)}")


def _bound_key(bound: tuple[Any, Scope]) -> object:
    """An argument of a generic alias: a name in it means what it means where it was written."""
    annotation, scope = bound
    try:
        hash(annotation)
    except TypeError:
        annotation = repr(annotation)
    return annotation, id(scope.globalns), id(scope.localns)


def bind(annotation: Any, scope: Scope) -> tuple[Any, Scope]:
    """`annotation` with the type variables of `scope` put in."""
    if isinstance(annotation, TypeVar):
        bound: tuple[Any, Scope] = scope.typevars.get(annotation, (annotation, scope))
        return bound
    variables = () if isinstance(annotation, type) else getattr(annotation, "__parameters__", ())
    if variables and scope.typevars:
        generic: Any = annotation
        annotation = generic[tuple(scope.typevars.get(v, (v, scope))[0] for v in variables)]
    return annotation, scope


def class_hints(cls: type, args: tuple[Any, ...], scope: Scope) -> dict[str, tuple[Any, Scope]]:
    """The annotations of a class and its bases, each with the scope to read it in; bases come first."""
    bindings: dict[type, dict[Any, tuple[Any, Scope]]] = {}
    _bind_class(cls, [bind(arg, scope) for arg in args], scope, bindings)
    hints: dict[str, tuple[Any, Scope]] = {}
    for base in reversed(cls.__mro__):
        own = vars(base).get("__annotations__", {})
        if own:
            inner = _class_scope(base, scope, bindings.get(base, {}))._replace(owner=cls)
            hints.update((name, (annotation, inner)) for name, annotation in own.items())
    return hints


def _class_scope(cls: type, outer: Scope, typevars: Mapping[Any, tuple[Any, Scope]]) -> Scope:
    module = sys.modules.get(cls.__module__)
    nested = {name: value for name, value in vars(cls).items() if isinstance(value, type)}
    parameters = {p.__name__: p for p in getattr(cls, "__type_params__", ())}
    return Scope(
        vars(module) if module is not None else outer.globalns,
        {**outer.localns, **parameters, cls.__name__: cls, **nested},
        typevars,
    )


def _bind_class(
    cls: type, args: list[tuple[Any, Scope]], scope: Scope, into: dict[type, dict[Any, tuple[Any, Scope]]]
) -> None:
    parameters = getattr(cls, "__parameters__", ())
    own = dict(zip(parameters, args, strict=False))
    if not into.setdefault(cls, own):
        into[cls] = own
    inner = _class_scope(cls, scope, own)
    for base in cls.__dict__.get("__orig_bases__", cls.__bases__):
        origin = typing.get_origin(base) or base
        if isinstance(origin, type) and origin not in (object, typing.Generic, typing.Protocol):
            _bind_class(origin, [bind(arg, inner) for arg in typing.get_args(base)], scope, into)


class Registered(NamedTuple):
    """How a registered class crosses: as a value of `plain_annotation`."""

    to_plain: Callable[[Any], Any]
    from_plain: Callable[[Any], Any]
    plain_annotation: Any


_registered: dict[type, Registered] = {}


def register_type(
    cls: type, to_plain: Callable[[Any], Any], from_plain: Callable[[Any], Any], plain_annotation: Any
) -> None:
    """Let values of exactly `cls` cross as values of `plain_annotation`.

    Both worlds must run this call (at import), before an annotation that names `cls` is compiled.
    `from_plain` gets a validated value of `plain_annotation` that a hostile host may have chosen:
    let it raise for what must not exist.

    >>> class Celsius:
    ...     def __init__(self, degrees): self.degrees = degrees
    >>> register_type(Celsius, lambda c: c.degrees, Celsius, float)
    >>> registered(Celsius).plain_annotation
    <class 'float'>
    """
    if not isinstance(cls, type):
        raise UsageError(f"register_type takes a class, not {cls!r}")
    _registered[cls] = Registered(to_plain, from_plain, plain_annotation)


def registered(cls: type) -> Registered | None:
    """What `register_type` was told about `cls`."""
    return _registered.get(cls)


def same_type(one: Any, one_scope: Scope, other: Any, other_scope: Scope) -> bool:
    """Whether two annotations mean the same type; Any is the same as everything."""
    if one == other and not isinstance(one, str | typing.ForwardRef):
        return True
    left, right = _settled(one, one_scope), _settled(other, other_scope)
    if "any" in (left.kind, right.kind):
        return True
    if left.kind != right.kind or left.cls is not right.cls:
        return False
    if left.kind == "literal":
        return _covers(left.args, right.args) and _covers(right.args, left.args)
    if left.kind == "union":
        return all(any(same_type(a, left.scope, b, right.scope) for b in right.args) for a in left.args) and all(
            any(same_type(a, left.scope, b, right.scope) for a in left.args) for b in right.args
        )
    if not left.args or not right.args:
        return True  # a bare generic class: its parameters are Any
    return len(left.args) == len(right.args) and all(
        same_type(a, left.scope, b, right.scope) for a, b in zip(left.args, right.args, strict=True)
    )


def _covers(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether each value of a Literal is in the other: 1 and True are two."""
    return all(any(type(a) is type(b) and a == b for b in other) for a in one)


def _settled(annotation: Any, scope: Scope) -> Shape:
    """The shape behind names and Annotated; constraints are each end's own business."""
    shape = shape_of(annotation, scope)
    for _ in range(100):
        if shape.kind not in ("named", "annotated"):
            return shape
        shape = shape_of(shape.args[0], shape.scope)
    raise UsageError(f"annotation {name_of(annotation)} refers only to itself")
