"""Files for trusted code: opens, reads, changes what the enclave's policy allows. Host world; the ocall service's.

Regular files are read and written by the threads of a pool. What can make a reader wait for ever (a FIFO, a terminal)
is opened without blocking, and waits where it takes no thread.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from gotee.boundary.blocks import BLOCK_BYTES, BLOCKS
from gotee.boundary.filestat import Stat
from gotee.boundary.frames import LinkError
from gotee.boundary.ocalls import HANDLE_BYTES, HEAD, MOST_NAMES, PIECE_BYTES, Ocall, encode
from gotee.boundary.policy import Place
from gotee.host import mounts
from gotee.host.ocalls import Request, Served, abandoned
from gotee.host.prompt import NOTHING, UNKNOWN, Handle, device_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from gotee.host.ocalls import Service

_FLAGS = os.O_ACCMODE | os.O_CREAT | os.O_EXCL | os.O_TRUNC | os.O_APPEND | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_SYNC
_OWN_FLAGS = os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_SLOW = 0.005  # seconds: a file that once took longer is left to threads that can wait
_AGAIN = 0.02  # seconds between two looks whether a FIFO has a reader


class Files:
    """The files of one enclave."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.handles: dict[int, Handle] = {}
        self._last = 0
        self._lock = threading.Lock()

    def served(self) -> dict[Ocall, Served]:
        """What the service asks for."""
        path, at = tuple[bytes], tuple[int]
        return {
            Ocall.OPEN: Served(self._begin_open, tuple[bytes, int, int]),
            Ocall.CLOSE: Served(self._close, at),
            Ocall.READ: Served(self._read),
            Ocall.WRITE: Served(self._write),
            Ocall.READ_BLOCK: Served(self._read_block, tuple[int, int, int, int]),
            Ocall.WRITE_BLOCK: Served(self._write_block, tuple[int, int, int, int]),
            Ocall.HANDLE_STAT: Served(self._handle_stat, at),
            Ocall.TRUNCATE: Served(self._truncate, tuple[int, int], True),
            Ocall.SYNC: Served(self._sync, at, True),
            Ocall.STAT: Served(self._stat, tuple[bytes, bool]),
            Ocall.LIST: Served(self._list, path, True),
            Ocall.MAKE_FOLDER: Served(self._make_folder, tuple[bytes, int], True),
            Ocall.REMOVE_FOLDER: Served(self._remove_folder, path, True),
            Ocall.REMOVE: Served(self._remove, path, True),
            Ocall.RENAME: Served(self._rename, tuple[bytes, bytes], True),
            Ocall.SET_TIMES: Served(self._set_times, tuple[bytes, tuple[int, int] | None, bool], True),
            Ocall.SET_MODE: Served(self._set_mode, tuple[bytes, int], True),
            Ocall.READ_LINK: Served(self._read_link, path),
            Ocall.ACCESS: Served(self._access, tuple[bytes, int]),
        }

    def close(self) -> None:
        """The enclave is gone: so are its handles."""
        for number in list(self.handles):
            self._drop(number)

    # -- paths ----------------------------------------------------------------------------------------------

    def _path(self, path: bytes, mode: str) -> bytes:
        """Where a path of the enclave lies, if the policy allows `mode`: r, w, rw, look, list, or folder."""
        policy = self._service.policy
        place = Place.of(os.fsdecode(path))
        asked = {"look": policy.may_look, "list": policy.may_list, "folder": policy.may_make_folder}.get(mode)
        if not (policy.may(place, mode) if asked is None else asked(place)):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return os.path.join(self._service.home, path)

    def _look(self, request: Request, path: bytes, follow: bool, answer: Callable[[bytes], bytes]) -> None:
        """Answer what `answer` says of a path: at once, if all of it is in the kernel's memory, else by a thread."""
        place = self._path(path, "look")
        if _is_prompt(place, follow):
            request.answer(answer(place))
        else:
            self._service.by_thread(lambda request: request.answer(answer(place)), request)

    def _stat(self, request: Request, path: bytes, follow: bool) -> None:
        self._look(request, path, follow, lambda place: described(os.stat(place, follow_symlinks=follow)))

    def _list(self, request: Request, path: bytes) -> None:
        rows = []
        with os.scandir(self._path(path, "list")) as entries:
            for entry in entries:
                rows.append((entry.name, _type(entry)))
                if len(rows) > MOST_NAMES:
                    raise OSError(errno.EOVERFLOW, "too many names")
        request.answer(encode(rows))

    def _make_folder(self, request: Request, path: bytes, mode: int) -> None:
        os.mkdir(self._path(path, "folder"), mode & 0o777)
        request.answer()

    def _remove_folder(self, request: Request, path: bytes) -> None:
        os.rmdir(self._path(path, "w"))
        request.answer()

    def _remove(self, request: Request, path: bytes) -> None:
        os.unlink(self._path(path, "w"))
        request.answer()

    def _rename(self, request: Request, old: bytes, new: bytes) -> None:
        os.rename(self._path(old, "w"), self._path(new, "w"))
        request.answer()

    def _set_times(self, request: Request, path: bytes, times: tuple[int, int] | None, follow: bool) -> None:
        if times is None:
            os.utime(self._path(path, "w"), follow_symlinks=follow)
        else:
            os.utime(self._path(path, "w"), ns=times, follow_symlinks=follow)
        request.answer()

    def _set_mode(self, request: Request, path: bytes, mode: int) -> None:
        os.chmod(self._path(path, "w"), mode & 0o777)
        request.answer()

    def _read_link(self, request: Request, path: bytes) -> None:
        self._look(request, path, False, lambda place: encode(os.readlink(place)))

    def _access(self, request: Request, path: bytes, mode: int) -> None:
        self._look(request, path, True, lambda place: encode(os.access(place, mode & 7)))

    # -- handles --------------------------------------------------------------------------------------------

    def _begin_open(self, request: Request, path: bytes, flags: int, mode: int) -> None:
        kind = {os.O_RDONLY: "r", os.O_WRONLY: "w"}.get(flags & os.O_ACCMODE, "rw")
        if kind == "r" and flags & (os.O_CREAT | os.O_TRUNC):
            kind = "rw"
        place = self._path(path, kind)
        if _is_prompt(place, not flags & os.O_NOFOLLOW, flags):
            self._open(request, place, flags, mode)
        else:
            self._service.by_thread(self._open, request, place, flags, mode)

    def _open(self, request: Request, place: bytes, flags: int, mode: int) -> None:
        try:
            descriptor = os.open(place, flags & _FLAGS | _OWN_FLAGS, mode & 0o777)
        except OSError as error:
            if error.errno == errno.ENXIO and stat.S_ISFIFO(os.stat(place).st_mode) and request.open:
                request.when_abandoned = lambda: abandoned(request)
                again = lambda: self._service.by_thread(self._open_again, request, place, flags, mode)  # noqa: E731
                self._service.ready.later(_AGAIN, again)
                return
            raise
        found = os.fstat(descriptor)
        prompt = stat.S_ISREG(found.st_mode) and not flags & os.O_SYNC and mounts.is_local(found.st_dev)
        handle = Handle(descriptor, _can_wait(descriptor, found.st_mode), prompt)
        with self._lock:
            self._last += 1
            number = self._last
            self.handles[number] = handle
        if not request.answer(number.to_bytes(HANDLE_BYTES, "little") + described(found)):
            self._drop(number)

    def _open_again(self, request: Request, place: bytes, flags: int, mode: int) -> None:
        if request.open:
            self._open(request, place, flags, mode)

    def _close(self, request: Request, number: int) -> None:
        self._handle(number)
        self._service.pool.submit(lambda: self._drop(number))  # the last use may have to write, over a network say
        request.answer()

    def _drop(self, number: int) -> None:
        handle = self.handles.pop(number, None)
        if handle is None:
            return
        if handle.waits:
            self._service.ready.forget(handle.descriptor)
            for waiting in (*handle.waiting[select.EPOLLIN], *handle.waiting[select.EPOLLOUT]):
                waiting.refuse(errno.EBADF)
        handle.release()

    def _handle(self, number: int) -> Handle:
        handle = self.handles.get(number)
        if handle is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return handle

    def _handle_stat(self, request: Request, number: int) -> None:
        handle = self._handle(number)  # not a prompt one: see gotee.host.prompt
        self._service.by_thread(self._stat_waiting, request, handle)

    def _stat_waiting(self, request: Request, handle: Handle) -> None:
        with handle as descriptor:
            request.answer(described(os.fstat(descriptor)))

    def _truncate(self, request: Request, number: int, size: int) -> None:
        with self._handle(number) as descriptor:
            os.ftruncate(descriptor, size)
        request.answer()

    def _sync(self, request: Request, number: int) -> None:
        with self._handle(number) as descriptor:
            os.fsync(descriptor)
        request.answer()

    # -- contents -------------------------------------------------------------------------------------------

    def _read(self, request: Request) -> None:
        handle, _, size = self._asked(request)
        if size > PIECE_BYTES or len(request.payload) != HEAD.size:
            raise LinkError("the enclave asked for more than one piece")
        self._begin(request, handle, select.EPOLLIN)

    def _write(self, request: Request) -> None:
        handle, _, size = self._asked(request)
        if size != len(request.payload) - HEAD.size:
            raise LinkError("the enclave sent another number of bytes than it said")
        self._begin(request, handle, select.EPOLLOUT)

    def _asked(self, request: Request) -> tuple[Handle, int, int]:
        if len(request.payload) < HEAD.size:
            raise LinkError("the enclave asked to read or write in a form that is none")
        number, offset, size = HEAD.unpack_from(request.payload)
        return self._handle(number), offset, size

    def _read_block(self, request: Request, number: int, offset: int, size: int, block: int) -> None:
        """At once, if the kernel has it all in memory; else by a thread that can wait for the disk."""
        handle, view = self._handle(number), self._block(block, size)
        try:
            with handle as descriptor:
                if os.preadv(descriptor, [view], offset, os.RWF_NOWAIT) == size:
                    request.answer(encode(size))
                    return
        except OSError:
            pass  # EAGAIN, or a file system that cannot say so
        self._service.by_thread(self._read_waiting, request, handle, view, offset)

    def _read_waiting(self, request: Request, handle: Handle, view: memoryview, offset: int) -> None:
        with handle as descriptor:
            request.answer(encode(os.preadv(descriptor, [view], offset)))

    def _write_block(self, request: Request, number: int, offset: int, size: int, block: int) -> None:
        """At once, if the kernel has taken what came before without a wait; else by a thread that can."""
        handle, view = self._handle(number), self._block(block, size)
        if not handle.prompt:
            self._service.by_thread(self._write_view, request, handle, view, offset)
            return
        start = time.monotonic()
        self._write_view(request, handle, view, offset)
        if time.monotonic() - start > _SLOW:
            handle.prompt = False

    def _write_view(self, request: Request, handle: Handle, view: memoryview, offset: int) -> None:
        with handle as descriptor:
            count = os.write(descriptor, view) if offset < 0 else os.pwrite(descriptor, view, offset)
            request.answer(encode(count))

    def _block(self, block: int, size: int) -> memoryview:
        blocks = self._service.blocks
        if blocks is None or not 0 <= block < BLOCKS or not 0 < size <= BLOCK_BYTES:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return blocks.view(block)[:size]

    def _begin(self, request: Request, handle: Handle, direction: int) -> None:
        if handle.waits:
            request.when_abandoned = lambda: _leave(request, handle.waiting[direction])
            handle.waiting[direction].append(request)
            self._wait(handle, direction)
        else:  # what a prompt file serves at once has not come here: see gotee.host.prompt
            self._service.by_thread(self._move, request, handle, direction)

    def _move(self, request: Request, handle: Handle, direction: int) -> None:
        """Read or write once, and answer."""
        _, offset, size = HEAD.unpack_from(request.payload)
        with handle as descriptor:
            if direction == select.EPOLLIN:
                request.answer(os.read(descriptor, size) if offset < 0 else os.pread(descriptor, size, offset))
            else:
                data = memoryview(request.payload)[HEAD.size :]
                count = os.write(descriptor, data) if offset < 0 else os.pwrite(descriptor, data, offset)
                request.answer(encode(count))

    def _wait(self, handle: Handle, events: int) -> None:
        self._service.ready.when_ready(handle.descriptor, events, lambda: self._advance(handle))

    def _advance(self, handle: Handle) -> None:
        """Serve those who wait for a descriptor in their turn, on the one thread that waits for all descriptors."""
        left = 0
        for direction, waiting in handle.waiting.items():
            while request := _first(waiting):
                if not self._served_one(request, handle, direction):
                    waiting.appendleft(request)
                    break
            left |= direction if waiting else 0
        if left:
            self._wait(handle, left)

    def _served_one(self, request: Request, handle: Handle, direction: int) -> bool:
        """Whether it was its turn."""
        try:
            with handle as descriptor:
                if not _ready_now(descriptor, direction):
                    return False
            self._move(request, handle, direction)
        except BlockingIOError:
            return False
        except OSError as error:
            request.refuse(error)
        return True


