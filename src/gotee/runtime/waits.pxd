from gotee.runtime.hub cimport Hub
from gotee.runtime.ready cimport G, GWaiter


cdef class Waits(Hub):
    cdef object driver_throw     # what a loop's callback is to raise
    cdef int park(self) except -1
    cdef int wait(self, GWaiter waiter, object what) except -1
    cdef bint wait_until(self, GWaiter waiter, object what, double deadline) except -1
    cdef int wait_shielded(self, GWaiter waiter, object what) except -1
    cdef int attend(self, G awaited) except -1
    cdef int look_briefly(self, G g) except -1
    cdef int interrupt(self, G g, object exception) except -1
