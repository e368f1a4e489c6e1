from gotee.runtime.scheduler cimport Scheduler
from gotee.runtime.waiting cimport Node, WaitQueue

cdef class Codec:
    cpdef object encode(self, value)
    cpdef object decode(self, value)


cdef class Outside:
    cdef int send(self, Scheduler scheduler, Chan channel, object value) except -1
    cdef int recv(self, Scheduler scheduler, Chan channel, Outcome out) except -1
    cpdef int close(self, Chan channel) except -1
    cpdef Py_ssize_t length(self, Chan channel) except -1
    cpdef Py_ssize_t capacity(self, Chan channel) except -1


cdef class Loan:
    cdef Py_ssize_t taken(self, bint end) except -1


cdef class Space:
    cdef Py_ssize_t known             # how many values of it are in the buffer
    cdef list arrived(self, bint end)
    cdef int keep(self, Py_ssize_t count, bint end) except -1


cdef class Chan:
    cdef Py_ssize_t room              # its capacity
    cdef readonly Py_ssize_t number
    cdef readonly bint closed
    cdef readonly bint lost           # closed because the world that held its other end is gone
    cdef readonly object element      # the annotation T, or None for any
    cdef object exact                 # a class whose own instances need no check
    cdef readonly object check        # raises for a value that is no T, or None
    cdef object buffer
    cdef Loan loan                    # of the first values of the buffer to the other world, or None
    cdef Space space                  # of the buffer that the other world may fill, or None
    cdef readonly Codec codec         # outside, once it has crossed
    cdef readonly Outside outside     # inside: the end that speaks to the world where this channel lives
    cdef object gone(self, str closed)
    cdef object pack(self, object value)
    cdef object unpack(self, object value)
    cdef readonly WaitQueue receivers
    cdef readonly WaitQueue senders
    cdef object __weakref__
    cdef int vet(self, object value) except -1
    cdef int receive(self, Outcome out) except -1
    cdef int received(self, Outcome out) except -1
    cdef int settle(self, bint end) except -1
    cdef int collect(self, bint end) except -1
    cdef int try_send(self, object value) except -1
    cdef int try_recv(self, Outcome out) except -1
    cpdef give_back(self, object value)
    cpdef bint can_send(self) except -1
    cpdef bint can_recv(self) except -1


cdef class Encoded:
    cdef readonly object data


cdef Encoded encoded(object data)


cdef class Outcome:
    cdef object value
    cdef bint ok
