"""The checks of what the host answers most often: data, and how many bytes it has taken. Enclave world.

A check is called with an answer, which is a private copy, and raises ValueError for one that no honest host gives.
Compiled: a small read or write is one microsecond of the kernel's time.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from gotee.boundary.scalars cimport UNUSUAL, code_of, read_scalars

cdef int INTEGER = code_of(int)


cdef class Check:
    """What every check here is."""

    def __call__(self, bytes payload):
        return self.of(payload)

    cdef object of(self, bytes payload):
        raise NotImplementedError


cdef class AtMost(Check):
    """Data: at most so many bytes as were asked for.

    >>> AtMost(3)(b"abc")
    b'abc'
    """

    def __init__(self, Py_ssize_t most):
        self.most = most

    cdef object of(self, bytes payload):
        if PyBytes_GET_SIZE(payload) > self.most:
            raise ValueError(f"{len(payload)} bytes where {self.most} were asked for")
        return payload


cdef class Counted(Check):
    """How many bytes something was done with.

    >>> Counted(1, 9)(b"\\x05")
    5
    """

    def __init__(self, int64_t least, int64_t most):
        self.least, self.most = least, most

    cdef object of(self, bytes payload):
        cdef object count = read_scalars(
            <const unsigned char *> PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), &INTEGER, 1, False
        )
        if count is UNUSUAL:
            raise ValueError("it is no number")
        if not self.least <= count <= self.most:
            raise ValueError(f"{count} bytes where {self.least} to {self.most} can be")
        return count
