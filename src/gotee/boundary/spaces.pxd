from libc.stdint cimport uint64_t

from gotee.boundary.crossing cimport ValueCodec
from gotee.boundary.ring cimport Ring
from gotee.boundary.wire cimport Wire
from gotee.runtime.channel cimport Chan, Space


cdef class SpaceLender:
    cdef Wire wire
    cdef list free               # places where no space is lent
    cdef list turns              # how often one was lent at each place
    cdef dict channels           # by place: whose space is lent there
    cdef readonly object broken  # what the enclave put that cannot be, or None
    cdef int lend(self, uint64_t number, Chan channel) except -1
    cdef int listen(self) except -1


cdef class LentSpace(Space):
    cdef SpaceLender lender
    cdef ValueCodec codec
    cdef Py_ssize_t place
    cdef uint64_t turn
    cdef uint64_t count          # of the values that it may get
    cdef uint64_t final          # how many it got, once it is over
    cdef bint over
    cdef Py_ssize_t offset       # behind the last value that is known
    cdef Py_ssize_t behind       # and behind the last that was read
    cdef uint64_t counted(self, uint64_t word) noexcept
    cdef list read(self, unsigned char *place, uint64_t count)


cdef class BorrowedSpace:
    cdef Ring ring
    cdef Py_ssize_t place
    cdef uint64_t word           # as it must be, for another value to be put
    cdef uint64_t left           # how many values
    cdef Py_ssize_t offset       # where the next one goes
    cdef bint put(self, bytes payload) except -1
    cdef bint listened(self) noexcept


cdef BorrowedSpace borrowed_space(Ring ring, uint64_t argument)
