"""The general lane: from annotation to node, and the state of one walk. Both worlds; called by `copy` only."""

from __future__ import annotations

import collections.abc
import enum
import typing
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from gotee.boundary import nodes, objects
from gotee.boundary.blobs import NO_BLOBS, Blobs
from gotee.boundary.canonical import Elements, canonical
from gotee.boundary.channelkind import channel_kind
from gotee.boundary.check import typed_dict_fields
from gotee.boundary.containers import (
    ChannelNode,
    ConstrainedNode,
    DictNode,
    LaterNode,
    LiteralNode,
    ManyNode,
    OptionalNode,
    TupleNode,
    TypedDictNode,
    UnionNode,
)
from gotee.boundary.limits import Limits
from gotee.boundary.nodes import Node
from gotee.boundary.standard import STANDARD
from gotee.boundary.types import (
    Scope,
    Shape,
    bind,
    class_hints,
    evaluate,
    name_of,
    registered,
    shape_of,
)
from gotee.boundary.untyped import AnyNode
from gotee.errors import BoundaryTypeError, UsageError


class ChannelHooks(Protocol):
    """What the protocol of crossing channels gives the copy."""

    def encode_channel(self, channel: Any, elements: Elements, /) -> int:
        """The number of a channel that is about to cross as one of `elements`; BoundaryTypeError if it may not."""
        ...

    def decode_channel(self, number: int, elements: Elements, /) -> Any:
        """The channel of a number that came across; BoundaryTypeError if it is not one of `elements`."""
        ...

    def give_up(self, numbers: list[int], /) -> None:
        """The value that names these channels cannot be built."""
        ...


class LimitReached(Exception):
    """The walk met a limit: a large value, or a cycle. Never leaves this room."""


class Encoding:
    """One walk over a value: what is left of the limits, and the channels met.

    `path` is kept only when a first walk met a limit and the second looks for a cycle. `refused` is a channel that may
    not cross, when a second walk looks for its place. `blobs` are the large contents that go behind the plain form.
    """

    __slots__ = ("blobs", "channels", "deepest", "depth", "left", "path", "refused")

    def __init__(self, limits: Limits, find_cycle: bool = False, refused: Any = None) -> None:
        self.refused = refused
        self.left = limits.items
        self.deepest = limits.depth
        self.depth = 0
        self.channels: list[tuple[Any, list[int], Elements]] = []
        self.blobs: list[Any] = []
        self.path: list[int] | None = [] if find_cycle else None

    def count(self, items: int) -> None:
        self.left -= items
        if self.left < 0:
            raise LimitReached("items")

    def enter(self, value: Any, items: int) -> None:
        """Begin a value with parts."""
        if self.path is not None:
            if id(value) in self.path:
                raise BoundaryTypeError("A value that contains itself cannot cross")
            self.path.append(id(value))
        self.count(items)
        self.depth += 1
        if self.depth > self.deepest:
            raise LimitReached("depth")

    def leave(self) -> None:
        self.depth -= 1
        if self.path is not None:
            self.path.pop()

    def mark(self) -> tuple[int, int, int]:
        """Where to go back to if a member of a union does not fit. Items stay counted: that bounds the tries."""
        return self.depth, len(self.channels), len(self.blobs)

    def reset(self, mark: tuple[int, int, int]) -> None:
        self.depth, channels, blobs = mark
        del self.channels[channels:]
        del self.blobs[blobs:]
        if self.path is not None:
            del self.path[self.depth :]


class Decoding:
    """One walk over a plain form; `blobs` are the large contents behind it."""

    __slots__ = ("blobs", "hooks", "step")

    def __init__(self, hooks: ChannelHooks | None, blobs: Blobs | None = None) -> None:
        self.hooks = hooks
        self.blobs = NO_BLOBS if blobs is None else blobs
        self.step = nodes.Step.ONLY


_LEAVES: dict[type, type[nodes.LeafNode]] = {
    bool: nodes.BoolNode,
    int: nodes.IntNode,
    float: nodes.FloatNode,
    complex: nodes.ComplexNode,
    str: nodes.StrNode,
    bytes: nodes.BytesNode,
}
_TEXTS, _BLOBS = (str,), (bytes, bytearray, range)
_LISTS = (list, tuple)
_ABSTRACT: dict[Any, tuple[type, ...]] = {
    collections.abc.Sequence: (*_LISTS, *_TEXTS, *_BLOBS),
    collections.abc.Reversible: (*_LISTS, *_TEXTS, *_BLOBS, dict),
    collections.abc.MutableSequence: (list, bytearray),
    collections.abc.Set: (set, frozenset),
    collections.abc.MutableSet: (set,),
    collections.abc.Mapping: (dict,),
    collections.abc.MutableMapping: (dict,),
    **dict.fromkeys(
        (collections.abc.Iterable, collections.abc.Collection, collections.abc.Container),
        (*_LISTS, *_TEXTS, *_BLOBS, set, frozenset, dict),
    ),
}


