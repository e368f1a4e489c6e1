"""os.read, write, pread, pwrite and fstat, and the short way of small ones to a file of the host. Enclave world.

Compiled: each is one microsecond of the kernel's time. `system` and `hostfile` go on from here; what is not small, or
cannot be asked at this moment, is done there.
"""

import errno
import os
from _operator import index

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint64_t

from gotee.boundary.filestat cimport Stat
from gotee.enclave.answers cimport at_most, counted
from gotee.enclave.door cimport Door

from gotee.boundary.ocalls import Ocall
from gotee.enclave.ocalls import LATER

cdef enum:
    SMALL = 64 << 10         # bytes of a read or write that is tried without parking

BLOCK = 128 << 10  # bytes that buffers above a file of the host should hold: a crossing costs more than a system call

cdef object _READ = Ocall.READ
cdef object _WRITE = Ocall.WRITE


cdef packed struct Head:     # gotee.boundary.ocalls.HEAD
    uint64_t handle
    int64_t offset
    uint64_t size


cdef class DirectFile:
    """An open file of the host, as small reads and writes need it. `hostfile` derives from it.

    Its `read_long`, `write_long`, `pread_long` and `pwrite_long` do what does not go the short way.
    """

    def __init__(self, door, uint64_t handle, bint seekable, int flags):
        cdef int mode = flags & os.O_ACCMODE
        self.door = door if isinstance(door, Door) else None
        self.handle = handle
        self.seekable = seekable
        self.readable, self.writable = mode != os.O_WRONLY, mode != os.O_RDONLY
        self.append = (flags & os.O_APPEND) != 0
        self.at = 0
        self.turn = Lock()

    cdef bint settled(self) except -1:
        """Whether nothing is on its way that was written behind."""
        return self.behind is None or not self.behind.unsettled

    cpdef object read_small(self, Py_ssize_t size, int64_t offset):
        """At most `size` bytes from `offset` on, or LATER."""
        cdef Head head = Head(self.handle, offset, size)
        if self.door is None or not self.readable or not 0 < size <= SMALL or not self.settled():
            return LATER
        return self.door.ask(_READ, <unsigned char *> &head, sizeof(head), NULL, 0, at_most(size), None, ())

    cpdef object write_small(self, data, int64_t offset):
        """Write from `offset` on: how much was written, or LATER."""
        cdef Head head = Head(self.handle, offset, 0)
        cdef Py_buffer piece
        if self.door is None or not self.writable or not self.settled():
            return LATER
        PyObject_GetBuffer(data, &piece, PyBUF_SIMPLE)
        try:
            if not 0 < piece.len <= SMALL:
                return LATER
            self.found = None
            head.size = piece.len
            return self.door.ask(
                _WRITE, <unsigned char *> &head, sizeof(head), <unsigned char *> piece.buf, piece.len,
                counted(1, piece.len), None, (),
            )
        finally:
            PyBuffer_Release(&piece)

    cpdef object read(self, size):
        """At most `size` bytes from the file's place on."""
        data = LATER
        if self.seekable and self.at is not None and self.turn.take():
            try:
                data = self.read_small(size, self.at)
                if data is not LATER:
                    self.at += len(data)
            finally:
                self.turn.release()
        return self.read_long(size) if data is LATER else data

    cpdef object write(self, data):
        """Write from the file's place on; how much was written, at least one byte."""
        count = LATER
        if self.seekable and not self.append and self.at is not None and self.turn.take():
            try:
                count = self.write_small(data, self.at)
                if count is not LATER:
                    self.at += count
            finally:
                self.turn.release()
        return self.write_long(data) if count is LATER else count

    cpdef object pread(self, size, offset):
        """At most `size` bytes from `offset` on."""
        data = self.read_small(size, offset)
        return self.pread_long(size, offset) if data is LATER else data

    cpdef object pwrite(self, data, offset):
        """Write from `offset` on; how much was written."""
        count = self.write_small(data, offset)
        return self.pwrite_long(data, offset) if count is LATER else count


cdef class DirectCalls:
    """Those of the functions of `os` that take a descriptor and do something small. `system` derives from it."""

    def __init__(self, descriptors):
        self.descriptors = descriptors
        self.files = descriptors.files

    cdef object file(self, fd):
        """What a descriptor stands for. EBADF if nothing."""
        found = self.files.get(fd) if type(fd) is int else None
        return self.descriptors.get(fd) if found is None else found

    def read(self, fd, length, /):
        """os.read."""
        length = _whole(length)
        if length < 0:
            raise _error(errno.EINVAL)
        return self.file(fd).read(length)

    def write(self, fd, data, /):
        """os.write."""
        file = self.file(fd)
        if type(data) is bytes and isinstance(file, DirectFile):
            return (<DirectFile> file).write(data)
        with memoryview(data) as view:
            return file.write(view.cast("B") if view.nbytes else view)

    def pread(self, fd, length, offset, /):
        """os.pread."""
        length, offset = _whole(length), _whole(offset)
        if length < 0 or offset < 0:
            raise _error(errno.EINVAL)
        return self.file(fd).pread(length, offset)

    def pwrite(self, fd, data, offset, /):
        """os.pwrite."""
        offset = _whole(offset)
        if offset < 0:
            raise _error(errno.EINVAL)
        file = self.file(fd)
        if type(data) is bytes and isinstance(file, DirectFile):
            return (<DirectFile> file).pwrite(data, offset)
        with memoryview(data) as view:
            return file.pwrite(view.cast("B") if view.nbytes else view, offset)

    def fstat(self, fd):
        """os.fstat."""
        cdef Stat found = self.file(fd).stat()
        return found.shown(BLOCK)


cdef object _whole(number):
    return number if type(number) is int else index(number)


cdef object _error(int number):
    return OSError(number, os.strerror(number))
