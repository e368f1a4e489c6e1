import os

STAT_BYTES: int

class Stat:
    def __init__(
        self,
        mode: int,
        inode: int,
        device: int,
        links: int,
        user: int,
        group: int,
        size: int,
        accessed: int,
        modified: int,
        changed: int,
    ) -> None: ...
    @property
    def mode(self) -> int: ...
    @property
    def size(self) -> int: ...
    def packed(self) -> bytes: ...
    @staticmethod
    def unpacked(data: bytes) -> Stat: ...
    def shown(self, block: int) -> os.stat_result: ...
