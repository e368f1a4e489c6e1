from libc.stdint cimport int64_t, uint64_t

from gotee.boundary.ring_memory cimport CLOSED, OPEN, POISONED, RingMemory
from gotee.boundary.spinning cimport Spins
from gotee.boundary.system cimport shared_u64


cdef class RingSleep(RingMemory):
    cdef uint64_t wanted         # bytes of room that the last failed send lacked, 0 if it did not fail
    cdef shared_u64 asleep       # private: the sleep word is set
    cdef uint64_t placed         # the processor as last published: the line is the peer's to read
    cdef int vain                # spins that found nothing, up to FIRST
    cdef int crowded             # waits in a row on the peer's processor
    cdef int64_t left            # when this side last left it
    cdef int64_t leave_again     # how long after that it may again
    cdef Spins spins             # how long waits may spin
    cdef int64_t looked          # when `spin_briefly` began in vain: the next wait has spun already; 0 if it has not
    cdef readonly Py_ssize_t missed   # sleeps that the backstop ended although there was reason to wake: about 0

    cdef int begin_waits(self) except -1
    cdef bint wait_for(self, double seconds) except -1
    cdef bint spin_briefly(self) except -1
    cdef int64_t begin_wait(self) except -1
    cdef void end_wait(self) noexcept
    cdef bint ready(self) noexcept nogil
    cdef void awake(self) noexcept
    cdef bint glance(self) noexcept nogil
    cdef bint spin(self, int64_t start, int64_t deadline) noexcept nogil
    cdef bint crowds(self) noexcept nogil
    cdef bint stay_away(self) noexcept nogil
    cdef bint sleep(self, int64_t deadline) noexcept nogil
    cdef void set_asleep(self) noexcept nogil
    cdef void set_awake(self, bint rung) noexcept nogil
