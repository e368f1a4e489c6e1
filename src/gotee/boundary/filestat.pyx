"""What the host says of a file, as it crosses. Both worlds.

Compiled: to look at a file takes the kernel half a microsecond, and Python took six to describe what it had seen.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cdef extern from "<sys/stat.h>":
    enum:
        S_IFMT
        S_IFREG
        S_IFDIR
        S_IFLNK
        S_IFIFO
        S_IFCHR
        S_IFBLK
        S_IFSOCK

cdef enum:
    SECOND = 1_000_000_000           # ns
    PART = 512                       # bytes of what st_blocks counts
    MOST_MODE = 0o177777
    MOST_NUMBER = 0xFFFFFFFF         # of links, users and groups

cdef int64_t LAST = <int64_t> 1 << 62    # ns from 1970 to the last moment, and to the first

STAT_BYTES = sizeof(Fields)
cdef object _Result = os.stat_result


cdef class Stat:
    """The fields of stat(2), times in ns.

    >>> found = Stat(0o100644, 7, 1, 1, 0, 0, 100, 5_000_000_000, 6, 7)
    >>> Stat.unpacked(found.packed()).size, found.shown(4096).st_atime
    (100, 5.0)
    """

    def __init__(self, mode, inode, device, links, user, group, size, accessed, modified, changed):
        self.fields = Fields(mode, inode, device, links, user, group, size, accessed, modified, changed)

    @property
    def mode(self):
        return self.fields.mode

    @property
    def size(self):
        return self.fields.size

    def packed(self):
        """As it is sent."""
        return PyBytes_FromStringAndSize(<char *> &self.fields, sizeof(Fields))

    @staticmethod
    def unpacked(bytes data):
        """What was sent. ValueError for what no kernel says of a file."""
        cdef Stat found = Stat.__new__(Stat)
        cdef Fields *its = &found.fields
        if PyBytes_GET_SIZE(data) != sizeof(Fields):
            raise ValueError(f"{len(data)} bytes describe no file")
        memcpy(its, PyBytes_AS_STRING(data), sizeof(Fields))
        if its.mode > MOST_MODE or not is_type(its.mode & S_IFMT):
            raise ValueError(f"{its.mode:#o} is no mode of a file")
        if its.links > MOST_NUMBER or its.user > MOST_NUMBER or its.group > MOST_NUMBER or its.size < 0:
            raise ValueError("a file has no such size, owner or number of links")
        for moment in (its.accessed, its.modified, its.changed):
            if not -LAST <= moment <= LAST:
                raise ValueError(f"{moment} ns since 1970 is no time of a file")
        return found

    def shown(self, block):
        """As os.stat returns it; `block` is the size in bytes that reads and writes should have."""
        cdef Fields *its = &self.fields
        return _Result((
            its.mode, its.inode, its.device, its.links, its.user, its.group, its.size,
            its.accessed // SECOND, its.modified // SECOND, its.changed // SECOND,
            its.accessed / 1e9, its.modified / 1e9, its.changed / 1e9,
            its.accessed, its.modified, its.changed,
            block, (its.size + PART - 1) // PART, 0,
        ))


cdef bint is_type(uint64_t kind) noexcept:
    return kind in (S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK)
