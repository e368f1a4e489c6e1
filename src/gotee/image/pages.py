"""The pages of an image: its contents from address 0 on, then a TCS and an SSA page for each thread. All worlds."""

from __future__ import annotations

import struct

from gotee.errors import ImageError
from gotee.image.sgxs import PAGE, REG, TCS, Page, R, Stream, W, read, write

_TCS = struct.Struct("<QQQII QQQQ II")  # Intel SDM volume 3D, table "Layout of Thread Control Structure"
SSA_FRAMES = 1
ALL_SEGMENT = 0xFFF


def stream_of(contents: bytes, threads: int) -> bytes:
    """The SGXS stream of an image with these contents."""
    count = -(-len(contents) // PAGE)
    padded = contents.ljust(count * PAGE, b"\0")
    pages = [Page(at, REG | R, padded[at : at + PAGE]) for at in range(0, count * PAGE, PAGE)]
    for thread in range(threads):
        pages += _of_thread((count + 2 * thread) * PAGE)
    return write(Stream(1, _size(len(pages)), tuple(pages)))


def contents_of(data: bytes) -> tuple[bytes, int]:
    """Contents (with the zeros that fill their last page) and number of threads of an image's stream."""
    stream = read(data)
    contents = [page.content for page in stream.pages if page.flags == REG | R]
    threads = sum(page.flags == TCS for page in stream.pages)
    expected = [(number * PAGE, REG | R, content) for number, content in enumerate(contents)]
    for at in range(len(contents) * PAGE, (len(contents) + 2 * threads) * PAGE, 2 * PAGE):
        expected += _of_thread(at)
    found = [tuple(page) for page in stream.pages]
    if not contents or found != expected or (stream.ssa_frame_size, stream.size) != (1, _size(len(expected))):
        raise ImageError("the image's pages do not lie as those of a gotee image do")
    return b"".join(contents), threads


def _size(pages: int) -> int:
    """The enclave's size: the next power of two."""
    size = PAGE
    while size < pages * PAGE:
        size *= 2
    return size


def _of_thread(at: int) -> tuple[Page, Page]:
    """The pages of one thread."""
    return Page(at, TCS, _tcs(at + PAGE)), Page(at + PAGE, REG | R | W, bytes(PAGE))


def _tcs(ssa: int) -> bytes:
    """A thread control structure whose entry point is address 0."""
    fields = _TCS.pack(0, 0, ssa, 0, SSA_FRAMES, 0, 0, 0, 0, ALL_SEGMENT, ALL_SEGMENT)
    return fields.ljust(PAGE, b"\0")
