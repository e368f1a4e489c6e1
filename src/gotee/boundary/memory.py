"""The memory that both worlds share: an anonymous file of a fixed size. Both worlds; the ring link uses it.

The size is sealed, so that neither side can cut the file under the other (reading a cut mapping kills the process with
SIGBUS), and the seals are sealed. The file has no name: nothing can be left over in /dev/shm.
"""

from __future__ import annotations

import fcntl
import os

from gotee.boundary.frames import LinkError

SEALS = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


def create_region(size: int) -> int:
    """Make a region of `size` bytes, zeroed and sealed, and return its descriptor (close-on-exec).

    >>> region = create_region(4096)
    >>> region_size(region)
    4096
    >>> os.close(region)
    """
    descriptor = os.memfd_create("gotee", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def region_size(descriptor: int) -> int:
    """Check that a descriptor received from the other world is a sealed region; return its size in bytes.

    Raises LinkError if it is anything else. Call it before mapping.
    """
    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError as error:
        raise LinkError(f"the shared memory is not an anonymous file: {error.strerror}") from None
    if seals & SEALS != SEALS:
        raise LinkError(f"the shared memory lacks its seals (has {seals:#x}, needs {SEALS:#x})")
    if seals & fcntl.F_SEAL_WRITE:
        raise LinkError("the shared memory is sealed against writing")
    return os.fstat(descriptor).st_size
