from libc.stdint cimport uint64_t

from gotee.boundary.ring cimport Ring
from gotee.boundary.wire cimport Wire
from gotee.runtime.channel cimport Chan, Loan


cdef class Lender:
    cdef Wire wire
    cdef list free               # places that nothing is lent at
    cdef list turns              # how often something was lent at each place
    cdef dict channels           # by place: whose values are lent there
    cdef int lend(self, uint64_t number, Chan channel) except -1


cdef class Lent(Loan):
    cdef Lender lender
    cdef Py_ssize_t place
    cdef uint64_t turn
    cdef Py_ssize_t count        # of the values
    cdef Py_ssize_t known        # of them, to have been taken


cdef class Borrowed:
    cdef Ring ring
    cdef Py_ssize_t place
    cdef uint64_t word           # as it must be, for another value to be ours
    cdef object values           # payloads, the next one first
    cdef Py_ssize_t half         # so many left: time to tell the lender
    cdef bytes take(self)


cdef Borrowed borrowed(Ring ring, uint64_t argument, bytes payload)
