"""NumPy arrays and scalars in the general lane. Both worlds; called by `general`, only where NumPy is in use.

What crosses: booleans, integers, floats and complex numbers of the standard sizes, datetime64, timedelta64,
and arrays of fixed-width bytes and str; byte order, shape and C or Fortran order are kept. No objects (they
would be pointers), no structured types, no long doubles: their padding would carry stale memory outside.
"""

from __future__ import annotations

import math
import re
import typing
from typing import TYPE_CHECKING, Any

import numpy as np

from gotee.boundary.blobs import LARGE
from gotee.boundary.check import expected
from gotee.boundary.nodes import LeafNode, ints
from gotee.boundary.types import Shape, bind
from gotee.errors import BoundaryTypeError

if TYPE_CHECKING:
    from gotee.boundary.general import Decoding, Encoding

_DTYPE = re.compile(
    r"\|b1|[|]?[iu]1|[<>|](?:[iu][1248]|[qQ]|f[248]|c(?:8|16)|[SU][1-9]\d{0,8}|[mM]8(?:\[[\w/]{1,20}\])?)"
)
_MOST_AXES = 32


def _spelled(dtype: Any) -> str:
    """The dtype's portable name, or a refusal."""
    name: str = dtype.str
    plain = not (dtype.metadata or dtype.hasobject or dtype.fields) and _DTYPE.fullmatch(name)
    if plain and np.dtype(name).char != dtype.char:  # of two C types of one size: long long keeps its letter
        name = name[0] + dtype.char
    if not plain or not _DTYPE.fullmatch(name):
        raise BoundaryTypeError(f"A NumPy dtype {dtype} cannot cross: convert it with astype")
    return name


# Most arrays are of one of NumPy's own dtype objects, which carry nothing but their letter.
_NAMES = {letter: _spelled(np.dtype(letter)) for letter in "?bBhHiIlLqQefdFD"}
_DTYPES = {name: np.dtype(name) for name in _NAMES.values()}


def _dtype_text(dtype: Any) -> str:
    name = _NAMES.get(dtype.char) if dtype.isbuiltin == 1 else None
    return _spelled(dtype) if name is None else name


def _dtype(plain: Any) -> Any:
    if type(plain) is str and plain in _DTYPES:
        return _DTYPES[plain]
    if type(plain) is not str or not _DTYPE.fullmatch(plain):
        raise expected("a NumPy dtype", plain)
    try:
        return np.dtype(plain)
    except (TypeError, ValueError):
        raise expected("a NumPy dtype", plain) from None


def _check_contents(flat: Any) -> None:
    """Bytes that no array of this dtype can hold: NumPy would fail, or misbehave, later."""
    dtype = flat.dtype
    if dtype.kind == "b":
        good = not flat.size or int(flat.view(np.uint8).max()) <= 1
    elif dtype.kind == "U":
        code = np.dtype(np.uint32).newbyteorder(dtype.byteorder)
        good = not flat.size or int(flat.view(code).max()) <= 0x10FFFF
    else:
        return
    if not good:
        raise BoundaryTypeError(f"Expected the contents of a NumPy array of {dtype}")


