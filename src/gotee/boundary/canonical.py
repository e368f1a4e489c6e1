"""One text for one type, and what the elements of a channel are. Both worlds; the codecs and channels' ends use it.

Python keeps no order of `A | B` and of `Literal[...]`: two spellings are equal, and `typing` may hand out the one that
it met first. The two worlds meet different ones, so whatever is numbered is numbered in the order of these texts.
"""

from __future__ import annotations

import enum
import typing
from typing import TYPE_CHECKING, Any

import msgspec

from gotee.boundary.public_errors import name_inside
from gotee.boundary.types import Scope, name_of, shape_of
from gotee.errors import UsageError

if TYPE_CHECKING:
    from gotee.boundary.copy import Codec


def canonical(annotation: Any, scope: Scope, open_names: tuple[object, ...] = ()) -> str:
    """The text of an annotation, the same for all its spellings and in both worlds.

    >>> canonical(int | list[str], Scope()) == canonical(list[str] | int, Scope())
    True
    """
    try:
        shape = shape_of(annotation, scope)
    except (UsageError, TypeError):
        return repr(annotation)  # the parameter list of a Callable, and others that only stand inside brackets
    inner = shape.scope
    if shape.kind == "named":
        if shape.key in open_names:
            return f"^{open_names.index(shape.key)}"
        return canonical(shape.args[0], inner, (*open_names, shape.key))
    if shape.kind == "literal":
        return f"literal[{', '.join(sorted(map(literal_text, shape.args)))}]"
    parts = [canonical(arg, inner, open_names) for arg in shape.args]
    match shape.kind:
        case "union":
            return " | ".join(sorted(set(parts)))
        case "annotated":
            bounds = [repr(meta) for meta in shape.metadata if isinstance(meta, msgspec.Meta)]
            return f"{parts[0]} with {bounds}" if bounds else parts[0]
        case "class":
            return f"{class_text(shape.cls)}[{', '.join(parts)}]" if parts else class_text(shape.cls)
        case kind:
            return f"{kind}[{', '.join(parts)}]"


def class_text(cls: type) -> str:
    """Name and module of a class, the same in both worlds."""
    return f"{cls.__qualname__}:{name_inside(cls.__module__)}"


def literal_text(value: Any) -> str:
    """A value of a Literal."""
    return f"{class_text(type(value))}={value._name_ if isinstance(value, enum.Enum) else repr(value)}"


class Elements:
    """What the elements of a channel are, as an annotation says: `Chan[annotation]`, read in `scope`.

    >>> Elements(int | None, Scope())
    Elements(int | None)
    """

    __slots__ = ("_codec", "_text", "annotation", "scope")

    def __init__(self, annotation: Any, scope: Scope) -> None:
        self.annotation = annotation
        self.scope = scope
        self._codec: Codec | None = None
        self._text: str | None = None

    def __repr__(self) -> str:
        return f"Elements({name_of(self.annotation)})"

    @property
    def name(self) -> str:
        """The channel's type, as its author would write it."""
        return "Chan" if self.annotation is Any else f"Chan[{name_of(self.annotation)}]"

    @property
    def text(self) -> str:
        """Equal texts are equal types, and have one form on the link."""
        if self._text is None:
            self._text = canonical(self.annotation, self.scope)
        return self._text

    @property
    def codec(self) -> Codec:
        """Made when the first such channel crosses: most programs make many channels of few types."""
        if self._codec is None:
            from gotee.boundary.copy import codec_in  # which knows of channels

            self._codec = codec_in(self.annotation, self.scope)
        return self._codec


def same_elements(one: Any, two: Any) -> bool:
    """Whether two annotations are surely the same, without reading them."""
    return not isinstance(one, str | typing.ForwardRef) and bool(one == two)
