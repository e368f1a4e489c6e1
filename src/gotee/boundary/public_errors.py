"""Exception classes that cross the boundary with their fields. Both worlds, the same code.

What crosses is a class's name and the arguments of its `__init__`, by its annotations. The other world looks the name
up among the classes that its own copy of the program has marked; nothing is imported for the sake of a name.
"""

from __future__ import annotations

import sys

from gotee.boundary.limits import FrameError, in_force
from gotee.errors import BoundaryTypeError, GoteeError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType
    from typing import Any, TypeVar

    E = TypeVar("E", bound=BaseException)
else:
    from _collections_abc import FunctionType  # `types` takes long to import

MAINS = ("__main__", "__mp_main__")  # the main module; its name in a process that multiprocessing has started
_VARARGS, _VARKEYWORDS = 0x04, 0x08  # inspect.CO_VARARGS, CO_VARKEYWORDS
_NAME = 2  # bytes that say how long a class's name is

_marked: dict[str, type[BaseException]] = {}
_codecs: dict[type[BaseException], Any] = {}


def public_error(cls: type[E]) -> type[E]:
    """Mark an exception class whose instances may leave an enclave: its callers catch it by its class.

    The fields that cross are the parameters of `__init__`: each has an annotation and is kept in an attribute of its
    name, as in a dataclass. A class without an `__init__` of its own crosses with its `args`: texts, bytes, numbers,
    None. The message is made anew from them. What is not marked crosses as type and message from an image for
    debugging, and as an id from one for release. Raises UsageError for a class that cannot be marked.

    >>> from gotee import public_error
    >>> @public_error
    ... class Refused(Exception):
    ...     def __init__(self, limit: int) -> None:
    ...         super().__init__(f"at most {limit}")
    ...         self.limit = limit
    """
    if not (isinstance(cls, type) and issubclass(cls, Exception)):
        raise UsageError("@public_error marks classes of exceptions: write it above one that derives from Exception")
    if "<locals>" in cls.__qualname__:
        raise UsageError(f"{cls.__qualname__} is made in a function: move it to the top level of its module")
    _marked[_name(cls)] = cls
    return cls


def encode_public(error: BaseException) -> bytes | None:
    """How a marked error travels, or None for any other. Raises BoundaryTypeError if a field cannot cross."""
    cls = type(error)
    name = _name(cls)
    if _marked.get(name) is not cls:
        return None
    codec = _codec(cls)
    args, kwargs = _fields(error)
    try:
        fields: bytes = codec.encode_call((None, *args), kwargs, limits=in_force())
    except BoundaryTypeError as refused:
        raise BoundaryTypeError(refused.reason, _path(cls, refused.path)) from None
    head = name.encode()
    return len(head).to_bytes(_NAME, "little") + head + fields


def decode_public(payload: bytes) -> tuple[str, BaseException | None]:
    """The name of a class, and an instance, or None if this world has marked no such class or cannot make one.

    Raises FrameError for what no sender writes, BoundaryTypeError for fields of other types.
    """
    size = int.from_bytes(payload[:_NAME], "little")
    try:
        name = payload[_NAME : _NAME + size].decode()
    except UnicodeDecodeError:
        raise FrameError("a public error has a name that is no text") from None
    cls = _marked.get(name)
    if cls is None:
        return name, None
    args, kwargs = _codec(cls).decode_call(payload[_NAME + size :], in_force())
    try:
        return name, cls(*args[1:], **kwargs)
    except Exception:
        return name, None  # its __init__ is the program's code


def _name(cls: type[BaseException]) -> str:
    """Module and class, the same in both worlds."""
    return f"{name_inside(cls.__module__)}:{cls.__qualname__}"


def _args_only(self: None, *args: str | bytes | int | float | bool | None) -> None:
    """What an exception without an `__init__` of its own takes."""


def _init_of(cls: type[BaseException]) -> Callable[..., Any]:
    init = cls.__init__
    if not isinstance(init, FunctionType):
        return _args_only
    code = init.__code__
    if code.co_flags & (_VARARGS | _VARKEYWORDS):
        raise BoundaryTypeError(f"{cls.__qualname__}.__init__ takes * or **: name the fields, so that they can cross")
    return init


def _codec(cls: type[BaseException]) -> Any:
    codec = _codecs.get(cls)
    if codec is None:
        from gotee.boundary.entries import entry_codec  # not needed to mark a class

        try:
            codec = _codecs[cls] = entry_codec(_init_of(cls))
        except GoteeError as error:
            raise BoundaryTypeError(f"the fields of {cls.__qualname__} cannot cross: {error}") from None
    return codec


def _path(cls: type[BaseException], path: str) -> str:
    """Where in an exception a value is: by the name of the attribute, not the place of the parameter."""
    place, bracket, rest = path.removeprefix("args[").partition("]")
    init = _init_of(cls)
    if not bracket or not path.startswith("args[") or init is _args_only:
        return path
    return f"{cls.__qualname__}.{init.__code__.co_varnames[int(place)]}{rest}"


def _fields(error: BaseException) -> tuple[tuple[Any, ...], dict[str, Any]]:
    init = _init_of(type(error))
    if init is _args_only:
        return error.args, {}
    code = init.__code__
    positional = code.co_varnames[1 : code.co_argcount]
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]

    def value(name: str) -> Any:
        try:
            return getattr(error, name)
        except Exception:
            raise BoundaryTypeError(
                f"{type(error).__qualname__} has a parameter {name!r} and no attribute of that name: keep it in one"
            ) from None

    return tuple(map(value, positional)), {name: value(name) for name in keywords}


def name_inside(module: str) -> str:
    """What a module is called inside, where the main file is imported under its stem."""
    if module not in MAINS:
        return module
    path = getattr(sys.modules[module], "__file__", None) or module
    name = path.rpartition("/")[2]  # `pathlib` would be the longest import of this room
    return name.rpartition(".")[0] or name