class ArrayNode(LeafNode):
    """ndarray, with the element type and the number of axes that the annotation asks for."""

    cls = np.ndarray

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.axes: int | None = None
        self.scalar: type | None = None
        if shape is not None and shape.args:
            self._read(shape)

    def _read(self, shape: Shape) -> None:
        """ndarray[tuple[int, int], dtype[float64]]; each part may be Any."""
        axes, _ = bind(shape.args[0], shape.scope)
        lengths = typing.get_args(axes)
        if typing.get_origin(axes) is tuple and Ellipsis not in lengths:
            self.axes = len(lengths)
        for dtype in shape.args[1:2]:
            scalar, _ = bind(next(iter(typing.get_args(bind(dtype, shape.scope)[0])), Any), shape.scope)
            if isinstance(scalar, type) and issubclass(scalar, np.generic):  # in 3.11 Any is a class too
                self.scalar = scalar

    def _fits(self, array: Any) -> None:
        if self.scalar is not None and not issubclass(array.dtype.type, self.scalar):
            raise BoundaryTypeError(f"Expected an array of {self.scalar.__name__}, got one of {array.dtype}")
        if self.axes is not None and array.ndim != self.axes:
            raise BoundaryTypeError(f"Expected an array of {self.axes} axes, got {array.ndim}")

    def encode(self, value: Any, state: Encoding) -> Any:
        if type(value) is not np.ndarray:
            return self.encode_other(value, state)
        self._fits(value)
        fortran = bool(value.flags.f_contiguous and not value.flags.c_contiguous)
        name = _dtype_text(value.dtype)
        state.count(4 + value.ndim)
        if value.dtype.kind in "bU":
            _check_contents(np.ascontiguousarray(value).reshape(-1))
        data: int | bytes
        if value.nbytes >= LARGE and (fortran or value.flags.c_contiguous):
            data = len(state.blobs)
            state.blobs.append(value.reshape(-1, order="F" if fortran else "C").view(np.uint8))
        else:
            data = value.tobytes(order="F" if fortran else "C")
        return [name, list(value.shape), fortran, bool(value.flags.writeable), data]

    def decode(self, plain: Any, state: Decoding) -> Any:
        if type(plain) is not list or len(plain) != 5:
            return self.decode_other(plain, state)
        name, shape, fortran, writeable, data = plain
        dtype = _dtype(name)
        own = False
        if type(data) is int:
            data, own = state.blobs.take(data, state.step)
        elif type(data) is not bytes:
            raise expected("ndarray", plain)
        good = type(shape) is list and type(fortran) is type(writeable) is bool
        if not good or len(shape) > _MOST_AXES or min(ints(shape, len(shape)), default=0) < 0:
            raise expected("ndarray", plain)
        # Python's integers: the product of hostile lengths must not wrap around.
        if math.prod(shape) * dtype.itemsize != len(data):
            raise BoundaryTypeError(f"Expected {shape} elements of {dtype}, got {len(data)} bytes")
        flat = np.frombuffer(data, dtype) if len(data) else np.empty(0, dtype)
        _check_contents(flat)
        try:
            array = flat.reshape(shape, order="F" if fortran else "C")
            array = array if own else array.copy(order="K")
        except ValueError:  # an empty array whose other axes are longer than memory
            raise expected("ndarray", plain) from None
        self._fits(array)
        array.flags.writeable = writeable
        return array


class ScalarNode(LeafNode):
    """NumPy scalars: the annotated class and its subclasses, so np.floating takes any float."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls
        super().__init__()

    def accepts(self, kind: type) -> int:
        return 2 if kind is self.cls else int(issubclass(kind, np.generic) and issubclass(kind, self.cls))

    def encode(self, value: Any, state: Encoding) -> Any:
        if not isinstance(value, np.generic) or not self.accepts(type(value)):
            raise expected(self.name, value)
        name = _dtype_text(value.dtype)
        if value.dtype.kind in "SU":  # would lose what NumPy takes for padding
            raise BoundaryTypeError(f"A NumPy scalar of {type(value).__name__} cannot cross: convert it first")
        state.count(2)
        return [name, value.tobytes()]

    def decode(self, plain: Any, state: Decoding) -> Any:
        if type(plain) is not list or len(plain) != 2 or type(plain[1]) is not bytes:
            raise expected(self.name, plain)
        dtype = _dtype(plain[0])
        if dtype.kind in "SU" or dtype.itemsize != len(plain[1]) or not self.accepts(dtype.type):
            raise expected(self.name, plain)
        flat = np.frombuffer(plain[1], dtype)
        _check_contents(flat)
        return flat[0]
