"""Anonymous memory with a descriptor, to be sealed and executed. Platform world, and the doctor's."""

from __future__ import annotations

import errno
import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FORBIDDEN, CURE = "memory that can be executed is forbidden here", "sysctl vm.memfd_noexec=0"
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_MFD_EXEC = 0x10  # linux/memfd.h
_PATIENCE = 20  # attempts


def executable_memory(name: str) -> int:
    """A new one, empty; also where vm.memfd_noexec asks that one says what it is for. Raises OSError.

    >>> os.close(executable_memory("doctest"))
    """
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | _MFD_EXEC)
    except OSError as error:
        if error.errno == errno.EACCES:
            raise OSError(error.errno, f"{FORBIDDEN}: {CURE}") from None
        if error.errno != errno.EINVAL:
            raise
        return os.memfd_create(name, flags)  # before Linux 6.3


def memory(name: str, data: bytes) -> int:
    """Sealed memory with these bytes."""
    descriptor = executable_memory(name)
    try:
        write(descriptor, memoryview(data))
        seal(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write(descriptor: int, view: memoryview) -> None:
    """Write all of it."""
    while view:
        view = view[os.write(descriptor, view) :]


def seal(descriptor: int) -> None:
    """From now on it is as it is.

    The kernel refuses that while it does something with a page itself (it moves some, or has not yet put new ones in
    their list). It waits for that, a sixth of a second at most, and then we ask again.
    """
    left = _PATIENCE
    while True:
        try:
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
        except OSError as error:
            left -= 1
            if error.errno != errno.EBUSY or not left:
                raise
        else:
            return


def new(path: str) -> int:
    """Empty memory for a file, to be filled (`fill`); a descriptor that only reads, and so do its copies.

    Whoever has one that writes could map it before the memory is filled, and change what was verified until it is
    sealed: an enclave has it that early. A descriptor's copies also share one place in it, which each may move.
    """
    writes = executable_memory(path.rpartition("/")[2])
    try:
        return reader(writes)
    finally:
        os.close(writes)


def reader(descriptor: int) -> int:
    """Another descriptor of the same memory, which only reads and has a place in it of its own."""
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)


def fill(descriptor: int, put: Callable[[int], None]) -> None:
    """Have `put` write what belongs into memory that is `new`, with a descriptor that writes; then seal it."""
    writes = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR | os.O_CLOEXEC)
    try:
        put(writes)
        seal(writes)
    finally:
        os.close(writes)


def send(source: int, start: int, size: int, writes: int) -> None:
    """Copy so many bytes of a file. Raises ValueError if there are fewer."""
    left = size
    while left and (count := os.sendfile(writes, source, start + size - left, left)):
        left -= count
    if left:
        raise ValueError("the file is shorter than it was")


def copy(place: str, size: int, start: int = 0) -> int:
    """A sealed copy of `size` bytes of a file. Raises OSError, ValueError if there are fewer."""
    source = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        descriptor = new(place)
        try:
            fill(descriptor, lambda writes: send(source, start, size, writes))
        except BaseException:
            os.close(descriptor)
            raise
    finally:
        os.close(source)
    return descriptor
