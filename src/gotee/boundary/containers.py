"""The general lane's nodes for values with parts: containers, unions, channels. Both worlds; called by `general`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gotee.boundary.canonical import Elements, literal_text
from gotee.boundary.channelkind import ChannelKind
from gotee.boundary.check import at, check_element, expected, key_place
from gotee.boundary.nodes import LeafNode, Node
from gotee.boundary.types import Scope
from gotee.errors import BoundaryTypeError, UsageError

if TYPE_CHECKING:
    from gotee.boundary.general import Decoding, Encoding


def _plain_list(plain: Any, name: str) -> list[Any]:
    if type(plain) is not list:
        raise expected(name, plain)
    return plain


class ManyNode(LeafNode):
    """list, set, frozenset and tuple of any length, all elements of one type."""

    cls: type[list[Any]] | type[tuple[Any, ...]] | type[set[Any]] | type[frozenset[Any]]

    def __init__(self, cls: Any, element: Node) -> None:
        self.cls = cls
        super().__init__()
        self.element = element

    def encode(self, value: Any, state: Encoding) -> Any:
        if type(value) is not self.cls:
            return self.encode_other(value, state)
        state.enter(value, len(value))
        encode = self.element.encode
        plain: list[Any] = []
        try:
            for one in value:
                plain.append(encode(one, state))  # noqa: PERF401 - its length is the place of an error
        except BoundaryTypeError as error:
            raise at(f"[{len(plain)}]", error) from None
        state.leave()
        return plain

    def decode(self, plain: Any, state: Decoding) -> Any:
        decode = self.element.decode
        values: list[Any] = []
        try:
            for one in _plain_list(plain, self.name):
                values.append(decode(one, state))  # noqa: PERF401 - its length is the place of an error
        except BoundaryTypeError as error:
            if type(plain) is list:
                raise at(f"[{len(values)}]", error) from None
            raise
        if self.cls is list:
            return values
        if self.cls is tuple:
            return tuple(values)
        try:
            unique = self.cls(values)
        except Exception as error:  # the hash of a part, which may be the user's code
            raise BoundaryTypeError(f"A {self.name} cannot hold this: {error}") from None
        if len(unique) != len(values):
            raise BoundaryTypeError(f"Expected a {self.name} without repetitions")
        return unique


class TupleNode(LeafNode):
    """tuple[A, B, C]."""

    cls = tuple

    def __init__(self, elements: list[Node]) -> None:
        super().__init__()
        self.elements = elements

    def _check_length(self, parts: Any) -> None:
        if len(parts) != len(self.elements):
            raise BoundaryTypeError(f"Expected a tuple of length {len(self.elements)}, got {len(parts)}")

    def encode(self, value: Any, state: Encoding) -> Any:
        if type(value) is not tuple:
            return self.encode_other(value, state)
        self._check_length(value)
        state.enter(value, len(value))
        plain: list[Any] = []
        try:
            for node, one in zip(self.elements, value, strict=True):
                plain.append(node.encode(one, state))
        except BoundaryTypeError as error:
            raise at(f"[{len(plain)}]", error) from None
        state.leave()
        return plain

    def decode(self, plain: Any, state: Decoding) -> Any:
        parts = _plain_list(plain, self.name)
        self._check_length(parts)
        values: list[Any] = []
        try:
            for node, one in zip(self.elements, parts, strict=True):
                values.append(node.decode(one, state))
        except BoundaryTypeError as error:
            raise at(f"[{len(values)}]", error) from None
        return tuple(values)


class DictNode(LeafNode):
    """dict, in its order, as a list of key, value, key, value, ..."""

    cls = dict

    def __init__(self, key: Node, item: Node) -> None:
        super().__init__()
        self.key = key
        self.item = item

    def encode(self, value: Any, state: Encoding) -> Any:
        if type(value) is not dict:
            return self.encode_other(value, state)
        state.enter(value, 2 * len(value))
        plain: list[Any] = []
        key: Any = None
        try:
            for key, item in value.items():
                plain.append(self.key.encode(key, state))
                plain.append(self.item.encode(item, state))
        except BoundaryTypeError as error:
            raise at(key_place(key), error) from None
        state.leave()
        return plain

    def decode(self, plain: Any, state: Decoding) -> Any:
        parts = _plain_list(plain, self.name)
        if len(parts) % 2:
            raise expected(self.name, plain)
        values: dict[Any, Any] = {}
        for i in range(0, len(parts), 2):
            key = place = None
            try:
                key = self.key.decode(parts[i], state)
                place = key_place(key)
                values[key] = self.item.decode(parts[i + 1], state)
            except BoundaryTypeError as error:
                raise at(place or f"[key {i // 2}]", error) from None
            except Exception as error:  # the hash of the key, which may be the user's code
                raise BoundaryTypeError(f"A dict cannot have this key: {error}", place or "") from None
        if 2 * len(values) != len(parts):
            raise BoundaryTypeError("Expected a dict without repeated keys")
        return values


class TypedDictNode(Node):
    """A dict with the keys of a TypedDict and no others, as a list of number of the key, value, ..."""

    def __init__(self, cls: type) -> None:
        self.name = cls.__name__
        self.names: list[str] = []
        self.nodes: list[Node] = []
        self.required: frozenset[str] = frozenset()

    def complete(self, fields: dict[str, tuple[Node, bool]]) -> None:
        self.names = list(fields)
        self.nodes = [node for node, _ in fields.values()]
        self.numbers = {name: i for i, name in enumerate(self.names)}
        self.required = frozenset(name for name, (_, needed) in fields.items() if needed)

    def accepts(self, kind: type) -> int:
        return 2 if kind is dict else 0

    def _check_keys(self, value: dict[Any, Any]) -> None:
        for name in self.names:
            if name in self.required and name not in value:
                raise BoundaryTypeError(f"Key {name!r} of {self.name} is missing")

    def encode(self, value: Any, state: Encoding) -> Any:
        if type(value) is not dict:
            raise expected(self.name, value)
        self._check_keys(value)
        state.enter(value, 2 * len(value))
        plain: list[Any] = []
        for key, item in value.items():
            if type(key) is not str or key not in self.numbers:
                raise BoundaryTypeError(f"{self.name} has no such key", key_place(key))
            number = self.numbers[key]
            try:
                plain += (number, self.nodes[number].encode(item, state))
            except BoundaryTypeError as error:
                raise at(key_place(key), error) from None
        state.leave()
        return plain

    def decode(self, plain: Any, state: Decoding) -> Any:
        parts = _plain_list(plain, self.name)
        if len(parts) % 2:
            raise expected(self.name, plain)
        values: dict[str, Any] = {}
        for i in range(0, len(parts), 2):
            number = parts[i]
            if type(number) is not int or not 0 <= number < len(self.names) or self.names[number] in values:
                raise expected(f"the keys of {self.name}", number)
            try:
                values[self.names[number]] = self.nodes[number].decode(parts[i + 1], state)
            except BoundaryTypeError as error:
                raise at(key_place(self.names[number]), error) from None
        self._check_keys(values)
        return values


class UnionNode(Node):
    """One of several types: the number of the member and its plain form."""

    def __init__(self, name: str, members: list[Node]) -> None:
        self.name = name
        self.members = members

    def accepts(self, kind: type) -> int:
        return max(member.accepts(kind) for member in self.members)

    def encode(self, value: Any, state: Encoding) -> Any:
        kind = type(value)
        fits = [(member.accepts(kind), -number) for number, member in enumerate(self.members)]
        # The class's own member before those that take it as well: True is a bool before it is an int.
        numbers = [-order for fit, order in sorted(fits, reverse=True) if fit]
        state.count(2)
        mark = state.mark()
        for number in numbers:
            try:
                return [number, self.members[number].encode(value, state)]
            except BoundaryTypeError:
                if len(numbers) == 1:
                    raise
                state.reset(mark)
        raise expected(self.name, value)

    def decode(self, plain: Any, state: Decoding) -> Any:
        if type(plain) is list and len(plain) == 2:
            number = plain[0]
            if type(number) is int and 0 <= number < len(self.members):
                return self.members[number].decode(plain[1], state)
        raise expected(self.name, plain)


class OptionalNode(Node):
    """T | None where no plain form of T is None."""

    nullable = True

    def __init__(self, inner: Node) -> None:
        self.inner = inner
        self.fixed = inner.fixed
        self.name = f"{inner.name} | None"

    def accepts(self, kind: type) -> int:
        return 2 if kind is type(None) else self.inner.accepts(kind)

    def encode(self, value: Any, state: Encoding) -> Any:
        if value is None:
            return None
        if not self.inner.accepts(type(value)):
            raise expected(self.name, value)
        return self.inner.encode(value, state)

    def decode(self, plain: Any, state: Decoding) -> Any:
        return None if plain is None else self.inner.decode(plain, state)


class LiteralNode(Node):
    """The number of the value among those that the annotation lists."""

    fixed = True

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = sorted(values, key=literal_text)  # an order that both worlds find
        self.name = f"Literal[{', '.join(map(repr, values))}]"

    def accepts(self, kind: type) -> int:
        return 2 if any(type(one) is kind for one in self.values) else 0

    def encode(self, value: Any, state: Encoding) -> Any:
        for number, one in enumerate(self.values):
            if type(one) is type(value) and one == value:
                return number
        if value is None or type(value) in (bool, int, str, bytes):
            raise BoundaryTypeError(f"Expected {self.name}, got {key_place(value)[1:-1]}")
        raise expected(self.name, value)

    def decode(self, plain: Any, state: Decoding) -> Any:
        if type(plain) is not int or not 0 <= plain < len(self.values):
            raise expected(self.name, plain)
        return self.values[plain]


class ConstrainedNode(Node):
    """Annotated[T, msgspec.Meta(...)], checked on both sides."""

    def __init__(self, inner: Node, constraint: Callable[[Any], None]) -> None:
        self.inner = inner
        self.constraint = constraint
        self.name = inner.name
        self.nullable = inner.nullable
        self.fixed = inner.fixed
        self.accepts = inner.accepts  # type: ignore[method-assign]

    def encode(self, value: Any, state: Encoding) -> Any:
        plain = self.inner.encode(value, state)  # first: the constraint may count on the type
        self.constraint(value)
        return plain

    def decode(self, plain: Any, state: Decoding) -> Any:
        value = self.inner.decode(plain, state)
        self.constraint(value)
        return value


class LaterNode(Node):
    """Stands in a recursive type for a node that is still being made."""

    # What it stands for is not known yet, so a union must always tag it.
    nullable = True
    target: Node | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    def node(self) -> Node:
        node: Node | None = self
        for _ in range(100):
            node = node.target if isinstance(node, LaterNode) else node
            if node is not None and not isinstance(node, LaterNode):
                self.encode, self.decode = node.encode, node.decode  # type: ignore[method-assign]
                return node
        raise UsageError(f"annotation {self.name} refers only to itself")

    def accepts(self, kind: type) -> int:
        return self.node().accepts(kind)

    def encode(self, value: Any, state: Encoding) -> Any:
        return self.node().encode(value, state)

    def decode(self, plain: Any, state: Decoding) -> Any:
        return self.node().decode(plain, state)


class ChannelNode(Node):
    """A channel crosses as the number that the protocol of crossing channels gives it."""

    def __init__(self, kind: ChannelKind, element: Any, scope: Scope) -> None:
        self.kind = kind
        self.name = kind.cls.__name__
        self.elements = Elements(element, scope)

    def accepts(self, kind: type) -> int:
        return 2 if issubclass(kind, self.kind.cls) else 0

    def encode(self, value: Any, state: Encoding) -> Any:
        if not isinstance(value, self.kind.cls):
            raise expected(self.name, value)
        self._check(value)
        if state.refused is value:
            raise BoundaryTypeError("this channel")
        state.count(1)
        # The number is filled in when the whole value has proved able to cross: numbering a channel
        # makes it cross, and a refused value must leave nothing behind.
        cell = [2**64 - 1]  # as wide as a number can be, so that the size is checked with room for it
        state.channels.append((value, cell, self.elements))
        return cell

    def decode(self, plain: Any, state: Decoding) -> Any:
        if type(plain) is not list or len(plain) != 1 or type(plain[0]) is not int or plain[0] < 0:
            raise expected(self.name, plain)
        if state.hooks is None:
            raise BoundaryTypeError("A channel cannot cross here")
        channel = state.hooks.decode_channel(plain[0], self.elements)
        self._check(channel)
        return channel

    def _check(self, channel: Any) -> None:
        check_element(self.kind.element_of(channel), self.elements.annotation, self.elements.scope)
