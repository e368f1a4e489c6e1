"""ELF files: how much of one the dynamic loader can map, and which libraries it names. All worlds."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_PT_LOAD, _PT_DYNAMIC = 1, 2  # System V gABI, program header types
_DT_NEEDED, _DT_STRTAB = 1, 5  # the same, dynamic array tags
_PAGE = 4096


def loaded(data: bytes, size: int) -> int:
    """How many bytes of a file of this size: up to the page in which the last loadable segment ends.

    `data` begins as the file does, and has its program headers.
    """
    end = max((offset + length for kind, offset, _, length in _segments(data) if kind == _PT_LOAD), default=0)
    return min(size, -(-end // _PAGE) * _PAGE) or size


def needed(data: bytes) -> tuple[str, ...]:
    """The libraries that a file names itself, in its order (DT_NEEDED). Of what is no ELF-64 file, none."""
    segments = list(_segments(data))
    entries = []
    for kind, offset, _, length in segments:
        if kind == _PT_DYNAMIC:
            entries = list(struct.iter_unpack("<QQ", data[offset : offset + length // 16 * 16]))
    table = next((value for tag, value in entries if tag == _DT_STRTAB), -1)
    for kind, offset, address, length in segments:
        if kind == _PT_LOAD and address <= table < address + length:
            names = offset + table - address
            found = [names + value for tag, value in entries if tag == _DT_NEEDED]
            return tuple(data[place : data.find(b"\0", place)].decode("utf-8", "surrogateescape") for place in found)
    return ()


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Kind, place in the file, address and length in the file of each segment."""
    if data[:5] == b"\x7fELF\x02" and len(data) >= 64:
        table, step, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
        for start in range(table, min(table + step * count, len(data) - 55), step or 1):
            kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, start)
            yield kind, offset, address, length
