"""NumPy's reading and writing of raw files, which is C and wants a file of the kernel. Enclave world; `later` uses it.

`fromfile` and `ndarray.tofile` are replaced; `numpy.save` and `load` are built on them.
"""

from __future__ import annotations

import gc
import os
import sys

from gotee.enclave.replacing import replace
from gotee.enclave.types import type_changed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

_PIECE = 1 << 20  # bytes, one block of shared memory


def change(module: Any) -> None:
    """Replace them in `numpy`, which has just been imported, and in the modules that it consists of."""

    def fromfile(
        file: Any, dtype: Any = float, count: int = -1, sep: str = "", offset: int = 0, *, like: Any = None
    ) -> Any:
        """Make an array of the contents of a file."""
        return _fromfile(module, file, module.dtype(dtype), int(count), sep, int(offset))

    def tofile(self: Any, fid: Any, /, sep: str = "", format: str = "%s") -> None:
        """Write the array to a file, as it is in memory or as text."""
        _tofile(module, self, fid, sep, format)

    replace({module.fromfile: fromfile})
    (names,) = gc.get_referents(module.ndarray.__dict__)  # behind the proxy
    names["tofile"] = tofile
    type_changed(module.ndarray)


def _opened(file: Any, mode: str) -> AbstractContextManager[Any]:
    from contextlib import nullcontext  # every start imports this module, for numpy's sake

    return open(file, mode) if isinstance(file, str | bytes | os.PathLike) else nullcontext(file)


def _fromfile(module: Any, file: Any, dtype: Any, count: int, sep: str, offset: int) -> Any:
    if sep and offset:
        raise TypeError("'offset' argument only permitted for binary files")
    if not sep and dtype.hasobject:
        raise ValueError("Cannot create an object array from a file")
    if not sep and not dtype.itemsize:
        raise ValueError("The elements are 0-sized.")
    with _opened(file, "rb") as opened:
        if sep:
            return module.fromstring(_read(opened, sys.maxsize).decode("latin-1"), dtype, count, sep=sep)
        if offset:
            opened.seek(offset, os.SEEK_CUR)
        data = _read(opened, sys.maxsize if count < 0 else count * dtype.itemsize)
    whole = len(data) // dtype.itemsize
    return module.frombuffer(data, dtype, whole) if whole else module.empty(0, dtype)


def _read(file: Any, most: int) -> bytearray:
    """At most `most` bytes: as many as there are, whatever was said of them."""
    data = bytearray()
    while len(data) < most and (piece := file.read(min(most - len(data), _PIECE))):
        data += piece
    return data


def _tofile(module: Any, array: Any, file: Any, sep: str, format: str) -> None:
    if not sep and array.dtype.hasobject:
        raise OSError("cannot write object arrays to a file in binary mode")
    with _opened(file, "wb") as opened:
        if sep:
            opened.write(sep.join(format % (item,) for item in array.ravel().tolist()).encode("latin-1"))
            return
        size = max(_PIECE // max(array.dtype.itemsize, 1), 1)
        flags = ["external_loop", "buffered", "zerosize_ok"]
        for piece in module.nditer(array, flags=flags, buffersize=size, order="C"):
            opened.write(piece.tobytes())
