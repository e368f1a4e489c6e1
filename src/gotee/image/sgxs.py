"""Canonical SGXS streams: an enclave as the records that build it, whose SHA-256 is its measurement. All worlds.

The records are those of Intel's Software Developer's Manual, volume 3D: ECREATE, EADD and EEXTEND as they enter
MRENCLAVE. Only one form is read: pages in ascending order, each followed by its sixteen EEXTENDs.
"""

from __future__ import annotations

import struct

from gotee.errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from gotee.records import Record as NamedTuple

PAGE = 4096  # bytes
CHUNK = 256  # bytes measured by one EEXTEND
R, W, X = 1, 2, 4
TCS, REG = 0x100, 0x200  # page types, in bits 8 to 15 of SECINFO's flags
FLAGS = frozenset((TCS, REG | R, REG | R | W, REG | R | X))
MOST_BYTES = 1 << 30  # of a stream

FIRST = b"ECREATE\0"  # what a stream begins with
_ECREATE = struct.Struct("<8sIQ44s")
_CHUNKS = PAGE // CHUNK
_PAGE = struct.Struct("<8sQQ40s" + _CHUNKS * "8sQ48s256s")  # EADD, then sixteen times EEXTEND and what it measures
_RECORD = 64
_PAGE_RECORDS = _PAGE.size
_EXTENDS = _CHUNKS * (b"EEXTEND\0",)
_ZEROS = _CHUNKS * (bytes(48),)


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
    pieces = [_ECREATE.pack(b"ECREATE", stream.ssa_frame_size, stream.size, b"")]
    for offset, flags, content in stream.pages:
        fields: list[bytes | int] = []
        for start in range(0, PAGE, CHUNK):
            fields += (b"EEXTEND", offset + start, b"", content[start : start + CHUNK])
        pieces.append(_PAGE.pack(b"EADD", offset, flags, b"", *fields))
    return b"".join(pieces)


def read(data: bytes) -> Stream:
    """The stream that these bytes are. Everything but what `write` writes is refused with ImageError."""
    if len(data) > MOST_BYTES:
        raise ImageError(f"the image is larger than {MOST_BYTES} bytes")
    if not data.startswith(FIRST):
        raise ImageError("this is no image: it does not begin with ECREATE")
    count, rest = divmod(len(data) - _RECORD, _PAGE_RECORDS)
    if len(data) < _RECORD or rest:
        raise ImageError("the image is truncated, or something follows its last page")
    _, frame, size, rest = _ECREATE.unpack_from(data)
    canonical = not any(rest)
    pages = []
    for number in range(count):
        kind, offset, flags, rest, *extends = _PAGE.unpack_from(data, _RECORD + number * _PAGE_RECORDS)
        canonical &= kind == b"EADD\0\0\0\0" and not any(rest)
        canonical &= tuple(extends[0::4]) == _EXTENDS and tuple(extends[2::4]) == _ZEROS
        canonical &= extends[1::4] == list(range(offset, offset + PAGE, CHUNK))
        pages.append(Page(offset, flags, b"".join(extends[3::4])))
    stream = Stream(frame, size, tuple(pages))
    if not canonical:
        raise ImageError("the image is not in its canonical form")
    _check(stream)
    return stream


def measurement(data: bytes) -> bytes:
    """MRENCLAVE: the SHA-256 of a canonical stream."""
    from gotee.image.hashing import digest

    return digest(data)


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