class Compiler:
    """Makes the nodes of one frame. All share one table of classes, in the order in which they are met.

    Both worlds compile the same annotations and get the same table; that is how they agree on numbers.
    """

    def __init__(self, known: Sequence[type], scope: Scope) -> None:
        self._any = AnyNode(channel_kind())
        self._table: list[objects.ClassNode] = []
        self._made: dict[object, Node] = {}
        self._leaves: list[nodes.LeafNode] = []
        self._kept: list[Shape] = []  # keys of named shapes hold ids of what these refer to
        for cls in known:
            self.compile(cls, scope)

    def compile_all(self, annotations: list[tuple[Any, Scope]]) -> list[Node]:
        """The nodes of a whole frame, ready for use."""
        try:
            made = [self.compile(annotation, scope) for annotation, scope in annotations]
        except RecursionError:
            names = ", ".join(name_of(annotation) for annotation, _ in annotations)
            raise UsageError(
                f"annotation {names}: a generic class that holds itself with ever larger arguments has no end"
            ) from None
        self._finish()
        return made

    def _finish(self) -> None:
        """Tell the nodes, now that the table is complete, which subclasses may stand in their places."""
        self._any.complete(self._table)
        for leaf in self._leaves:
            leaf.choices = [one for one in self._table if _is_subclass(one.cls, leaf.cls)]
        opaque = [n for n in self._made.values() if isinstance(n, objects.OpaqueNode)]
        for node in (*self._table, *opaque):
            subclasses = [n for n in self._table if n.cls is not node.cls and _is_subclass(n.cls, node.cls)]
            node.choices = subclasses if isinstance(node, objects.OpaqueNode) else [node, *subclasses]

    def compile(self, annotation: Any, scope: Scope) -> Node:
        shape = shape_of(annotation, scope)
        match shape.kind:
            case "any":
                return self._any
            case "none":
                return nodes.SingletonNode("None", None)
            case "never":
                return UnionNode("no value at all (Never)", [objects.OpaqueNode(_Never)])
            case "named":
                return self._named(shape, name_of(annotation))
            case "annotated":
                return self._annotated(shape)
            case "union":
                return self._union(shape, name_of(annotation))
            case "literal":
                return LiteralNode(shape.args)
            case "tuple":
                return self._leaf(TupleNode([self.compile(arg, shape.scope) for arg in shape.args]))
            case "vartuple":
                return self._leaf(ManyNode(tuple, self.compile(shape.args[0], shape.scope)))
            case _:
                return self._class(shape)

    def _leaf(self, leaf: nodes.LeafNode) -> Node:
        self._leaves.append(leaf)
        return leaf

    def _named(self, shape: Shape, name: str) -> Node:
        found = self._made.get(shape.key)
        if found is None:
            self._kept.append(shape)
            later = self._made[shape.key] = LaterNode(name)
            found = later.target = self._made[shape.key] = self.compile(shape.args[0], shape.scope)
            later.node()  # an alias that is only itself is found now
        return found

    def _annotated(self, shape: Shape) -> Node:
        from gotee.boundary.constraints import constraint_for  # rare, and it needs decimal and re

        inner = self.compile(shape.args[0], shape.scope)
        constraint = constraint_for(shape.metadata)
        return inner if constraint is None else ConstrainedNode(inner, constraint)

    def _union(self, shape: Shape, name: str) -> Node:
        # In an order that both worlds find: members are told apart by their numbers.
        ordered = sorted(shape.args, key=lambda arg: canonical(arg, shape.scope))
        members = [self.compile(arg, shape.scope) for arg in ordered]
        rest = [m for m in members if not (isinstance(m, nodes.SingletonNode) and m.value is None)]
        if len(rest) == 1 and len(members) == 2 and not rest[0].nullable:
            return OptionalNode(rest[0])
        return UnionNode(name, members)

    def _class(self, shape: Shape) -> Node:
        cls = shape.cls
        channel = channel_kind()
        if channel is not None and issubclass(cls, channel.cls):
            return self._channel(shape)
        if cls in _LEAVES:
            return self._leaf(_LEAVES[cls]())
        if cls in (list, set, frozenset):
            return self._leaf(ManyNode(cls, self._argument(shape, 0)))
        if cls is dict:
            return self._leaf(DictNode(self._argument(shape, 0), self._argument(shape, 1)))
        if cls in _ABSTRACT:
            return self._abstract(shape)
        name = f"{cls.__module__}.{cls.__qualname__}"
        if registered(cls) is None:
            if name in STANDARD and nodes.is_loaded(cls, name):
                return self._leaf(STANDARD[name]())
            if cls.__module__.partition(".")[0] == "numpy":
                return self._numpy(shape)
            if cls is msgspec.UnsetType:
                return nodes.SingletonNode("UNSET", msgspec.UNSET)
        return self._program_class(shape)

    def _argument(self, shape: Shape, number: int) -> Node:
        return self.compile(shape.args[number], shape.scope) if shape.args else self._any

    def _channel(self, shape: Shape) -> Node:
        kind = channel_kind()
        assert kind is not None
        element, scope = bind(shape.args[0], shape.scope) if shape.args else (Any, shape.scope)
        if isinstance(element, str | typing.ForwardRef):
            element = evaluate(element if isinstance(element, str) else element.__forward_arg__, scope)
        return ChannelNode(kind, element, scope)

    def _abstract(self, shape: Shape) -> Node:
        """Sequence[int] and the like: one of the concrete types that cross."""
        first = self._argument(shape, 0)
        members: list[Node] = []
        for cls in _ABSTRACT[shape.cls]:
            if cls is dict:
                mapping = "Mapping" in shape.cls.__name__
                members.append(DictNode(first, self._argument(shape, 1) if mapping else self._any))
            elif cls is tuple or cls in (list, set, frozenset):
                members.append(ManyNode(cls, first))
            elif cls is str and first.accepts(str):
                members.append(nodes.StrNode())
            elif cls in _BLOBS and first.accepts(int):
                members.append(nodes.BytesNode() if cls is bytes else STANDARD[f"builtins.{cls.__name__}"]())
        return UnionNode(shape.cls.__name__, members)

    def _numpy(self, shape: Shape) -> Node:
        import numpy  # the annotation names it, so it is there

        from gotee.boundary import arrays

        if shape.cls is numpy.ndarray:
            return self._leaf(arrays.ArrayNode(shape))
        if issubclass(shape.cls, numpy.generic):
            return arrays.ScalarNode(shape.cls)
        return self._program_class(shape)

    def _program_class(self, shape: Shape) -> Node:
        arguments = tuple(bind(arg, shape.scope)[0] for arg in shape.args)
        # The texts too: Box["Item"] is another type in another module.
        texts = tuple(canonical(arg, shape.scope) for arg in shape.args)
        key: object = (shape.cls, arguments, texts)
        try:
            hash(key)
        except TypeError:  # Callable[[], int] and others that hold lists
            key = (shape.cls, repr(arguments), texts)
        found = self._made.get(key)
        if found is None:
            if typing.is_typeddict(shape.cls):
                return self._typed_dict(shape, key)
            node = _node_for(shape.cls, self)
            self._made[key] = found = node
            if not isinstance(node, objects.OpaqueNode):
                self._table.append(node)
            if isinstance(node, objects.RecordNode):
                hints = class_hints(shape.cls, shape.args, shape.scope)
                names = _field_names(shape.cls)
                node.complete({n: self.compile(*hints.get(n, (Any, shape.scope))) for n in names})
            elif isinstance(node, objects.RegisteredNode):
                node.plain_node()
        return found

    def _typed_dict(self, shape: Shape, key: object) -> Node:
        node = self._made[key] = TypedDictNode(shape.cls)
        fields = typed_dict_fields(shape.cls, shape.args, shape.scope)
        node.complete({n: (self.compile(hint, inner), needed) for n, (hint, inner, needed) in fields.items()})
        return node

    def plain_node(self, cls: type, annotation: Any) -> Node:
        """The node of a registered type's plain annotation."""
        key = ("plain", cls)
        if key not in self._made:
            later = self._made[key] = LaterNode(name_of(annotation))
            later.target = self._made[key] = self.compile(annotation, Scope())
        return self._made[key]


