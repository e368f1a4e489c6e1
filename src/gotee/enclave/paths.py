"""Where a path of trusted code leads: into the image, into memory, or to the host. Enclave world; `system` asks.

Inside, the program's folder is /program. What the image holds of it is measured and comes first; everything else there
is the host's, below the folder of the program's pyproject.toml. `..` is taken out of a path before anybody looks at it,
so a symbolic link in its middle is not followed for it.
"""

from __future__ import annotations

import errno
import os

from gotee.boundary.ocalls import MOST_PATH
from gotee.boundary.policy import Place
from gotee.enclave import devices
from gotee.enclave.imagefiles import ImageFiles
from gotee.enclave.memoryfiles import MemoryFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    Area = Literal["image", "memory", "device", "host"]

PROGRAM = "program"
_OF_THE_IMAGE = (PROGRAM, "packages", "standard", "gotee")


class Paths:
    """Reads paths; `home` asks the host for the program's folder, for paths that were made outside."""

    def __init__(self, image: ImageFiles, memory: MemoryFiles, home: Callable[[], str]) -> None:
        self._image = image
        self._memory = memory
        self._ask_home = home
        self._home: tuple[str, ...] | None = None
        self.folder = f"/{PROGRAM}"  # where relative paths begin

    def names(self, path: str) -> tuple[str, ...]:
        """The names of a path from the root."""
        if not path.startswith("/"):
            path = f"{self.folder}/{path}"
        names: list[str] = []
        for name in path.split("/"):
            if name == "..":
                del names[-1:]
            elif name not in ("", "."):
                names.append(name)
        return tuple(names)

    def find(self, path: str) -> tuple[Area, Place]:
        """Where it leads."""
        inside = Place(self.names(path), True)
        if self._memory.holds(inside):
            return "memory", inside
        if devices.holds(inside):
            return "device", inside
        if self._image.holds(inside):
            return "image", inside
        names = inside.names
        if names[:1] == (PROGRAM,):
            return "host", Place(names[1:], False)
        if names[:1] and names[0] in _OF_THE_IMAGE:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return "host", self._from_home(inside)

    def beside(self, place: Place) -> Place | None:
        """The host's folder of the same path as a folder of the image, if there can be one."""
        return Place(place.names[1:], False) if place.names[:1] == (PROGRAM,) else None

    def _from_home(self, place: Place) -> Place:
        if self._home is None:
            self._home = Place.of(self._ask_home()).names
        size = len(self._home)
        return Place(place.names[size:], False) if place.names[:size] == self._home else place


def checked_home(path: bytes) -> str:
    """The check of the host's answer: an absolute path in its normal form."""
    text = os.fsdecode(path)
    if len(path) > MOST_PATH or not Place.of(text).absolute:
        raise ValueError(f"{text!r} is no folder")
    return text


def as_text(path: object) -> str:
    """A path as str. Raises TypeError, ValueError and ENOENT as the functions of os do."""
    given = os.fspath(path)  # type: ignore[call-overload]
    text = os.fsdecode(given)
    if "\0" in text:
        raise ValueError("embedded null byte" if isinstance(given, bytes) else "embedded null character")
    if not text:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), given)
    return text
