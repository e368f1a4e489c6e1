from libc.stdint cimport uint64_t

from gotee.boundary.loans cimport Lender
from gotee.boundary.messages cimport Message
from gotee.boundary.spaces cimport SpaceLender
from gotee.boundary.wire cimport Wire
from gotee.runtime.channel cimport Chan, Encoded
from gotee.runtime.partners cimport RemoteWaiter


cdef class Operation(RemoteWaiter):
    cdef Home home


cdef class Home:
    cdef Wire wire
    cdef dict channels           # by number: those that the enclave has a handle of
    cdef dict handles            # how often each crossed, less what was released
    cdef object counting         # a lock: callers on any thread, and who dispatches
    cdef object numbers          # weakly by channel
    cdef uint64_t next_number
    cdef dict waiting
    cdef uint64_t last_op
    cdef Lender lender           # None on a link without shared memory
    cdef SpaceLender spaces      # likewise
    cdef bint lends(self) noexcept
    cpdef int listen(self) except -1
    cpdef int check(self) except -1
    cpdef bytes crosses(self, Encoded value)
    cdef Chan known(self, uint64_t number)
    cdef int new_op(self, uint64_t op) except -1
    cdef int arrive(self, uint64_t op, list cases, bint wait) except -1
    cdef Encoded validated(self, Chan channel, bytes value, bytes body=*)
    cdef int answer(self, uint64_t op, uint64_t case, Encoded value, bint ok) except -1
    cdef int error(self, uint64_t op, str kind, object error) except -1
    cpdef on_want(self, Message message)
    cpdef on_offer(self, Message message)
    cdef tuple _operation(self, uint64_t op, object value)
    cdef int _drop(self, Operation waiter) except -1
