"""The general lane's nodes for the program's classes. Both worlds; called by `general` only.

A class is never named in a frame: it is the one that the annotation says, or a place in the table of
classes that the annotation reaches. Objects are built from their fields; `__init__` does not run.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

import msgspec

from gotee.boundary.check import at, expected, kind_name
from gotee.boundary.nodes import IntNode, Node, Step
from gotee.boundary.types import Registered
from gotee.boundary.untyped import refusal
from gotee.errors import BoundaryTypeError

if TYPE_CHECKING:
    from gotee.boundary.general import Decoding, Encoding

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement


class ClassNode(Node):
    """A class of the program, or a subclass of it that the table holds.

    `pack` and `unpack` are for exactly `cls`; `encode` and `decode` add the number among `choices`,
    where there is more than one.
    """

    def __init__(self, cls: type) -> None:
        self.cls: Any = cls
        self.name = cls.__name__
        self.choices: list[ClassNode] = [self]  # itself and subclasses; set when the table is complete

    def accepts(self, kind: type) -> int:
        return 2 if kind is self.cls else int(any(kind is one.cls for one in self.choices))

    def encode(self, value: Any, state: Encoding) -> Any:
        kind = type(value)
        choices = self.choices
        if len(choices) == 1:
            if kind is choices[0].cls:
                return choices[0].pack(value, state)
        else:
            for number, one in enumerate(choices):
                if kind is one.cls:
                    state.count(2)
                    return [number, one.pack(value, state)]
        raise self.mismatch(value)

    def mismatch(self, value: Any) -> BoundaryTypeError:
        if isinstance(value, self.cls):
            return BoundaryTypeError(
                f"Expected {self.name}, got its subclass {kind_name(value)}, which the annotation does not "
                f"reach: annotate it as {self.name} | {type(value).__name__}"
            )
        return expected(self.name, value)

    def decode(self, plain: Any, state: Decoding) -> Any:
        choices = self.choices
        if len(choices) == 1:
            return choices[0].unpack(plain, state)
        if type(plain) is list and len(plain) == 2:
            number = plain[0]
            if type(number) is int and 0 <= number < len(choices):
                return choices[number].unpack(plain[1], state)
        raise expected(self.name, plain)

    def pack(self, value: Any, state: Encoding) -> Any:
        raise NotImplementedError

    def unpack(self, plain: Any, state: Decoding) -> Any:
        raise NotImplementedError


class OpaqueNode(ClassNode):
    """A class that cannot cross itself: only those of its subclasses that the table holds do."""

    def mismatch(self, value: Any) -> BoundaryTypeError:
        if getattr(self.cls, "_is_protocol", False):  # may not be asked what fits it
            return BoundaryTypeError(
                f"Expected {self.name}, got {kind_name(value)}: a protocol names no class that could be made; annotate "
                "the parameter or the channel with one"
            )
        return refusal(value) if isinstance(value, self.cls) else expected(self.name, value)

    def decode(self, plain: Any, state: Decoding) -> Any:
        if not self.choices:
            raise expected(self.name, plain)
        return super().decode(plain, state)


class RecordNode(ClassNode):
    """A class with named fields, as the list of their values."""

    def __init__(self, cls: type) -> None:
        super().__init__(cls)
        self.names: tuple[str, ...] = ()
        self.nodes: tuple[Node, ...] = ()
        self.tested = False  # whether the class has a __post_init__ that can run
        self.alone: bool | None = None  # whether no field can be changed in place

    def complete(self, fields: dict[str, Node]) -> None:
        self.names = tuple(fields)
        self.nodes = tuple(fields.values())
        self.fields = frozenset(fields)
        # functools.cached_property keeps its result beside the fields; it is computed again.
        self.caches = frozenset(
            name for c in self.cls.__mro__ for name, v in vars(c).items() if type(v).__name__ == "cached_property"
        )
        slots = (name for c in self.cls.__mro__ for name in _slots(c))
        self.hidden = tuple(name for name in slots if name not in self.fields)

    def values_of(self, value: Any) -> Any:
        """The fields' values in order; BoundaryTypeError if the object holds more than its fields."""
        self._check_state(value)
        return [self._get(value, name) for name in self.names]

    def _get(self, value: Any, name: str) -> Any:
        try:
            return object.__getattribute__(value, name)  # what is there, not what the class makes of it
        except AttributeError:
            raise BoundaryTypeError("This field is not set", f".{name}") from None

    def _check_state(self, value: Any) -> None:
        extra = getattr(value, "__dict__", None)
        if extra and not self.fields.issuperset(extra):
            for name in extra:
                if name not in self.fields and name not in self.caches:
                    raise BoundaryTypeError(f"{self.name} has no field of this name, so it cannot cross", f".{name}")
        for name in self.hidden:
            if hasattr(value, name):
                raise BoundaryTypeError(f"{self.name} has no field of this name, so it cannot cross", f".{name}")

    def build(self, values: list[Any]) -> Any:
        raise NotImplementedError

    def test(self, values: list[Any]) -> None:
        """Run the class's `__post_init__` on an object of its own."""
        raise NotImplementedError

    def pack(self, value: Any, state: Encoding) -> Any:
        values = self.values_of(value)
        state.enter(value, len(values))
        plain: list[Any] = []
        try:
            for node, one in zip(self.nodes, values, strict=True):
                plain.append(node.encode(one, state))  # its length is the place of an error
        except BoundaryTypeError as error:
            raise at(f".{self.names[len(plain)]}", error) from None
        state.leave()
        return plain

    def unpack(self, plain: Any, state: Decoding) -> Any:
        if type(plain) is not list:
            raise expected(self.name, plain)
        if len(plain) != len(self.nodes):
            raise BoundaryTypeError(f"Expected the {len(self.nodes)} fields of {self.name}, got {len(plain)}")
        if not self.tested or state.step is not Step.ONLY:
            return self._build(self._fields(plain, state), state)
        if self.alone is None:
            self.alone = all(node.fixed for node in self.nodes)
        if self.alone:
            return self._build(self._fields(plain, state), state)
        # The test may change lists inside the fields: it gets fields of its own, down to the last one.
        state.step = Step.TEST
        self._build(self._fields(plain, state), state)
        state.step = Step.DELIVER
        made = self._build(self._fields(plain, state), state)
        state.step = Step.ONLY
        return made

    def _fields(self, plain: list[Any], state: Decoding) -> list[Any]:
        values: list[Any] = []
        try:
            for node, one in zip(self.nodes, plain, strict=True):
                values.append(node.decode(one, state))
        except BoundaryTypeError as error:
            raise at(f".{self.names[len(values)]}", error) from None
        return values

    def _build(self, values: list[Any], state: Decoding) -> Any:
        if self.tested and state.step is not Step.DELIVER:
            try:
                self.test(values)
            except Exception as error:  # __post_init__, which is the program's own test of its objects
                raise BoundaryTypeError(f"{self.name} refuses its fields: {error}") from None
        return self.build(values)


