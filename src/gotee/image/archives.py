"""Archives: bytecode and files of the standard library and of distributions, found again by their hash. Host world.

An image names an archive by SHA-256; it lies in the cache, is verified whenever it is loaded, and can be made again.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from gotee.errors import ImageError
from gotee.image import cache, parts
from gotee.image.manifest import ARCHIVE

KIND = "archives"


class Collector(Protocol):
    """Where files of an image are listed."""

    def name(self, path: str, place: str, data: bytes, role: str, module: str = "") -> None: ...


def add(collector: Collector, path: str, contents: dict[str, bytes]) -> None:
    """Make an archive, keep it, and list it under a path. Raises ImageError if it cannot be kept."""
    data = parts.pack(contents)
    key = hashlib.sha256(data).hexdigest()
    place = cache.path_of(KIND, key)
    if cache.read(KIND, key) != data:
        cache.write(KIND, key, data)
        if cache.read(KIND, key) is None:
            raise ImageError(
                f"an archive of the image could not be kept at {place}: the folder cannot be written, or its disk is "
                "full; mend that, or set XDG_CACHE_HOME to a folder that can be written"
            )
    collector.name(path, place, data, ARCHIVE)
