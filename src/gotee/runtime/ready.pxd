from gotee.runtime.waiting cimport Waiter

cdef enum State:
    NEW
    READY
    RUNNING
    PARKED
    DONE


cdef class G:
    cdef readonly Ready scheduler
    cdef readonly object worker
    cdef State state
    cdef Waiter waiter
    cdef object throw
    cdef bint cancel_pending
    cdef bint shielded
    cdef bint queued             # in the ready queue, before `after`
    cdef G after
    cdef bint listed             # among those that have begun or may begin, between these two
    cdef G older
    cdef G younger
    cdef object __weakref__
    cdef int run(self) except -1


cdef class GWaiter(Waiter):     # no fields of its own: so it comes out of the free list of Waiter
    pass


cdef class Ready:
    cdef G youngest              # of its routines that have not ended, which are linked by `older`
    cdef G first_ready           # the ready queue, linked by `after`
    cdef G last_ready
    cdef Py_ssize_t ready_count
    cdef readonly bint idle
    cdef readonly object loop    # that drives the routines of the thread, or None
    cdef bint ending

    cdef void enlist(self, G g) noexcept
    cdef void delist(self, G g) noexcept
    cdef void enqueue(self, G g) noexcept
    cdef G dequeue(self)
    cdef int spawn(self, G g) except -1
    cdef int add_ready(self, G g) except -1
    cdef int poke(self) except -1


cdef void moved() noexcept
