"""Bytecode that is read faster: what `marshal` of version 2 wrote, with each thing that occurs again written once.

Host world. `marshal` itself refers to an object where it happens to be used elsewhere, too, so its newer versions give
other bytes on other runs. Here equal bytes are one object, and only code objects stay apart: the same bytes on every
run. Names are most of it, and reading one again costs a search among all names that there are.
"""

from __future__ import annotations

from collections import Counter
from struct import Struct, error

_INT = Struct("<i")
_REFERENCE = 0x80
_NOTHING, _PACKED, _LONG, _TEXTS, _SEQUENCES, _CODE = b"NFTS.0", b"iIgy", b"l"[0], b"tus", b"(>", b"c"[0]
_WIDTH = {b"i"[0]: 4, b"I"[0]: 8, b"g"[0]: 8, b"y"[0]: 16}
_CODE_HEAD = 5 * 4  # numbers of arguments of three kinds, size of the stack, flags
_BEFORE_LINE, _BEHIND_LINE = 8, 2  # objects of a code object, around its first line
_SHORT, _ASCII = {b"t"[0]: b"Z"[0], b"u"[0]: b"z"[0]}, {b"t"[0]: b"A"[0], b"u"[0]: b"a"[0]}
_SMALL_TUPLE = b")"[0]


class _Piece:
    """One object: its kind, what is written of itself, and the objects in it. `bytes_` are all of its bytes before."""

    __slots__ = ("bytes_", "head", "inner", "kind", "line")

    def __init__(self, kind: int, head: bytes, inner: list[_Piece], line: bytes = b"") -> None:
        self.kind = kind
        self.head = head
        self.inner = inner
        self.line = line
        self.bytes_ = b""


def dense(written: bytes) -> bytes:
    """The same object, written without repetition. Raises ValueError for what version 2 would not have written.

    >>> import marshal
    >>> names = ("a name", ("a name", "a name"))
    >>> dense(marshal.dumps(names, 2))
    b')\\x02\\xfa\\x06a name)\\x02r\\x00\\x00\\x00\\x00r\\x00\\x00\\x00\\x00'
    """
    try:
        pieces, end = _read(written, 0)
    except (IndexError, error):
        raise ValueError("marshal of version 2 writes no bytes that end like this") from None
    if end != len(written):
        raise ValueError("marshal of version 2 writes nothing behind its object")
    counted: Counter[bytes] = Counter()
    _count(pieces, counted)
    made = bytearray()
    _write(pieces, counted, {}, made)
    return bytes(made)


def _read(data: bytes, at: int) -> tuple[_Piece, int]:
    """The object that begins there, and where it ends."""
    start, kind, line = at, data[at], b""
    inner: list[_Piece] = []
    at += 1
    body = at
    if kind in _NOTHING:
        pass
    elif kind in _PACKED:
        at += _WIDTH[kind]
    elif kind == _LONG:
        at += 4 + 2 * abs(_INT.unpack_from(data, at)[0])
    elif kind in _TEXTS:
        at += 4 + _INT.unpack_from(data, at)[0]
    elif kind in _SEQUENCES:
        at += 4
        for _ in range(_INT.unpack_from(data, body)[0]):
            piece, at = _read(data, at)
            inner.append(piece)
        found = _Piece(kind, data[body : body + 4], inner)
        found.bytes_ = data[start:at]
        return found, at
    elif kind == _CODE:
        at += _CODE_HEAD
        for place in range(_BEFORE_LINE + _BEHIND_LINE):
            if place == _BEFORE_LINE:
                line = data[at : at + 4]
                at += 4
            piece, at = _read(data, at)
            inner.append(piece)
        found = _Piece(kind, data[body : body + _CODE_HEAD], inner, line)
        found.bytes_ = data[start:at]
        return found, at
    else:
        raise ValueError(f"marshal of version 2 writes no object of the kind {kind}")
    found = _Piece(kind, data[body:at], inner)
    found.bytes_ = data[start:at]
    return found, at


def _count(piece: _Piece, counted: Counter[bytes]) -> None:
    """How often each is written: what is in something that is written once only is counted once."""
    if piece.kind not in _NOTHING and piece.kind != _CODE:
        counted[piece.bytes_] += 1
        if counted[piece.bytes_] > 1:
            return
    for each in piece.inner:
        _count(each, counted)


def _write(piece: _Piece, counted: Counter[bytes], numbers: dict[bytes, int], made: bytearray) -> None:
    number = numbers.get(piece.bytes_)
    if number is not None:
        made += b"r" + _INT.pack(number)
        return
    kind, head, flag = piece.kind, piece.head, 0
    if counted[piece.bytes_] > 1:
        flag, numbers[piece.bytes_] = _REFERENCE, len(numbers)
    if kind in _SHORT and head[4:].isascii():
        short = len(head) < 4 + 256
        kind = (_SHORT if short else _ASCII)[kind]
        head = head[:1] + head[4:] if short else head
    elif kind == b"("[0] and len(piece.inner) < 256:
        kind, head = _SMALL_TUPLE, head[:1]
    made.append(kind | flag)
    made += head
    for place, each in enumerate(piece.inner):
        if place == _BEFORE_LINE and piece.kind == _CODE:
            made += piece.line
        _write(each, counted, numbers, made)
