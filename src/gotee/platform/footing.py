"""A ground as sealed descriptors, with which interpreters are started. Platform world, every level."""

from __future__ import annotations

import os

from gotee.image import stamps
from gotee.image.ground import Ground
from gotee.image.memory import fill, memory, new, reader, send
from gotee.platform import early

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CHECKSUM = 32  # bytes before an archive, see gotee.image.cache


class Footing:
    """The `files` of a ground by path, what an enclave reads of it (`block`), and the interpreter's own modules."""

    def __init__(self, ground: Ground, files: Mapping[str, int]) -> None:
        self.ground = ground
        self.files = {path: files[path] for path in ground.paths}
        data, *self.boot = ground.block()
        self.block = memory("gotee-ground", data)
        self.modules = early.archive(ground.early, ground.magic)

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


class Found:
    """A ground whose files lie at `places`, with the stamps that they had when they were verified."""

    def __init__(self, ground: Ground, places: Mapping[str, str], stamps: Mapping[str, str]) -> None:
        self.ground = ground
        self._places = places
        self._stamps = stamps

    def footing(self) -> Footing:
        """Memory for all files; that which is mapped before an interpreter starts is filled. Raises OSError."""
        files = {path: new(path) for path in self.ground.paths}
        try:
            self._fill(files, self.ground.first)
            return Footing(self.ground, files)
        except BaseException:
            for number in files.values():
                os.close(number)
            raise

    def complete(self, footing: Footing) -> None:
        """Fill the rest. Raises OSError."""
        self._fill(footing.files, set(footing.files) - self.ground.first)

    def _fill(self, files: Mapping[str, int], wanted: Iterable[str]) -> None:
        for row in self.ground.rows:
            path, size, sha256, role, loaded = row[0], row[1], row[2], row[3], row[6]
            if path in wanted:
                start = _CHECKSUM if role == "archive" else 0
                _copy(self._places[path], self._stamps[path], sha256, start, loaded or size, files[path])


def _copy(place: str, known: str, sha256: str, start: int, size: int, number: int) -> None:
    """A sealed copy of a file that is the one that was verified, before and after it was copied."""
    source = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if stamps.stamp(sha256, os.fstat(source)) != known:
            raise FileNotFoundError(2, "it is another file by now", place)
        fill(number, lambda writes: send(source, start, size, writes))
        if stamps.stamp(sha256, os.fstat(source)) != known:
            raise FileNotFoundError(2, "it is another file by now", place)
    except ValueError:
        raise FileNotFoundError(2, "it is another file by now", place) from None
    finally:
        os.close(source)
