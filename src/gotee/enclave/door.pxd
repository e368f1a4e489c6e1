from libc.stdint cimport uint64_t

from gotee.boundary.messages cimport Message
from gotee.boundary.outside cimport OutsideChannels
from gotee.boundary.wire cimport Wire
from gotee.runtime.hub cimport Sleeper
from gotee.runtime.scheduler cimport Scheduler


cdef class Door(Sleeper):
    cdef Wire wire
    cdef Scheduler scheduler     # None until the entries are served
    cdef OutsideChannels channels
    cdef readonly object ocalls
    cdef object deferred         # what arrived while nothing else could run
    cdef bint deferring          # something did
    cdef Py_ssize_t deferred_bytes
    cdef uint64_t last_brief     # number of the last question of `briefly`
    cdef uint64_t brief          # that of the one whose answer has not come, or 0
    cdef Message brief_answer    # of that one, before anybody has looked at it
    cdef int open(self, Wire wire, OutsideChannels channels) except -1
    cdef Message next_message(self)
    cdef int act_alone(self, Message message) except -1
    cdef int on_answer(self, Message message) except -1
    cdef object ask(
        self, object kind, const unsigned char *request, Py_ssize_t asked, const unsigned char *data, Py_ssize_t size,
        object check, object unwanted, object names
    )
    cdef bint is_quiet(self) except -1
    cdef object look_for(self, uint64_t number, object check)
