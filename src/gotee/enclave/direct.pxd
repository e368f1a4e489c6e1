from libc.stdint cimport int64_t, uint64_t

from gotee.enclave.door cimport Door
from gotee.enclave.locks cimport Lock


cdef class DirectFile:
    cdef Door door
    cdef readonly uint64_t handle
    cdef readonly bint readable
    cdef readonly bint writable
    cdef public object found     # what the host has said of it, if that is good for one look
    cdef public object behind    # what is written behind, if something ever was
    cdef readonly bint seekable
    cdef readonly bint append
    cdef public object at        # the file's place; None: the end, after appending
    cdef readonly Lock turn      # two routines that read one file get different parts of it
    cdef bint settled(self) except -1
    cpdef object read_small(self, Py_ssize_t size, int64_t offset)
    cpdef object write_small(self, data, int64_t offset)
    cpdef object read(self, size)
    cpdef object write(self, data)
    cpdef object pread(self, size, offset)
    cpdef object pwrite(self, data, offset)


cdef class DirectCalls:
    cdef readonly object descriptors
    cdef dict files              # of the descriptors, by number
    cdef object file(self, fd)
