from libc.stdint cimport int64_t


cdef class Check:
    cdef object of(self, bytes payload)


cdef class AtMost(Check):
    cdef Py_ssize_t most


cdef class Counted(Check):
    cdef int64_t least
    cdef int64_t most
