"""The general lane's node for places without annotation. Both worlds; called by `general` only.

Here, and only here, a frame says which type a value has: by a number in a table that both worlds have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gotee.boundary.channelkind import ChannelKind
from gotee.boundary.check import expected, kind_name
from gotee.boundary.containers import ChannelNode, DictNode, ManyNode
from gotee.boundary.nodes import ComplexNode, IntNode, Node, StrNode, is_loaded
from gotee.boundary.standard import STANDARD
from gotee.boundary.types import Scope
from gotee.errors import BoundaryTypeError

if TYPE_CHECKING:
    from gotee.boundary.general import Decoding, Encoding


class AnyNode(Node):
    """A place without annotation: scalars as they are, the rest as the tag of its type and its plain form."""

    nullable = True

    def __init__(self, channel: ChannelKind | None) -> None:
        self.name = "Any"
        self.table: list[Any] = []
        self._numbers: dict[type, list[int]] = {}
        self.nodes: list[tuple[str, Callable[[], Node] | None, Node | None]] = []
        self._by_type: dict[type, tuple[int, Node]] = {}
        ready: list[tuple[str, Node]] = [
            ("builtins.int", IntNode()),
            ("builtins.str", StrNode()),
            *((f"builtins.{cls.__name__}", ManyNode(cls, self)) for cls in (list, tuple, set, frozenset)),
            ("builtins.dict", DictNode(self, self)),
        ]
        self.nodes = [(name, None, node) for name, node in ready]
        self.nodes += [(name, make, None) for name, make in (("builtins.complex", ComplexNode), *STANDARD.items())]
        self.nodes.append(("numpy.ndarray", _array, None))
        self._scalars = len(self.nodes)
        self.nodes.append(("numpy.generic", _scalar, None))
        self._channels = len(self.nodes)
        self.nodes.append(("", None, ChannelNode(channel, Any, Scope()) if channel else None))
        self._channel = channel

    def complete(self, table: list[Any]) -> None:
        """The class nodes of the whole frame. A generic class may be there more than once."""
        self.table = table
        for number, one in enumerate(table):
            self._numbers.setdefault(one.cls, []).append(number)

    def accepts(self, kind: type) -> int:
        return 1

    def _node(self, tag: int) -> Node | None:
        name, make, node = self.nodes[tag]
        if node is None and make is not None:
            node = make()
            self.nodes[tag] = (name, make, node)
        return node

    def _find(self, value: Any) -> tuple[int, Node] | None:
        """The tag and node of a builtin type; remembered by type."""
        kind = type(value)
        found = self._by_type.get(kind)
        if found is None:
            tag = self._tag_of(kind)
            node = self._node(tag) if tag >= 0 else None
            if node is None:
                return None
            found = self._by_type[kind] = (tag, node)
        return found

    def _tag_of(self, kind: type) -> int:
        name = f"{kind.__module__}.{kind.__qualname__}"
        for tag, (known, _, _) in enumerate(self.nodes):
            if known == name and is_loaded(kind, name):
                return tag
        if any(base.__module__ == "numpy" and is_loaded(base, "numpy.generic") for base in kind.__mro__):
            return self._scalars
        if self._channel is not None and issubclass(kind, self._channel.cls):
            return self._channels
        return -1

    def encode(self, value: Any, state: Encoding) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is float or kind is bytes:
            return value
        if kind in self._numbers:
            return self._encode_class(value, state)
        found = self._find(value)
        if found is None:
            raise refusal(value)
        tag, node = found
        plain = node.encode(value, state)
        if tag < 2 and type(plain) is kind:  # an int or str in its own plain form
            return plain
        state.count(2)
        return [tag, plain]

    def _encode_class(self, value: Any, state: Encoding) -> Any:
        numbers = self._numbers[type(value)]
        state.count(2)
        mark = state.mark()
        for number in numbers[:-1]:
            try:
                return [len(self.nodes) + number, self.table[number].pack(value, state)]
            except BoundaryTypeError:
                state.reset(mark)
        return [len(self.nodes) + numbers[-1], self.table[numbers[-1]].pack(value, state)]

    def decode(self, plain: Any, state: Decoding) -> Any:
        kind = type(plain)
        if plain is None or kind in (bool, int, float, str, bytes):
            return plain
        if kind is list and len(plain) == 2 and type(plain[0]) is int:
            tag = plain[0]
            if 0 <= tag < len(self.nodes):
                node = self._node(tag)
                if node is not None:
                    return node.decode(plain[1], state)
            elif len(self.nodes) <= tag < len(self.nodes) + len(self.table):
                return self.table[tag - len(self.nodes)].unpack(plain[1], state)
        raise expected("a value of a known type", plain)


def _numpy(name: str) -> Any:
    try:
        from gotee.boundary import arrays
    except ImportError:  # NumPy is an optional extra, and this world has none
        raise BoundaryTypeError("NumPy is not installed in this world") from None
    return getattr(arrays, name)


def _array() -> Node:
    node: Node = _numpy("ArrayNode")()
    return node


def _scalar() -> Node:
    node: Node = _numpy("ScalarNode")(__import__("numpy").generic)
    return node


_CURES = {
    "function": "call it on this side and pass its result",
    "builtin_function_or_method": "call it on this side and pass its result",
    "method": "pass the object's data instead",
    "module": "import it inside instead",
    "type": "import it inside instead",
    "Routine": "pass its result()",
    "SecuredRoutine": "pass its result()",
    "coroutine": "await it on this side and pass its result",
    "deque": "pass list(...) of it, or a channel",
    "dict_keys": "pass list(...) of it",
    "dict_values": "pass list(...) of it",
    "dict_items": "pass list(...) of it",
    "TextIOWrapper": "read it on this side and pass the contents, or a channel",
    "BufferedReader": "read it on this side and pass the contents, or a channel",
}


def refusal(value: Any) -> BoundaryTypeError:
    """For a value that no table knows: what it is and what to do."""
    cure = _CURES.get("type" if isinstance(value, type) else type(value).__name__) or _cure_by_kind(value)
    return BoundaryTypeError(f"A value of type {kind_name(value)} cannot cross: {cure}")


def _cure_by_kind(value: Any) -> str:
    kind = type(value)
    if any(hasattr(kind, name) for name in ("__dataclass_fields__", "__struct_fields__", "_fields", "__members__")):
        return f"annotate the parameter or the channel with {kind.__qualname__}"
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        plain = next(base.__name__ for base in kind.__mro__ if base.__module__ == "builtins")
        return f"pass {plain}(...) of it"
    if hasattr(kind, "__next__"):
        return "pass list(...) of it, or a channel"
    return "pass what it is made of (a dataclass, a dict, an array), or use register_type"
