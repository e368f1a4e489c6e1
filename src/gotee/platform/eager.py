"""Copies of the files that an enclave begins with, made and hashed before an image says that it wants them. Platform.

They are made while `launch` imports what reads images: a platform runs the interpreter, the loader and the libraries
that its enclaves run. A copy is sealed first and hashed then; gotee.image.load compares its hash with the image's, as
it does with copies of its own, and takes it or leaves it.
"""

from __future__ import annotations

import _thread
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_HEAD = 4096  # bytes of a file that have its program headers


def mapped(lines: Iterable[str]) -> list[str]:
    """The files from which a process maps code, as /proc/PID/maps lists them.

    >>> mapped(["1-2 r-xp 0 08:01 5 /lib/ld.so\\n", "2-3 r--p 0 08:01 6 /lib/c.so\\n", "3-4 r-xp 0 0:0 0 [vdso]\\n"])
    ['/lib/ld.so']
    """
    found = []
    for line in lines:
        words = line.rstrip("\n").split(None, 5)
        if len(words) == 6 and "x" in words[1] and words[5][0] == "/" and words[5] not in found:
            found.append(words[5])
    return found


class Copies:
    """Copies of the first part of files, as far as the dynamic loader maps them; a thread makes them."""

    def __init__(self, places: Iterable[str]) -> None:
        self._left = list(places)
        self._busy: dict[str, _thread.LockType] = {}
        self._made: dict[str, tuple[int, int, Any]] = {}  # descriptor, size of the file, hash of the copy
        _thread.start_new_thread(self._work, ())

    def take(self, place: str, size: int, whole: int) -> tuple[int, Any] | None:
        """The sealed copy of the first `size` bytes of a file that has `whole`, and its hash, if there is one."""
        try:
            self._left.remove(place)  # nobody has begun
        except ValueError:
            busy = self._busy.get(place)
        else:
            busy = None
        if busy is None:
            return None
        busy.acquire()
        made = self._made.pop(place, None)
        busy.release()
        if made is None:
            return None
        number, found, digest = made
        if found == whole and os.fstat(number).st_size == size:
            return number, digest
        os.close(number)
        return None

    def close(self) -> None:
        """Nobody takes any more."""
        self._left.clear()
        for place in list(self._busy):
            self.take(place, -1, -1)

    def _work(self) -> None:
        while self._left:
            busy = _thread.allocate_lock()
            busy.acquire()
            try:
                place = self._left[0]
                self._busy[place] = busy  # before it is taken from the list, where `take` looks first
                self._left.remove(place)
                self._made[place] = _copied(place)
            except (OSError, ValueError, IndexError):
                pass  # `take` was faster; or the image's own loading says what is the matter, if it needs this file
            finally:
                busy.release()


def _copied(place: str) -> tuple[int, int, Any]:
    import fcntl
    import mmap

    from gotee.image import elf
    from gotee.image.hashing import sha256
    from gotee.image.memory import executable_memory

    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    source = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        whole = os.fstat(source).st_size
        size = elf.loaded(os.pread(source, _HEAD, 0), whole)
        number = executable_memory("gotee-eager")
        try:
            done = 0
            while done < size and (count := os.sendfile(number, source, done, size - done)):
                done += count
            fcntl.fcntl(number, fcntl.F_ADD_SEALS, seals)
            with mmap.mmap(number, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as copy:
                return number, whole, sha256(copy)  # in one go: each step waits for the thread that imports
        except BaseException:
            os.close(number)
            raise
    finally:
        os.close(source)


_begun: Copies | None = None


def begin() -> None:
    """Begin with what this process runs itself."""
    global _begun
    try:
        with open("/proc/self/maps") as maps:
            places = mapped(maps)
    except OSError:
        return  # without /proc no enclave starts, which is told elsewhere
    _begun = Copies(sorted(places, key=lambda place: -os.stat(place).st_size))


def begun() -> Copies | None:
    """What `begin` began, once."""
    global _begun
    copies, _begun = _begun, None
    return copies
