"""What the host says of a file, as it crosses. Both worlds; apart from `ocalls` because msgspec is slow to import."""

from __future__ import annotations

import stat
from typing import Annotated

import msgspec

_Whole = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Unsigned = Annotated[int, msgspec.Meta(ge=0)]
_Moment = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]


class Stat(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the host says of a file: the fields of stat(2), times in ns."""

    mode: Annotated[int, msgspec.Meta(ge=0, le=0o177777)]
    inode: _Unsigned  # of 64 bits, as MessagePack's are
    device: _Unsigned
    links: Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
    user: Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
    group: Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
    size: _Whole
    accessed: _Moment
    modified: _Moment
    changed: _Moment

    def __post_init__(self) -> None:
        if stat.S_IFMT(self.mode) not in _TYPES:
            raise ValueError(f"{self.mode:#o} is no mode of a file")


_TYPES = {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK}
