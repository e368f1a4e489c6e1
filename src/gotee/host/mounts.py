"""Which file systems are of this machine: their files answer from the kernel's memory. Host world; `files` asks.

Others wait for a network, or for a program (FUSE), and can take for ever: what may block has to be left to a thread.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

_LOCAL = frozenset(("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs", "zfs"))

# overlay: what is written goes to its upper folder, which the kernel does not take from a network.


@functools.lru_cache(maxsize=64)
def is_local(device: int) -> bool:
    """Whether the device of a file (st_dev) is a file system of this machine; False if that cannot be told.

    >>> is_local(0)
    False
    """
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    for line in lines:  # proc_pid_mountinfo(5): number, parent, major:minor, ..., " - ", type, ...
        words, _, rest = line.partition(" - ")
        if words.split()[2:3] == [wanted]:
            return rest.split()[0] in _LOCAL
    return False
