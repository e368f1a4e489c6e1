"""The typed copy of a call: arguments bound to a function's parameters, and its result. Both worlds.

The caller's world binds and encodes, the other decodes and binds again: an entry is called only with
arguments that its signature takes, whoever made the frame.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gotee.boundary.check import at, key_place
from gotee.boundary.copy import Codec, codec_for, gathered, unpack
from gotee.boundary.fast import lane_for_tuple
from gotee.boundary.frames import Gather
from gotee.boundary.general import ChannelHooks, Compiler, Decoding, Encoding
from gotee.boundary.lane import FastLane
from gotee.boundary.limits import DEFAULT_LIMITS, Limits
from gotee.boundary.nodes import Node, text, untext
from gotee.boundary.types import Scope
from gotee.errors import BoundaryTypeError, UsageError

_VARARGS, _VARKEYWORDS = 0x04, 0x08  # inspect.CO_VARARGS, CO_VARKEYWORDS


class Signature:
    """The parameters of a plain function, read from its code object."""

    def __init__(self, function: Callable[..., Any]) -> None:
        target: Any = function
        while hasattr(target, "__wrapped__"):
            target = target.__wrapped__
        if not isinstance(target, types.FunctionType):
            raise UsageError(f"an entry is a function made by def, not {function!r}")
        code = target.__code__
        names = code.co_varnames
        count, only = code.co_argcount, code.co_kwonlyargcount
        self.name = target.__name__
        self.function = target
        self.positional = names[:count]
        self.positional_only = code.co_posonlyargcount
        self.keyword_only = names[count : count + only]
        rest = iter(names[count + only :])
        self.varargs = next(rest) if code.co_flags & _VARARGS else None
        self.varkeywords = next(rest) if code.co_flags & _VARKEYWORDS else None
        self.needed = count - len(target.__defaults__ or ())
        self.needed_keywords = tuple(n for n in self.keyword_only if n not in (target.__kwdefaults__ or {}))

    def bind(self, count: int, keywords: Sequence[str]) -> None:
        """BoundaryTypeError, worded as Python's own TypeError, unless a call with these arguments is right."""
        most = len(self.positional)
        if not keywords and self.needed <= count <= most and not self.needed_keywords:
            return
        if count > most and self.varargs is None:
            raise BoundaryTypeError(f"{self.name}() takes {most} positional arguments but {count} were given")
        by_name = self.positional[self.positional_only :]
        for name in keywords:
            if name in self.positional[max(self.positional_only, 0) : count]:
                raise BoundaryTypeError(f"{self.name}() got multiple values for argument {name!r}")
            if name not in by_name and name not in self.keyword_only and self.varkeywords is None:
                raise BoundaryTypeError(f"{self.name}() got an unexpected keyword argument {name!r}")
        for i, name in enumerate(self.positional[count : self.needed], count):
            if i < self.positional_only or name not in keywords:
                raise BoundaryTypeError(f"{self.name}() missing 1 required positional argument: {name!r}")
        for name in self.needed_keywords:
            if name not in keywords:
                raise BoundaryTypeError(f"{self.name}() missing 1 required keyword-only argument: {name!r}")


