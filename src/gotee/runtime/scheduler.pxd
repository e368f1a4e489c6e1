from gotee.runtime.driving cimport Driving
from gotee.runtime.ready cimport GWaiter


cdef class Scheduler(Driving):
    cdef object own_thread       # None: the main one
    cdef object ident
    cdef object __weakref__
    cdef int _turn(self) except -1


cdef Scheduler current_scheduler()
cdef Scheduler blocking(str instead)
cdef GWaiter new_waiter(Scheduler scheduler)
cdef double deadline_in(object seconds, str what) except? -1
