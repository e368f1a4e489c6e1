"""A ground as sealed descriptors, with which interpreters are started. Platform world, every level."""

from __future__ import annotations

import os

from gotee.image.ground import Ground
from gotee.image.memory import memory, reader
from gotee.platform import early

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Footing:
    """The `files` of a ground by path, what an enclave reads of it (`block`), and the interpreter's own modules."""

    def __init__(self, ground: Ground, files: Mapping[str, int]) -> None:
        data = self._begin(ground, files)
        self.block = memory("gotee-ground", data)
        self.modules = early.archive(ground.early, ground.magic)

    @classmethod
    def given(cls, ground: Ground, numbers: Sequence[int]) -> Footing:
        """One whose descriptors are there, in their order."""
        footing = cls.__new__(cls)
        footing.block, footing.modules, *files = numbers
        footing._begin(ground, dict(zip(ground.paths, files, strict=True)))
        return footing

    def _begin(self, ground: Ground, files: Mapping[str, int]) -> bytes:
        self.ground = ground
        self.files = {path: files[path] for path in ground.paths}
        data, *self.boot = ground.block()
        return data

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All that an interpreter inherits, in order."""
        return (self.block, self.modules, *self.files.values())

    def readers(self) -> tuple[int, ...]:
        """The same for one more interpreter: enclaves that had copies would move each other's places in the files."""
        found: list[int] = []
        try:
            found.extend(map(reader, self.descriptors))  # those before one that fails are in it
        except BaseException:
            for number in found:
                os.close(number)
            raise
        return tuple(found)

    def close(self) -> None:
        """Close what it was made of for interpreters alone; the files may be an image's too."""
        os.close(self.block)
        os.close(self.modules)
