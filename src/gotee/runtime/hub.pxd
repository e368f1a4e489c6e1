from gotee.runtime.ready cimport G
from gotee.runtime.timers cimport Timers

cdef enum:
    SWITCHES_PER_LOOK = 61       # direct switches before timers get a look (Go's figure for its global queue)


cdef class Sleeper:
    cdef int rest(self, double seconds) except -1
    cpdef int poll(self) except -1
    cpdef int notify(self) except -1
    cdef int attend(self, G g) except -1


cdef class Hub(Timers):
    cdef readonly G main
    cdef readonly G current
    cdef object base
    cdef object hub
    cdef object spare            # a pooled greenlet that can be the hub, or None
    cdef char *high              # where the first hub stands on the C stack
    cdef list workers
    cdef int tick
    cdef readonly Sleeper sleeper
    cdef object sleep_lock
    cdef bint notified
    cdef bint acting             # the sleeper acts on news; it looks at the ready queue after that
    cdef Py_ssize_t own_tasks    # on the own loop

    cdef G pick(self)
    cdef int switch_away(self) except -1
    cdef object new_worker(self)
    cdef object work(self)
    cdef int run_current(self) except -1
    cdef int run_one(self) except -1
    cdef object run_hub(self, object me)
    cdef bint run_here(self, object me) except -1
    cdef int go_idle(self) except -1