class _Never:
    """No value is of this class."""


def _is_subclass(cls: type, base: type) -> bool:
    try:
        return issubclass(cls, base)
    except TypeError:  # a protocol that is only for static checkers
        return False


def _node_for(cls: type, compiler: Compiler) -> objects.ClassNode:
    """By what kind of class it is; a class of no known kind cannot cross."""
    how = registered(cls)
    if how is not None:
        return objects.RegisteredNode(cls, how, lambda: compiler.plain_node(cls, how.plain_annotation))
    if issubclass(cls, msgspec.Struct):
        return objects.StructNode(cls) if cls is not msgspec.Struct else objects.OpaqueNode(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return objects.NamedTupleNode(cls)
    if isinstance(cls, enum.EnumMeta):
        return objects.EnumNode(cls) if len(cls) else objects.OpaqueNode(cls)
    if hasattr(cls, "__dataclass_fields__") and objects.is_plain_object(cls):
        return objects.DataclassNode(cls)
    return objects.OpaqueNode(cls)


def _field_names(cls: Any) -> Sequence[str]:
    bases: tuple[type, ...] = cls.__mro__
    if msgspec.Struct in bases:
        fields: tuple[str, ...] = cls.__struct_fields__
        return fields
    if tuple in bases:
        names: tuple[str, ...] = cls._fields
        return names
    import dataclasses  # loaded: the class came from it

    return [field.name for field in dataclasses.fields(cls)]
