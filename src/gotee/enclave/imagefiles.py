"""The image's own files, as files: what was measured can be read, and nothing of it changed. Enclave world.

`system` is its only user. Program, packages and standard library lie where the importer says they lie.
"""

from __future__ import annotations

import errno
import os
import stat

from gotee.boundary import plain_json
from gotee.boundary.filestat import Stat
from gotee.boundary.policy import Place
from gotee.enclave.boot import PACKAGES, Importer
from gotee.errors import NotInside

_FILE, _FOLDER = stat.S_IFREG | 0o444, stat.S_IFDIR | 0o555


class Contents:
    """An open file whose contents are in memory and do not change."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes from the file's place on."""
        data = self.pread(size, self._at)
        self._at += len(data)
        return data

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset` on."""
        return self._data[offset : offset + size]

    def write(self, data: memoryview) -> int:
        """Refused: it was opened for reading."""
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def pwrite(self, data: memoryview, offset: int) -> int:
        """Refused."""
        return self.write(data)

    def seek(self, offset: int, whence: int) -> int:
        """lseek(2)."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._data)}.get(whence)
        if base is None or base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = base + offset
        return self._at

    def stat(self) -> Stat:
        """fstat(2)."""
        return described(_FILE, len(self._data))

    def truncate(self, size: int) -> None:
        """Refused."""
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def sync(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def isatty(self) -> bool:
        """Never."""
        return False


def described(mode: int, size: int) -> Stat:
    """Of a file that no host has; times are not told."""
    return Stat(mode, 0, 0, 1, 0, 0, size, 0, 0, 0)


class ImageFiles:
    """The files that the importer knows, by path; native files of distributions are there, and are not read."""

    def __init__(self, importer: Importer) -> None:
        self._importer = importer
        self._folders: dict[str, dict[str, str]] | None = None
        self._natives: dict[str, int] | None = None

    def holds(self, place: Place) -> bool:
        """Whether this path is a file or folder of the image."""
        path = str(place)
        return place.absolute and (self.is_file(place) or path in self._tree())

    def is_file(self, place: Place) -> bool:
        """Whether it is a file."""
        return self._importer.has_data(str(place)) or self._native(str(place)) is not None

    def open(self, place: Place) -> Contents:
        """Open for reading."""
        if not self.is_file(place):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        if self._native(str(place)) is not None:
            raise NotInside(f"{place} is a native file of the image: it is loaded, and cannot be read")
        return Contents(self._importer.get_data(str(place)))

    def stat(self, place: Place) -> Stat:
        """stat(2)."""
        size = self._native(str(place))
        if size is None and self.is_file(place):
            size = self._importer.size_of(str(place))
        if size is not None:
            return described(_FILE, size)
        return described(_FOLDER, 0)

    def list(self, place: Place) -> list[tuple[str, str]]:
        """The names in a folder, each with its type."""
        found = self._tree().get(str(place))
        if found is None:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
        return sorted(found.items())

    def _native(self, path: str) -> int | None:
        """The size of the native file of this path, if there is one."""
        return self._sizes().get(path) if path.startswith(PACKAGES) else None

    def _sizes(self) -> dict[str, int]:
        """The native files of distributions, each with its size, as the manifest has them."""
        if self._natives is None:
            listed = plain_json.loads(self._importer.pages.read("manifest"))["files"]
            self._natives = {
                path: size for path, size, _, role, *_ in listed if role == "native" and path.startswith(PACKAGES)
            }
        return self._natives

    def _tree(self) -> dict[str, dict[str, str]]:
        """Folders by path, each with its names; made when somebody asks."""
        if self._folders is None:
            self._folders = {}
            for path in (*self._importer.data_paths(), *self._sizes()):
                kind = "f"
                while path != "/":
                    folder, _, name = path.rpartition("/")
                    known = self._folders.setdefault(folder or "/", {})
                    if name in known:
                        break
                    known[name] = kind
                    path, kind = folder or "/", "d"
        return self._folders
