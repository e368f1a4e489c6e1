"""The functions of `os` for files, as trusted code calls them. Enclave world; `replacing` puts them in their places.

Each behaves as the function of the same name, as far as the policy allows what is asked.
"""

from __future__ import annotations

import errno
import os
from _operator import index

from gotee.boundary.ocalls import Ocall, encode
from gotee.boundary.policy import Place, Policy
from gotee.enclave import devices
from gotee.enclave.descriptors import Descriptors
from gotee.enclave.direct import BLOCK, DirectCalls
from gotee.enclave.entries import DirEntry, Entries
from gotee.enclave.hostfile import HostFile
from gotee.enclave.hostfiles import HostFiles
from gotee.enclave.imagefiles import ImageFiles
from gotee.enclave.memoryfiles import MemoryFiles
from gotee.enclave.ocalls import Ocalls, decoder
from gotee.enclave.paths import Paths, as_text, checked_home
from gotee.errors import NotInside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gotee.boundary.filestat import Stat

_bytes = decoder(lambda: bytes)


class System(DirectCalls):
    """The file functions of one enclave. Public methods have the names and parameters of those of `os`."""

    def __init__(self, ocalls: Ocalls, policy: Policy, image: ImageFiles, memory: MemoryFiles) -> None:
        super().__init__(Descriptors())
        self._host = HostFiles(ocalls, policy)
        self._image = image
        self._memory = memory
        self._paths = Paths(image, memory, lambda: ocalls.ask(Ocall.HOME, encode(()), _home))
        self._mask = 0o022

    # -- descriptors ------------------------------------------------------------------------------------------

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """os.open."""
        area, place = self._find(path, dir_fd)
        writes = flags & (os.O_ACCMODE | os.O_TRUNC) or (flags & os.O_CREAT and flags & os.O_EXCL)
        if area == "memory":
            return self.descriptors.add(self._memory.open(place, flags, mode & ~self._mask))
        if area == "device":
            return self.descriptors.add(devices.Device(place))
        if area == "image":
            if writes:
                raise self._measured(path)
            return self.descriptors.add(self._image.open(place))
        return self.descriptors.add(self._host.open(place, flags, mode & ~self._mask, path))

    def close(self, fd: int) -> None:
        """os.close."""
        self.descriptors.close(fd)

    def closerange(self, fd_low: int, fd_high: int) -> None:
        """os.closerange."""
        self.descriptors.close_range(fd_low, fd_high)

    def read_into(self, fd: int, buffer: memoryview) -> int:
        """Not of `os`: as read, into a buffer of bytes; how many that were."""
        file = self.descriptors.get(fd)
        if isinstance(file, HostFile):
            return file.read_into(buffer)
        data = file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write_behind(self, fd: int, data: memoryview) -> bool:
        """Not of `os`: begin to write all of it, where buffers may do so. False if this file is not written so."""
        file = self.descriptors.get(fd)
        return isinstance(file, HostFile) and file.write_behind(data)

    def settle(self, fd: int) -> None:
        """Not of `os`: wait for what was written behind, and raise what went wrong."""
        file = self.descriptors.get(fd)
        if isinstance(file, HostFile):
            file.settle()

    def readv(self, fd: int, buffers: Any) -> int:
        """os.readv."""
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        data = self.read(fd, sum(map(len, views)))
        at = 0
        for view in views:
            part = data[at : at + len(view)]
            view[: len(part)] = part
            at += len(part)
        return len(data)

    def writev(self, fd: int, buffers: Any) -> int:
        """os.writev."""
        return self.write(fd, b"".join(buffers))

    def lseek(self, fd: int, position: int, whence: int) -> int:
        """os.lseek."""
        return self.descriptors.get(fd).seek(index(position), whence)

    def ftruncate(self, fd: int, length: int) -> None:
        """os.ftruncate."""
        self.descriptors.get(fd).truncate(index(length))

    def fsync(self, fd: Any) -> None:
        """os.fsync and os.fdatasync."""
        self.descriptors.get(fd if isinstance(fd, int) else fd.fileno()).sync()

    def isatty(self, fd: int) -> bool:
        """os.isatty."""
        try:
            return self.descriptors.get(fd).isatty()
        except OSError:
            return False

    def dup(self, fd: int, /) -> int:
        """os.dup."""
        return self.descriptors.add(self.descriptors.get(fd))

    def dup2(self, fd: int, fd2: int, inheritable: bool = True) -> int:
        """os.dup2."""
        file = self.descriptors.get(fd)
        if fd != fd2:
            self.descriptors.put(fd2, file)
        return fd2

    def get_inheritable(self, fd: int, /) -> bool:
        """os.get_inheritable: there are no programs that could inherit."""
        self.descriptors.get(fd)
        return False

    def set_inheritable(self, fd: int, inheritable: bool, /) -> None:
        """os.set_inheritable."""
        self.descriptors.get(fd)

    def get_blocking(self, fd: int, /) -> bool:
        """os.get_blocking: what blocks here parks a routine."""
        self.descriptors.get(fd)
        return True

    # -- paths ------------------------------------------------------------------------------------------------

    def stat(self, path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        """os.stat."""
        if isinstance(path, int):
            return self.fstat(path)
        area, place = self._find(path, dir_fd)
        if area == "host":
            return self._host.stat(place, follow_symlinks, path).shown(BLOCK)
        return self._inside(area, place).shown(BLOCK)

    def lstat(self, path: Any, *, dir_fd: int | None = None) -> os.stat_result:
        """os.lstat."""
        return self.stat(path, dir_fd=dir_fd, follow_symlinks=False)

    def access(
        self,
        path: Any,
        mode: int,
        *,
        dir_fd: int | None = None,
        effective_ids: bool = False,
        follow_symlinks: bool = True,
    ) -> bool:
        """os.access."""
        try:
            area, place = self._find(path, dir_fd)
            if area == "host":
                return self._host.access(place, mode, path)
            found = self._inside(area, place)
        except OSError:
            return False
        return not mode & ~(found.mode >> 6 & 7)

    def listdir(self, path: Any = None) -> list[Any]:
        """os.listdir."""
        path = "." if path is None else path
        names = [name for name, _ in self._list(path)]
        return [os.fsencode(name) for name in names] if isinstance(path, bytes) else names

    def scandir(self, path: Any = None) -> Entries:
        """os.scandir."""
        path = "." if path is None else path
        return Entries(DirEntry(self.stat, path, name, kind) for name, kind in self._list(path))

    def check_look(self, path: Any) -> None:
        """Not of `os`: raises OcallRefused if the policy does not let one ask what is at a path."""
        area, place = self._find(path, None)
        if area == "host":
            self._host.check_look(place)

    def check_list(self, path: Any) -> None:
        """Not of `os`: raises OcallRefused if the policy does not let one list a folder."""
        area, place = self._find(path, None)
        if area == "host":
            self._host.check_list(place)

    def _list(self, path: Any) -> list[tuple[str, str]]:
        if isinstance(path, int):
            raise NotInside("folders are listed by their paths inside, not by descriptors")
        area, place = self._find(path, None)
        if area == "memory":
            return self._memory.list(place)
        if area == "host":
            return self._host.list(place, path)
        if area == "device":
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        rows = dict(self._image.list(place))
        beside = self._paths.beside(place)
        if beside is not None and self._host.may_list(beside):
            try:
                rows = {**dict(self._host.list(beside, path)), **rows}
            except FileNotFoundError:
                pass  # only the image has it
        return list(rows.items())

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        """os.mkdir."""
        area, place = self._find(path, dir_fd)
        if area == "memory":
            self._memory.make_folder(place, mode & ~self._mask)
        elif area in ("image", "device"):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        else:
            self._host.make_folder(place, mode & ~self._mask, path)

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        """os.rmdir."""
        self._change(path, dir_fd, self._memory.remove_folder, lambda place: self._host.remove_folder(place, path))

    def remove(self, path: Any, *, dir_fd: int | None = None) -> None:
        """os.remove and os.unlink."""
        self._change(path, dir_fd, self._memory.remove, lambda place: self._host.remove(place, path))

    def rename(self, src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        """os.rename and os.replace."""
        old_area, old = self._find(src, src_dir_fd)
        new_area, new = self._find(dst, dst_dir_fd)
        for area, path in ((old_area, src), (new_area, dst)):
            if area == "image":
                raise self._measured(path)
            if area == "device":
                raise OSError(errno.EPERM, os.strerror(errno.EPERM), path)
        if old_area != new_area:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), src, None, dst)
        if old_area == "memory":
            self._memory.rename(old, new)
        else:
            self._host.rename(old, new, (src, dst))

    def utime(
        self,
        path: Any,
        times: tuple[float, float] | None = None,
        *,
        ns: tuple[int, int] | None = None,
        dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> None:
        """os.utime."""
        if times is not None and ns is not None:
            raise ValueError("utime: you may specify either 'times' or 'ns' but not both")
        moments = ns if times is None else (_ns(times[0]), _ns(times[1]))
        if isinstance(path, int):
            raise NotInside("the times of a file are set by its path inside, not by its descriptor")
        self._change(
            path,
            dir_fd,
            lambda place: self._memory.set_times(place, moments),
            lambda place: self._host.set_times(place, moments, follow_symlinks, path),
        )

    def chmod(self, path: Any, mode: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
        """os.chmod."""
        if isinstance(path, int):
            raise NotInside("the mode of a file is set by its path inside, not by its descriptor")
        self._change(
            path,
            dir_fd,
            lambda place: self._memory.set_mode(place, mode),
            lambda place: self._host.set_mode(place, mode, path),
        )

    def truncate(self, path: Any, length: int) -> None:
        """os.truncate."""
        if isinstance(path, int):
            self.ftruncate(path, length)
            return
        number = self.open(path, os.O_WRONLY)
        try:
            self.ftruncate(number, length)
        finally:
            self.close(number)

    def readlink(self, path: Any, *, dir_fd: int | None = None) -> Any:
        """os.readlink."""
        area, place = self._find(path, dir_fd)
        if area != "host":
            self.stat(path)
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        target = self._host.read_link(place, path)
        return os.fsencode(target) if isinstance(path, bytes) else target

    def getcwd(self) -> str:
        """os.getcwd."""
        return self._paths.folder

    def getcwdb(self) -> bytes:
        """os.getcwdb."""
        return os.fsencode(self._paths.folder)

    def chdir(self, path: Any) -> None:
        """os.chdir."""
        found = self.stat(path)
        if found.st_mode & 0o170000 != 0o040000:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        self._paths.folder = str(Place(self._paths.names(as_text(path)), True))

    def umask(self, mask: int, /) -> int:
        """os.umask: of what trusted code makes; the host's own is applied, too."""
        before, self._mask = self._mask, mask & 0o777
        return before

    # -- helpers ----------------------------------------------------------------------------------------------

    def _find(self, path: Any, dir_fd: int | None) -> tuple[str, Place]:
        if dir_fd is not None:
            raise NotInside("paths begin in the program's folder inside, not at a descriptor: leave dir_fd out")
        return self._paths.find(as_text(path))

    def _inside(self, area: str, place: Place) -> Stat:
        """What lies at a path that is not the host's."""
        if area == "memory":
            return self._memory.stat(place)
        return devices.described() if area == "device" else self._image.stat(place)

    def _change(
        self, path: Any, dir_fd: int | None, memory: Callable[[Place], None], host: Callable[[Place], None]
    ) -> None:
        area, place = self._find(path, dir_fd)
        if area == "image":
            raise self._measured(path)
        if area == "device":
            raise OSError(errno.EPERM, os.strerror(errno.EPERM), path)
        (memory if area == "memory" else host)(place)

    def _measured(self, path: object) -> OSError:
        return OSError(errno.EROFS, "it is part of the image, which does not change", path)


def _home(payload: bytes) -> str:
    return checked_home(_bytes(payload))


def _ns(seconds: float) -> int:
    return round(seconds * 1e9) if isinstance(seconds, float) else int(seconds) * 1_000_000_000


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