class EntryCodec:
    """Moves calls of one function and their results. Make it with `entry_codec`.

    Paths begin with `args[0]`, `kwargs['x']` or `result`, as the caller wrote the call.
    """

    __slots__ = ("_extra", "_extra_keywords", "_fast", "_keywords", "_nodes", "_signature", "result")

    @property
    def fast(self) -> FastLane | None:
        """The lane of calls that give each parameter by position; None if the types need the general one."""
        return self._fast

    def __init__(self, signature: Signature, nodes: Mapping[str, Node], fast: FastLane | None, result: Codec) -> None:
        self._signature = signature
        self._nodes = [nodes[name] for name in signature.positional]
        by_name = (*signature.positional[signature.positional_only :], *signature.keyword_only)
        self._keywords = {name: nodes[name] for name in by_name}
        self._extra = nodes[signature.varargs] if signature.varargs else None
        self._extra_keywords = nodes[signature.varkeywords] if signature.varkeywords else None
        self._fast = fast
        self.result = result

    def encode_call(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        limits: Limits = DEFAULT_LIMITS,
        channels: ChannelHooks | None = None,
    ) -> bytes:
        """The frame of a call. Defaults do not cross: the function's own world has them.

        Raises what `Codec.encode` does, and BoundaryTypeError for a call that the signature does not take.
        """
        if not kwargs and self._fast is not None:
            data = self._fast.encode(args, limits, "args")
            if data is not None:
                return data
        frame = self.gather_call(args, kwargs, limits, channels)
        return frame if isinstance(frame, bytes) else frame.join()

    def gather_call(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], limits: Limits, channels: ChannelHooks | None
    ) -> bytes | Gather:
        """`encode_call` by the general lane; large contents are not copied yet."""
        self._signature.bind(len(args), list(kwargs))
        return gathered(lambda state: self._pack(args, kwargs, state), limits, "", channels)

    def decode_call(
        self,
        data: bytes,
        limits: Limits = DEFAULT_LIMITS,
        *,
        channels: ChannelHooks | None = None,
        given: bool = False,
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a frame, ready for `function(*args, **kwargs)`. As `Codec.decode`."""
        if self._fast is not None and data[:1] != b"\xc1":
            return self._fast.decode(data, limits, "args", "args"), {}
        arguments: tuple[tuple[Any, ...], dict[str, Any]] = unpack(self._unpack, data, limits, "", channels, given)
        return arguments

    def encode_result(
        self, value: Any, *, limits: Limits = DEFAULT_LIMITS, channels: ChannelHooks | None = None
    ) -> bytes:
        """The frame of what the function returned."""
        return self.result.encode(value, "result", limits=limits, channels=channels)

    def decode_result(
        self, data: bytes, limits: Limits = DEFAULT_LIMITS, *, channels: ChannelHooks | None = None
    ) -> Any:
        """The result of a frame."""
        return self.result.decode(data, limits, "result", channels=channels)

    def _positional(self, number: int) -> Node:
        node = self._nodes[number] if number < len(self._nodes) else self._extra
        assert node is not None  # `bind` has counted
        return node

    def _keyword(self, name: str) -> Node:
        node = self._keywords.get(name, self._extra_keywords)
        assert node is not None
        return node

    def _pack(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], state: Encoding) -> Any:
        state.enter(args, 3 + len(args) + 2 * len(kwargs))
        plain: list[Any] = []
        named: list[Any] = []
        for number, value in enumerate(args):
            try:
                plain.append(self._positional(number).encode(value, state))
            except BoundaryTypeError as error:
                raise at(f"args[{number}]", error) from error.__cause__
        for name, value in kwargs.items():
            try:
                named += (text(name), self._keyword(name).encode(value, state))
            except BoundaryTypeError as error:
                raise at(f"kwargs{key_place(name)}", error) from error.__cause__
        return [plain, named]

    def _unpack(self, plain: Any, state: Decoding) -> tuple[tuple[Any, ...], dict[str, Any]]:
        good = type(plain) is list and len(plain) == 2 and type(plain[0]) is type(plain[1]) is list
        if not good or len(plain[1]) % 2:
            raise BoundaryTypeError("Expected the arguments of a call")
        positional, named = plain
        names = [untext(name) for name in named[::2]] if named else []
        if names and len(set(names)) != len(names):
            raise BoundaryTypeError("Expected keyword arguments without repetitions")
        self._signature.bind(len(positional), names)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for number, one in enumerate(positional):
            try:
                args.append(self._positional(number).decode(one, state))
            except BoundaryTypeError as error:
                raise at(f"args[{number}]", error) from error.__cause__
        for name, one in zip(names, named[1::2], strict=True):
            try:
                kwargs[name] = self._keyword(name).decode(one, state)
            except BoundaryTypeError as error:
                raise at(f"kwargs{key_place(name)}", error) from error.__cause__
        return tuple(args), kwargs


def entry_codec(
    function: Callable[..., Any],
    *,
    known: Sequence[type] = (),
    globalns: Mapping[str, Any] | None = None,
    localns: Mapping[str, Any] | None = None,
) -> EntryCodec:
    """The codec of the calls of `function` and of its result, from its annotations.

    A parameter without annotation takes any value that `known` and the builtin types cover. `globalns`
    is the function's module unless given. Raises UsageError for what is no plain function.

    >>> def area(width: int, height: int = 1) -> int: ...
    >>> codec = entry_codec(area)
    >>> codec.decode_call(codec.encode_call((3,), {"height": 2}))
    ((3,), {'height': 2})
    >>> codec.encode_call((3, "2"), {})
    Traceback (most recent call last):
        ...
    gotee.errors.BoundaryTypeError: Expected int, got str - at args[1]
    """
    signature = Signature(function)
    target = signature.function
    parameters = {p.__name__: p for p in getattr(target, "__type_params__", ())}
    names = target.__globals__ if globalns is None else globalns
    scope = Scope(names, {**parameters, **(localns or {})})
    hints = target.__annotations__
    compiler = Compiler(known, scope)
    extras = (name for name in (signature.varargs, signature.varkeywords) if name is not None)
    every = (*signature.positional, *signature.keyword_only, *extras)
    made = compiler.compile_all([(hints.get(name, Any), scope) for name in every])
    nodes = dict(zip(every, made, strict=True))
    # The fast lane takes the commonest call: each parameter given, by position.
    plain = not signature.needed_keywords and signature.varargs is None
    fast = lane_for_tuple([(hints.get(n, Any), scope) for n in signature.positional]) if plain else None
    result = codec_for(hints.get("return", Any), known=known, globalns=names, localns=scope.localns)
    return EntryCodec(signature, nodes, fast, result)