def _slots(cls: type) -> list[str]:
    slots = cls.__dict__.get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    mangled = f"_{cls.__name__.lstrip('_')}"
    return [
        mangled + name if name.startswith("__") and not name.endswith("__") else name
        for name in names
        if name not in ("__dict__", "__weakref__")
    ]


class DataclassNode(RecordNode):
    """A dataclass; slots, frozen, `init=False` and keyword-only fields make no difference.

    A `__post_init__` is run as a test, on a second object with equal fields, so that a hostile world
    cannot make an object that the program's own check would refuse; what it changes is not kept.
    """

    def complete(self, fields: dict[str, Node]) -> None:
        super().complete(fields)
        pseudo = vars(sys.modules["dataclasses"])["_FIELD_INITVAR"]
        every: dict[str, Any] = self.cls.__dataclass_fields__
        takes_more = any(one._field_type is pseudo for one in every.values())
        self.tested = hasattr(self.cls, "__post_init__") and not takes_more
        held = (vars(c)[name] for name in self.names for c in self.cls.__mro__ if name in vars(c))
        self.described = any(hasattr(type(one), "__set__") and type(one) is not MemberDescriptorType for one in held)

    def test(self, values: list[Any]) -> None:
        self.build(values).__post_init__()

    def build(self, values: list[Any]) -> Any:
        made = object.__new__(self.cls)
        put = object.__setattr__  # frozen classes refuse their own
        for name, value in zip(self.names, values, strict=True):
            put(made, name, value)
        for name, value in zip(self.names, values, strict=True) if self.described else ():
            if getattr(made, name) is not value:
                raise BoundaryTypeError(
                    f"{self.name} changes what is assigned to this field, so it cannot cross", f".{name}"
                )
        return made


