"""How much of an ELF file the dynamic loader can map. All worlds."""

from __future__ import annotations

import struct

_PT_LOAD = 1  # System V gABI, program header types
_PAGE = 4096


def loaded(data: bytes, size: int) -> int:
    """How many bytes of a file of this size: up to the page in which the last loadable segment ends.

    `data` begins as the file does, and has its program headers.
    """
    end = 0
    if data[:5] == b"\x7fELF\x02" and len(data) >= 64:
        table, step, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
        for start in range(table, min(table + step * count, len(data) - 55), step or 1):
            kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, start)
            if kind == _PT_LOAD:
                end = max(end, offset + length)
    return min(size, -(-end // _PAGE) * _PAGE) or size
