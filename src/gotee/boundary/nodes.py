"""The general lane's nodes for values without parts. Both worlds; called by `general` only.

A node turns values of one type into a plain form (None, bool, 64-bit int, float, str, bytes and lists of
them) and builds them again from a plain form that a hostile world may have chosen.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gotee.boundary.check import expected
from gotee.errors import BoundaryTypeError

if TYPE_CHECKING:
    from gotee.boundary.general import Decoding, Encoding

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # what MessagePack integers hold


class Step(enum.Enum):
    """Why a value is being built: once, or a first time for its classes' own tests and a second time to be kept."""

    ONLY = 0
    TEST = 1
    DELIVER = 2


class Node:
    """How one type crosses.

    `nullable`: the plain form may be None. `fixed`: the values cannot be changed in place. `accepts` answers 2 for the
    type's own class, 1 for a class whose values it may take, 0 for the rest.
    """

    name = "object"
    nullable = False
    fixed = False

    def accepts(self, kind: type) -> int:
        raise NotImplementedError

    def encode(self, value: Any, state: Encoding) -> Any:
        """The plain form; BoundaryTypeError if `value` is not of the type or cannot be copied."""
        raise NotImplementedError

    def decode(self, plain: Any, state: Decoding) -> Any:
        """The value; BoundaryTypeError if `plain` is not the plain form of one."""
        raise NotImplementedError


class SingletonNode(Node):
    """None, and msgspec's UNSET: the type has one value and the plain form is None."""

    nullable = True
    fixed = True

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value

    def accepts(self, kind: type) -> int:
        return 2 if kind is type(self.value) else 0

    def encode(self, value: Any, state: Encoding) -> Any:
        if value is not self.value:
            raise expected(self.name, value)

    def decode(self, plain: Any, state: Decoding) -> Any:
        if plain is not None:
            raise expected(self.name, plain)
        return self.value


class LeafNode(Node):
    """A type that Python itself knows. Subclasses of `cls` in the table of classes may take its place."""

    cls: Any

    def __init__(self) -> None:
        self.name = self.cls.__name__
        self.choices: list[Any] = []  # nodes of the subclasses; set when the table is complete

    def accepts(self, kind: type) -> int:
        return 2 if kind is self.cls else int(any(kind is one.cls for one in self.choices))

    def encode_other(self, value: Any, state: Encoding) -> Any:
        kind = type(value)
        for number, one in enumerate(self.choices):
            if kind is one.cls:
                return [number, one.pack(value, state)]
        if isinstance(value, self.cls):
            raise BoundaryTypeError(
                f"Expected {self.name}, got {kind.__qualname__}: a subclass is not cut to its base; "
                f"annotate it as {kind.__qualname__}"
            )
        raise expected(self.name, value)

    def decode_other(self, plain: Any, state: Decoding) -> Any:
        if type(plain) is list and len(plain) == 2:
            number, packed = plain
            if type(number) is int and 0 <= number < len(self.choices):
                return self.choices[number].unpack(packed, state)
        raise expected(self.name, plain)


class BoolNode(LeafNode):
    cls = bool
    fixed = True

    def encode(self, value: Any, state: Encoding) -> Any:
        if type(value) is not bool:
            raise expected("bool", value)
        return value

    def decode(self, plain: Any, state: Decoding) -> Any:
        if type(plain) is not bool:
            raise expected("bool", plain)
        return plain


class IntNode(LeafNode):
    """int of any size; a bool passes for an int and stays a bool."""

    cls: Any = int
    fixed = True

    def accepts(self, kind: type) -> int:
        return 1 if kind is bool else super().accepts(kind)

    def encode(self, value: Any, state: Encoding) -> Any:
        if type(value) is int:
            return value if _SMALLEST <= value <= _LARGEST else int_bytes(value)
        return value if type(value) is bool else self.encode_other(value, state)

    def decode(self, plain: Any, state: Decoding) -> Any:
        kind = type(plain)
        if kind is int or kind is bool:
            return plain
        return int.from_bytes(plain, "little", signed=True) if kind is bytes else self.decode_other(plain, state)


class FloatNode(IntNode):
    """float, bit by bit; an int passes for a float and stays an int."""

    cls: Any = float

    def accepts(self, kind: type) -> int:
        return 1 if kind is int else super().accepts(kind)

    def encode(self, value: Any, state: Encoding) -> Any:
        return value if type(value) is float else super().encode(value, state)

    def decode(self, plain: Any, state: Decoding) -> Any:
        return plain if type(plain) is float else super().decode(plain, state)


class ComplexNode(FloatNode):
    """complex as a list of the two parts; a float or an int passes and stays what it is."""

    cls: Any = complex

    def accepts(self, kind: type) -> int:
        return 1 if kind is float else super().accepts(kind)

    def encode(self, value: Any, state: Encoding) -> Any:
        return [value.real, value.imag] if type(value) is complex else super().encode(value, state)

    def decode(self, plain: Any, state: Decoding) -> Any:
        if type(plain) is list and len(plain) == 2 and type(plain[0]) is type(plain[1]) is float:
            return complex(plain[0], plain[1])
        return super().decode(plain, state)


class StrNode(LeafNode):
    """str; one with lone surrogates, which UTF-8 has no form for, crosses as bytes."""

    cls = str
    fixed = True

    def encode(self, value: Any, state: Encoding) -> Any:
        return text(value) if type(value) is str else self.encode_other(value, state)

    def decode(self, plain: Any, state: Decoding) -> Any:
        if type(plain) is str:
            return plain
        return untext(plain) if type(plain) is bytes else self.decode_other(plain, state)


class BytesNode(LeafNode):
    cls = bytes
    fixed = True

    def encode(self, value: Any, state: Encoding) -> Any:
        return value if type(value) is bytes else self.encode_other(value, state)

    def decode(self, plain: Any, state: Decoding) -> Any:
        return plain if type(plain) is bytes else self.decode_other(plain, state)


class SimpleNode(LeafNode):
    """A standard type given by two functions; `build` may raise what it likes for a bad plain form."""

    def __init__(self, cls: type, plain_of: Callable[[Any], Any], build: Callable[[Any], Any]) -> None:
        self.cls = cls
        super().__init__()
        self.fixed = cls not in (bytearray, memoryview)
        self.plain_of = plain_of
        self.build = build

    def encode(self, value: Any, state: Encoding) -> Any:
        if type(value) is not self.cls:
            return self.encode_other(value, state)
        plain = self.plain_of(value)
        if type(plain) is list:
            state.count(len(plain))
        return plain

    def decode(self, plain: Any, state: Decoding) -> Any:
        try:
            return self.build(plain)
        except BoundaryTypeError:
            raise
        except Exception:  # whatever the constructors of the standard library raise for hostile parts
            raise BoundaryTypeError(f"Expected {self.name}, got something that is none") from None


def int_bytes(value: int) -> bytes:
    """An integer beyond 64 bits: two's complement, little end first."""
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def text(value: str) -> str | bytes:
    """The plain form of a str."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    return value


def untext(plain: Any) -> str:
    """The str of a plain form."""
    if type(plain) is str:
        return plain
    if type(plain) is bytes:
        try:
            return plain.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            pass
    raise expected("str", plain)


def ints(plain: Any, count: int) -> list[int]:
    """A plain list of exactly `count` integers."""
    if type(plain) is not list or len(plain) != count or any(type(one) is not int for one in plain):
        raise expected(f"{count} integers", plain)
    return plain


def is_loaded(kind: type, name: str) -> bool:
    """Whether `kind` is the class that `name` ("module.Class") means, and not one that calls itself so."""
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules.get(module), attribute, None) is kind
