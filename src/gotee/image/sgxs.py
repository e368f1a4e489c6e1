"""Canonical SGXS streams: an enclave as the records that build it, whose SHA-256 is its measurement. All worlds.

The records are those of Intel's Software Developer's Manual, volume 3D: ECREATE, EADD and EEXTEND as they enter
MRENCLAVE. Only one form is read: pages in ascending order, each followed by its sixteen EEXTENDs.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from gotee.errors import ImageError

PAGE = 4096  # bytes
CHUNK = 256  # bytes measured by one EEXTEND
R, W, X = 1, 2, 4
TCS, REG = 0x100, 0x200  # page types, in bits 8 to 15 of SECINFO's flags
FLAGS = frozenset((TCS, REG | R, REG | R | W, REG | R | X))
MOST_BYTES = 1 << 30  # of a stream

_ECREATE = struct.Struct("<8sIQ44x")
_EADD = struct.Struct("<8sQQ40x")
_EEXTEND = struct.Struct("<8sQ48x")
_RECORD = 64
_PAGE_RECORDS = _RECORD + (PAGE // CHUNK) * (_RECORD + CHUNK)


class Page(NamedTuple):
    """One page: its offset in the enclave, the flags of SECINFO, and 4096 bytes."""

    offset: int
    flags: int
    content: bytes


class Stream(NamedTuple):
    """An enclave before EINIT: SSA frame size in pages, size in bytes (a power of two), and its pages."""

    ssa_frame_size: int
    size: int
    pages: tuple[Page, ...]


def write(stream: Stream) -> bytes:
    """The stream's bytes. Raises ImageError if there is no canonical form of it.

    >>> page = Page(0, REG | R, bytes(PAGE))
    >>> read(write(Stream(1, 8192, (page,)))).pages == (page,)
    True
    """
    _check(stream)
    pieces = [_ECREATE.pack(b"ECREATE", stream.ssa_frame_size, stream.size)]
    for offset, flags, content in stream.pages:
        pieces.append(_EADD.pack(b"EADD", offset, flags))
        for start in range(0, PAGE, CHUNK):
            pieces += (_EEXTEND.pack(b"EEXTEND", offset + start), content[start : start + CHUNK])
    return b"".join(pieces)


def read(data: bytes) -> Stream:
    """The stream that these bytes are. Everything but what `write` writes is refused with ImageError."""
    if len(data) > MOST_BYTES:
        raise ImageError(f"the image is larger than {MOST_BYTES} bytes")
    count, rest = divmod(len(data) - _RECORD, _PAGE_RECORDS)
    if len(data) < _RECORD or rest:
        raise ImageError("the image is truncated, or something follows its last page")
    magic, frame, size = _ECREATE.unpack_from(data)
    if magic != b"ECREATE\0":
        raise ImageError("the image does not begin with ECREATE")
    pages = []
    for number in range(count):
        start = _RECORD + number * _PAGE_RECORDS
        _, offset, flags = _EADD.unpack_from(data, start)
        step = _RECORD + CHUNK
        first = start + 2 * _RECORD
        content = b"".join([data[at : at + CHUNK] for at in range(first, start + _PAGE_RECORDS, step)])
        pages.append(Page(offset, flags, content))
    stream = Stream(frame, size, tuple(pages))
    if write(stream) != data:
        raise ImageError("the image is not in its canonical form")
    return stream


def measurement(data: bytes) -> bytes:
    """MRENCLAVE: the SHA-256 of a canonical stream."""
    return hashlib.sha256(data).digest()


def _check(stream: Stream) -> None:
    size = stream.size
    if size < 2 * PAGE or size > 1 << 47 or size & (size - 1):
        raise ImageError("the enclave's size is no power of two that an enclave can have")
    if not 1 <= stream.ssa_frame_size <= 256:
        raise ImageError("the SSA frame size is none that an enclave can have")
    if not stream.pages:
        raise ImageError("the image has no pages")
    last = -PAGE
    for offset, flags, content in stream.pages:
        if offset % PAGE or offset <= last or offset + PAGE > size:
            raise ImageError("the image's pages are not in ascending order inside the enclave")
        if flags not in FLAGS:
            raise ImageError(f"the page at {offset:#x} has flags that no page of an image has")
        if len(content) != PAGE:
            raise ImageError(f"the page at {offset:#x} has not {PAGE} bytes")
        last = offset
