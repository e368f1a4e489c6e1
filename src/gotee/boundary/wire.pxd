from cpython.pythread cimport PyThread_type_lock
from libc.stdint cimport uint64_t

from gotee.boundary.frames cimport Gather
from gotee.boundary.messages cimport Message
from gotee.boundary.ring cimport Ring


cdef enum:
    SMALL = 600      # bytes of a frame that `take_small` takes


cdef class Wire:
    cdef object link
    cdef Ring ring               # the same, if it is one: small messages take a short way through it
    cdef object frames           # queues what the link has no room for, and cuts what is large
    cdef object outgoing
    cdef bint pending            # it is not empty
    cdef list wanting            # to be told when there is room again
    cdef Py_ssize_t piece
    cdef PyThread_type_lock owner
    cdef bint owned              # somebody has that lock, and may let others run meanwhile
    cdef bint try_own(self) noexcept
    cdef void disown(self) noexcept
    cdef bint queued             # `frames` has something to send
    cdef bint piled              # `frames` may have something that arrived
    cdef public bint ended
    cdef public object ahead     # called once before the next message, if not None: it sends what has to come first
    cdef int go_ahead(self) except -1
    cdef public object tap       # told of each message, or None
    cpdef int send(self, bytes frame) except -1
    cdef int push(self, bytes frame) except -1
    cdef int hand_over(self) except -1
    cdef bint send_queued(self) except -1
    cdef int tell_room(self) except -1
    cdef int own(self) except -1
    cpdef object receive(self)
    cpdef int post(self, int kind, uint64_t id=*, uint64_t argument=*, bytes payload=*) except -1
    cpdef int post_gather(self, int kind, uint64_t id, uint64_t argument, Gather payload) except -1
    cdef int post_body(self, int kind, uint64_t id, uint64_t argument, bytes payload, bytes body) except -1
    cdef int put_large(self, Gather frame) except -1
    cdef bint put_pieces(self, Gather frame) except -1
    cdef bint post_small(self, int kind, uint64_t id, uint64_t argument, const unsigned char *data, Py_ssize_t size) except -1
    cdef bint still(self) noexcept
    cdef bint post_parts(self, const unsigned char *head, Py_ssize_t head_size, const unsigned char *data, Py_ssize_t size) except -1
    cdef Py_ssize_t take_small(self, unsigned char *frame) except -2
    cdef Message next(self, int sender)
    cdef Message take(self, int sender)
    cdef Message next_by_frame(self, int sender)
    cdef bint wait_for(self, double seconds) except -1
    cdef bint spin_briefly(self) except -1