def _is_prompt(place: bytes, follow: bool, flags: int | None = None) -> bool:
    """Whether nobody has to be waited for to look at a path, or to open it with `flags`."""
    device = device_now(place, follow, flags is not None)
    if device == NOTHING:
        return not (flags or 0) & os.O_CREAT
    return device != UNKNOWN and not (flags or 0) & os.O_TRUNC and mounts.is_local(device)


def _first(waiting: deque[Request]) -> Request | None:
    """Who is next. From now on its abandoning comes too late: what is read for it is not lost."""
    try:
        return waiting.popleft()
    except IndexError:
        return None  # it was abandoned meanwhile


def _leave(request: Request, waiting: deque[Request]) -> None:
    """Stop waiting, but not in the midst of being served."""
    try:
        waiting.remove(request)
    except ValueError:
        return
    abandoned(request)


def _ready_now(descriptor: int, direction: int) -> bool:
    """Whether a descriptor is ready now. A FIFO that nobody has written to yet would read as ended."""
    poll = select.poll()
    poll.register(descriptor, direction)
    return bool(poll.poll(0))


def _can_wait(descriptor: int, mode: int) -> bool:
    """Whether reading or writing may wait for somebody else."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
        return False
    with select.epoll() as epoll:
        try:
            epoll.register(descriptor, select.EPOLLIN)
        except PermissionError:  # as /dev/null
            return False
    return True


def _type(entry: os.DirEntry[bytes]) -> str:
    """f, d, l, or o for others; ? if it went meanwhile."""
    try:
        if entry.is_symlink():
            return "l"
        if entry.is_dir(follow_symlinks=False):
            return "d"
        return "f" if entry.is_file(follow_symlinks=False) else "o"
    except OSError:
        return "?"


def described(found: os.stat_result) -> bytes:
    """As it is sent."""
    return Stat(
        found.st_mode,
        found.st_ino,
        found.st_dev,
        found.st_nlink,
        found.st_uid,
        found.st_gid,
        found.st_size,
        found.st_atime_ns,
        found.st_mtime_ns,
        found.st_ctime_ns,
    ).packed()
