from gotee.runtime.waiting cimport Waiter

cdef enum State:
    NEW
    READY
    RUNNING
    PARKED
    DONE


cdef class G:
    cdef readonly Scheduler scheduler
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


cdef class Sleeper:
    cdef int rest(self, double seconds) except -1
    cpdef int poll(self) except -1
    cpdef int notify(self) except -1
    cdef int attend(self, G g) except -1


cdef class Timer:
    cdef double deadline
    cdef Waiter waiter
    cdef Scheduler scheduler


cdef class Scheduler:
    cdef object own_thread       # None: the main one
    cdef object ident
    cdef readonly G main
    cdef readonly G current
    cdef G youngest              # of its routines that have not ended, which are linked by `older`
    cdef readonly bint idle
    cdef readonly object loop
    cdef readonly object driving
    cdef object base
    cdef object hub
    cdef object spare            # a pooled greenlet that can be the hub, or None
    cdef char *high              # where the first hub stands on the C stack
    cdef G first_ready           # the ready queue, linked by `after`
    cdef G last_ready
    cdef Py_ssize_t ready_count
    cdef bint acting             # the sleeper acts on news; it looks at the ready queue after that
    cdef list workers
    cdef list timers
    cdef readonly Py_ssize_t live_timers
    cdef Py_ssize_t timer_sequence
    cdef readonly Sleeper sleeper
    cdef object sleep_lock
    cdef bint notified
    cdef bint drive_scheduled
    cdef object loop_timer
    cdef object driver_throw
    cdef bint ending
    cdef int tick
    cdef object own_loop
    cdef Py_ssize_t own_tasks
    cdef object __weakref__

    cdef int add_ready(self, G g) except -1
    cdef void enqueue(self, G g) noexcept
    cdef G dequeue(self)
    cdef int spawn(self, G g) except -1
    cdef void enlist(self, G g) noexcept
    cdef void delist(self, G g) noexcept
    cdef int wait_shielded(self, GWaiter waiter, object what) except -1
    cdef int wait(self, GWaiter waiter, object what) except -1
    cdef bint wait_until(self, GWaiter waiter, object what, double deadline) except -1
    cdef int park(self) except -1
    cdef int switch_away(self) except -1
    cdef int interrupt(self, G g, object exception) except -1
    cdef G pick(self)
    cdef int run_one(self) except -1
    cdef Timer add_timer(self, Waiter waiter, double deadline)
    cdef void drop_timer(self, Timer timer)
    cdef int fire_timers(self) except -1
    cdef int poke(self) except -1
    cdef object next_deadline(self)
    cdef int go_idle(self) except -1
    cdef object work(self)
    cdef object run_hub(self, object me)
    cdef bint run_here(self, object me) except -1
    cdef int run_current(self) except -1
    cdef object new_worker(self)
    cdef int attend(self, G awaited) except -1
    cdef int look_briefly(self, G g) except -1
    cdef int _turn(self) except -1
    cdef int attach(self, object loop) except -1


cdef Scheduler current_scheduler()
cdef GWaiter new_waiter(Scheduler scheduler)
cdef double deadline_in(object seconds, str what) except? -1
cdef Scheduler blocking(str instead)
cdef object running_loop()
cdef void moved() noexcept
