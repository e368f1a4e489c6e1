from gotee.runtime.ready cimport Ready
from gotee.runtime.waiting cimport Waiter


cdef class Timer:
    cdef double deadline
    cdef Waiter waiter


cdef class Timers(Ready):
    cdef list timers
    cdef readonly Py_ssize_t live_timers
    cdef Py_ssize_t timer_sequence
    cdef readonly object driving # the loop in whose callback the thread is, or None
    cdef bint drive_scheduled
    cdef object loop_timer

    cdef Timer add_timer(self, Waiter waiter, double deadline)
    cdef void drop_timer(self, Timer timer)
    cdef int fire_timers(self) except -1
    cdef object next_deadline(self)
    cdef int attach(self, object loop) except -1
