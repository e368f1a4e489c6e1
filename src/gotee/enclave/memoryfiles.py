"""Temporary files, in the enclave's own memory: no host sees them. Enclave world; `system` is its only user.

They lie below /memory, and `tempfile` puts its files there. They count as memory of the enclave and go with it.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from gotee.boundary.filestat import Stat
from gotee.boundary.policy import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

ROOT = "memory"
_numbers = iter(range(1, 1 << 62))


class Node:
    """A file, or a folder if `names` is there. Times are those of the enclave's own clock."""

    def __init__(self, mode: int, *, folder: bool = False) -> None:
        self.data = bytearray()
        self.names: dict[str, Node] | None = {} if folder else None
        self.mode = mode
        self.inode = next(_numbers)
        self.accessed = self.modified = time.monotonic_ns()

    def describe(self) -> Stat:
        """stat(2)."""
        kind = stat.S_IFREG if self.names is None else stat.S_IFDIR
        links = 1 if self.names is None else 2
        times = (self.accessed, self.modified, self.modified)
        return Stat(kind | self.mode, self.inode, 0, links, os.getuid(), os.getgid(), len(self.data), *times)


class MemoryFile:
    """An open temporary file."""

    def __init__(self, node: Node, flags: int) -> None:
        self._node = node
        self._append = bool(flags & os.O_APPEND)
        self._readable = flags & os.O_ACCMODE != os.O_WRONLY
        self._writable = flags & os.O_ACCMODE != os.O_RDONLY
        self._at = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes from the file's place on."""
        data = self.pread(size, self._at)
        self._at += len(data)
        return data

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset` on."""
        if not self._readable:
            _fail(errno.EBADF)
        return bytes(memoryview(self._node.data)[offset : offset + size])

    def write(self, data: memoryview) -> int:
        """Write from the file's place on."""
        if self._append:
            self._at = len(self._node.data)
        written = self.pwrite(data, self._at)
        self._at += written
        return written

    def pwrite(self, data: memoryview, offset: int) -> int:
        """Write from `offset` on."""
        if not self._writable:
            _fail(errno.EBADF)
        if offset > len(self._node.data):
            self._node.data.extend(bytes(offset - len(self._node.data)))
        self._node.data[offset : offset + len(data)] = data
        self._node.modified = time.monotonic_ns()
        return len(data)

    def seek(self, offset: int, whence: int) -> int:
        """lseek(2)."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._node.data)}.get(whence)
        if base is None or base + offset < 0:
            _fail(errno.EINVAL)
        self._at = base + offset
        return self._at

    def stat(self) -> Stat:
        """fstat(2)."""
        return self._node.describe()

    def truncate(self, size: int) -> None:
        """ftruncate(2)."""
        if not self._writable or size < 0:
            _fail(errno.EINVAL)
        data = self._node.data
        if size < len(data):
            del data[size:]
        else:
            data.extend(bytes(size - len(data)))
        self._node.modified = time.monotonic_ns()

    def sync(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do: what nobody refers to any more is freed."""

    def isatty(self) -> bool:
        """Never."""
        return False


class MemoryFiles:
    """The folder /memory and what lies below it."""

    def __init__(self) -> None:
        self._root = Node(0o700, folder=True)

    def holds(self, place: Place) -> bool:
        """Whether this path lies here."""
        return place.absolute and place.names[:1] == (ROOT,)

    def open(self, place: Place, flags: int, mode: int) -> MemoryFile:
        """open(2)."""
        if flags & getattr(os, "O_TMPFILE", 0) == getattr(os, "O_TMPFILE", -1):
            _fail(errno.EOPNOTSUPP, place)
        names, name = self._folder_of(place)
        node = names.get(name) if name else self._root
        if node is None:
            if not flags & os.O_CREAT:
                _fail(errno.ENOENT, place)
            node = names[name] = Node(mode & 0o777)
        elif flags & os.O_CREAT and flags & os.O_EXCL:
            _fail(errno.EEXIST, place)
        if node.names is not None and (flags & os.O_ACCMODE != os.O_RDONLY or flags & os.O_CREAT):
            _fail(errno.EISDIR, place)
        if node.names is None and flags & os.O_DIRECTORY:
            _fail(errno.ENOTDIR, place)
        if flags & os.O_TRUNC and flags & os.O_ACCMODE != os.O_RDONLY:
            del node.data[:]
        return MemoryFile(node, flags)

    def stat(self, place: Place) -> Stat:
        """stat(2)."""
        return self._node(place).describe()

    def list(self, place: Place) -> list[tuple[str, str]]:
        """The names in a folder, each with its type."""
        names = self._node(place).names
        if names is None:
            _fail(errno.ENOTDIR, place)
        return [(name, "f" if node.names is None else "d") for name, node in names.items()]

    def make_folder(self, place: Place, mode: int) -> None:
        """mkdir(2)."""
        names, name = self._folder_of(place)
        if not name or name in names:
            _fail(errno.EEXIST, place)
        names[name] = Node(mode & 0o777, folder=True)

    def remove_folder(self, place: Place) -> None:
        """rmdir(2)."""
        names, name = self._folder_of(place)
        node = self._node(place)
        if node.names is None:
            _fail(errno.ENOTDIR, place)
        if node.names:
            _fail(errno.ENOTEMPTY, place)
        if not name:
            _fail(errno.EBUSY, place)
        del names[name]

    def remove(self, place: Place) -> None:
        """unlink(2)."""
        names, name = self._folder_of(place)
        if self._node(place).names is not None:
            _fail(errno.EISDIR, place)
        del names[name]

    def rename(self, old: Place, new: Place) -> None:
        """rename(2)."""
        node = self._node(old)
        names, name = self._folder_of(old)
        target, new_name = self._folder_of(new)
        there = target.get(new_name)
        if not name or not new_name or (new.names[: len(old.names)] == old.names and new != old):
            _fail(errno.EINVAL, old)
        if there is not None and there is not node:
            if (there.names is None) != (node.names is None):
                _fail(errno.EISDIR if node.names is None else errno.ENOTDIR, new)
            if there.names:
                _fail(errno.ENOTEMPTY, new)
        del names[name]
        target[new_name] = node

    def set_times(self, place: Place, times: tuple[int, int] | None) -> None:
        """utimensat(2)."""
        node = self._node(place)
        node.accessed, node.modified = times or (time.monotonic_ns(), time.monotonic_ns())

    def set_mode(self, place: Place, mode: int) -> None:
        """chmod(2)."""
        self._node(place).mode = mode & 0o777

    def _node(self, place: Place) -> Node:
        names, name = self._folder_of(place)
        node = names.get(name) if name else self._root
        if node is None:
            _fail(errno.ENOENT, place)
        return node

    def _folder_of(self, place: Place) -> tuple[dict[str, Node], str]:
        """The names beside this path, and its own; "" for /memory itself."""
        node = self._root
        inner = place.names[1:]
        for name in inner[:-1]:
            if node.names is None:
                _fail(errno.ENOTDIR, place)
            found = node.names.get(name)
            if found is None:
                _fail(errno.ENOENT, place)
            node = found
        if node.names is None:
            _fail(errno.ENOTDIR, place)
        return node.names, inner[-1] if inner else ""


def _fail(number: int, place: Place | None = None) -> NoReturn:
    raise OSError(number, os.strerror(number), *([] if place is None else [str(place)]))
