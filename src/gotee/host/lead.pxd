from gotee.boundary.home cimport Home
from gotee.boundary.wire cimport Wire
from gotee.host.calls cimport Calls
from gotee.runtime.routine cimport Routine
from gotee.runtime.hub cimport Sleeper
from gotee.runtime.scheduler cimport Scheduler


cdef class Lead:
    cdef readonly Wire wire
    cdef Calls calls
    cdef Home home
    cdef list actions                # by the number of the message's kind
    cdef object lost
    cdef bint taken                  # the right to receive is
    cdef list gates                  # locks, released when it is given back
    cdef readonly Py_ssize_t terms   # how often a thread has led so far
    cdef bint led                    # by a thread that parked, now
    cdef readonly list wanted
    cdef object relief
    cdef bint waits_for_relief
    cdef int lead(self, double seconds, Scheduler scheduler) except -1
    cdef bint dispatch(self, Scheduler scheduler, bint everything, Routine awaited=*) except -1
    cdef bint enough(self, Scheduler scheduler)
    cdef bint enter(self) noexcept
    cdef int leave(self) except -1
    cdef int give_back(self) except -1


cdef class Seat(Sleeper):
    cdef Lead lead
    cdef Scheduler scheduler
    cdef bint leading
    cdef object news
