"""What enclaves of the installed base begin with, verified once and kept in sealed memory. Platform world; `daemon`.

Only root can write the base. Its files are read when the daemon starts and when one of them has changed since; what a
session or an interpreter gets are the copies that were verified then.
"""

from __future__ import annotations

import os

from gotee.errors import ImageError
from gotee.image.ground import Ground
from gotee.image.hashing import sha256
from gotee.image.memory import copy
from gotee.image.parts import unpack
from gotee.platform.footing import Footing
from gotee.platform.service.settings import Settings

GROUND = "ground"  # below the prefix: gotee.host.install writes it
_MOST = 64 << 20  # bytes
_PIECE = 1 << 20


class Base:
    """The verified copies. `footing` is None where the installed base has no ground, or where it is not right."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stamps: list[tuple[int, ...]] | None = None
        self.footing: Footing | None = None
        self.name = b""

    def look(self) -> bool:
        """Read it again if something has changed; whether that was so."""
        stamps = self._seen()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        self.close()
        try:
            with open(f"{self._settings.prefix}/{GROUND}", "rb") as file:
                ground = Ground({name: bytes(part) for name, part in unpack(file.read(_MOST)).items()})
            self.footing = Footing(ground, self._copied(ground))
            self.name = ground.name
        except (OSError, ImageError, ValueError, LookupError, TypeError, RecursionError):
            return True  # enclaves start as they do without
        self._stamps = self._seen()
        return True

    def close(self) -> None:
        """Close the copies."""
        if self.footing is not None:
            for number in self.footing.descriptors:
                os.close(number)
        self.footing, self.name = None, b""

    def _seen(self) -> list[tuple[int, ...]]:
        paths = [f"{self._settings.prefix}/{GROUND}", self._settings.base]
        if self.footing is not None:
            paths += [f"{self._settings.base}/{listed.sha256}" for listed in self.footing.ground.files]
        return [_stamp(path) for path in paths]

    def _copied(self, ground: Ground) -> dict[str, int]:
        """Sealed copies of the files; each is hashed as it was copied. Raises ImageError."""
        found: dict[str, int] = {}
        try:
            for listed in ground.files:
                start, size, digest = listed.copied
                found[listed.path] = copy(f"{self._settings.base}/{listed.sha256}", size, start)
                if _digest(found[listed.path]) != digest:
                    raise ImageError(f"{listed.path} of the installed base was changed")
        except BaseException:
            for number in found.values():
                os.close(number)
            raise
        return found


def _stamp(path: str) -> tuple[int, ...]:
    try:
        seen = os.stat(path)
    except OSError:
        return ()
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def _digest(number: int) -> str:
    digest, at = sha256(), 0
    while piece := os.pread(number, _PIECE, at):
        digest.update(piece)
        at += len(piece)
    found: str = digest.hexdigest()
    return found
