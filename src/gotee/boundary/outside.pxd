from libc.stdint cimport uint64_t

from gotee.boundary.messages cimport Message
from gotee.boundary.wire cimport Wire
from gotee.runtime.channel cimport Chan
from gotee.runtime.ready cimport GWaiter
from gotee.runtime.scheduler cimport Scheduler


cdef class OutsideChannels:
    cdef Wire wire
    cdef object room
    cdef dict questions          # by number, but for
    cdef Question newest         # the one that was asked last, if it is open
    cdef uint64_t last_question
    cdef object ends             # by number, weakly once there are any: the channels
    cdef list untold             # ends that have taken lent values of which their home does not know
    cpdef on_answer(self, Message message)
    cpdef on_lend(self, Message message)
    cpdef on_space(self, Message message)
    cpdef tell(self)
    cdef object _select_there(self, tuple cases, list places, dict values, bint default)
    cdef uint64_t put(self, Question question, int kind, uint64_t argument, bytes payload, bytes body=*) except 0
    cdef Message ask(
        self, Scheduler scheduler, int kind, uint64_t argument, bytes payload, str what, object subject, bytes body=*
    )
    cdef int ask_as(
        self, Scheduler scheduler, Question question, int kind, uint64_t argument, bytes payload, str what, object subject,
        bytes body=*
    ) except -1
    cdef Message ask_home(self, int kind, uint64_t argument, str what, Chan channel)


cdef class Question:
    cdef uint64_t number
    cdef uint64_t answers        # that it may have, as bits by their numbers
    cdef object deliver
    cdef Message answer
    cdef GWaiter waiter
    cdef tuple cases             # of a select that is asked for as a whole
    cdef list places
