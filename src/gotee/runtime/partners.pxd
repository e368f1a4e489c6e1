from gotee.runtime.waiting cimport Waiter


cdef class RemoteWaiter(Waiter):
    cdef readonly object op
    cdef object answer
    cpdef bint withdraw(self) except -1