class StructNode(RecordNode):
    """A msgspec.Struct. Its `__post_init__` is a test, as that of a dataclass is."""

    def complete(self, fields: dict[str, Node]) -> None:
        super().complete(fields)
        self.tested = hasattr(self.cls, "__post_init__")
        self.blank: Any = None  # an object whose copies are made without __post_init__; its fields are None

    def test(self, values: list[Any]) -> None:
        made = self.cls(**dict(zip(self.names, values, strict=True)))
        if self.blank is None:
            blank = _copied(made)
            for name in self.names:
                msgspec.structs.force_setattr(blank, name, None)
            self.blank = blank

    def build(self, values: list[Any]) -> Any:
        if not self.tested:
            return self.cls(**dict(zip(self.names, values, strict=True)))
        made = _copied(self.blank)  # the test has made it
        for name, value in zip(self.names, values, strict=True):
            msgspec.structs.force_setattr(made, name, value)
        return made


_copied: Callable[[Any], Any] = getattr(msgspec.Struct, "__copy__")  # noqa: B009 - not in its stub; field by field, whatever the class defines


class NamedTupleNode(RecordNode):
    """A NamedTuple, or a collections.namedtuple, whose fields are then Any."""

    def values_of(self, value: Any) -> Any:
        self._check_state(value)
        if len(value) != len(self.names):
            raise BoundaryTypeError(f"Expected the {len(self.names)} fields of {self.name}, got {len(value)}")
        return value

    def build(self, values: list[Any]) -> Any:
        return tuple.__new__(self.cls, values)


class EnumNode(ClassNode):
    """A member by its number in the class; a Flag by its value."""

    fixed = True

    def __init__(self, cls: type) -> None:
        super().__init__(cls)
        self.flag = issubclass(cls, enum.Flag)
        self.members: list[Any] = list(cls)  # type: ignore[call-overload]
        self.numbers = {member._name_: number for number, member in enumerate(self.members)}
        self.whole = IntNode()

    def pack(self, value: Any, state: Encoding) -> Any:
        if self.flag:
            return self.whole.encode(value._value_, state)
        number: int | None = self.numbers.get(value._name_)
        if number is None or self.members[number] is not value:
            raise BoundaryTypeError(f"Expected a member of {self.name}")
        return number

    def unpack(self, plain: Any, state: Decoding) -> Any:
        if self.flag:
            number = self.whole.decode(plain, state)
            try:
                value: Any = self.cls(number)
            except Exception:  # ValueError, or what a `_missing_` of the program raises
                raise BoundaryTypeError(f"Expected {self.name}, got {number:#x}") from None
            if type(value) is not self.cls or value._value_ != number:
                raise BoundaryTypeError(f"Expected {self.name}, got {number:#x}")
            return value
        if type(plain) is not int or not 0 <= plain < len(self.members):
            raise expected(self.name, plain)
        return self.members[plain]


class RegisteredNode(ClassNode):
    """A class of `register_type`."""

    nullable = True  # its plain annotation may be anything

    def __init__(self, cls: type, how: Registered, plain_node: Callable[[], Node]) -> None:
        super().__init__(cls)
        self.how = how
        self.plain_node = plain_node

    def pack(self, value: Any, state: Encoding) -> Any:
        try:
            inner = self.how.to_plain(value)
        except Exception as error:
            raise BoundaryTypeError(f"to_plain of {self.name} failed: {error}") from error
        state.enter(value, 1)
        plain = self.plain_node().encode(inner, state)
        state.leave()
        return plain

    def unpack(self, plain: Any, state: Decoding) -> Any:
        inner = self.plain_node().decode(plain, state)
        try:
            value = self.how.from_plain(inner)
        except Exception as error:
            raise BoundaryTypeError(f"{self.name} refuses its plain form: {error}") from None
        if type(value) is not self.cls:
            raise BoundaryTypeError(f"from_plain of {self.name} made a {kind_name(value)}")
        return value


def is_plain_object(cls: type) -> bool:
    """Whether everything in an object of `cls` is in its attributes: no base but object is built in."""
    return all(base is object or base.__flags__ & _HEAP_TYPE for base in cls.__mro__)
