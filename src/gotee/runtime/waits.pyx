"""How a routine waits: it looks for news for a moment, parks, and is woken or interrupted. Both worlds."""

from gotee.errors import Cancelled

from gotee.runtime.greenlets cimport current_greenlet, import_greenlet
from gotee.runtime.hub cimport Hub
from gotee.runtime.ready cimport G, GWaiter, PARKED, READY, RUNNING
from gotee.runtime.timers cimport Timer

import_greenlet()


cdef class Waits(Hub):
    """What parks the routines of one thread."""

    cdef int park(self) except -1:
        """Give way until somebody makes the current routine ready; raises what was thrown at it."""
        cdef G g = self.current
        if self.first_ready is g and self.tick > 1:    # woken already, and nobody stands before it
            self.tick -= 1
            self.dequeue()
        else:
            self.switch_away()
        g.state = RUNNING
        if g.throw is not None:
            exception = g.throw
            g.throw = None
            raise exception
        return 0

    cdef int wait(self, GWaiter waiter, object what) except -1:
        """Park the current routine until the waiter fires."""
        cdef G g = <G> waiter.owner
        if g.cancel_pending:
            waiter.unlink_all()
            g.cancel_pending = False
            raise Cancelled()
        waiter.what = what
        g.waiter = waiter
        g.state = PARKED
        try:
            if self.sleeper is not None and self.first_ready is None and not self.live_timers:
                self.look_briefly(g)
            self.park()
        except BaseException:
            waiter.unlink_all()
            g.state = RUNNING
            raise
        finally:
            g.waiter = None
        return 0

    cdef bint wait_until(self, GWaiter waiter, object what, double deadline) except -1:
        """As `wait`, but at most until `deadline` (monotonic seconds); True if the waiter fired for a reason."""
        cdef Timer timer = self.add_timer(waiter, deadline)
        try:
            self.wait(waiter, what)
        finally:
            self.drop_timer(timer)
        return not (waiter.index == -1 and not waiter.ok)

    cdef int wait_shielded(self, GWaiter waiter, object what) except -1:
        """As `wait`, but a cancel stays pending: for an answer that is sure to come and must not be missed."""
        cdef G g = <G> waiter.owner
        cdef bint pending = g.cancel_pending
        g.cancel_pending = False
        g.shielded = True
        try:
            self.wait(waiter, what)
        finally:
            g.shielded = False
            g.cancel_pending = g.cancel_pending or pending
        return 0

    # -- before it parks

    cdef int attend(self, G awaited) except -1:
        """Before the current routine parks until `awaited` is done: see whether the other world says so at once.

        That saves the way to the hub and back. Whatever the hub would do first is left to it.
        """
        cdef G g = self.current
        if self.sleeper is None or self.first_ready is not None or self.own_tasks or self.driving is not None:
            return 0
        if g is None or g.cancel_pending or current_greenlet() is not g.worker:
            return 0
        if self.timers:
            self.fire_timers()
            if self.first_ready is not None:
                return 0
        self.current = None             # as in the hub: what acts on news is no routine
        try:
            self.sleeper.attend(awaited)
        finally:
            self.current = g
        return 0

    cdef int look_briefly(self, G g) except -1:
        """Before parked `g` gives its stack away: what wakes it may come at once from the other world.

        That saves the way to the hub and back. What a signal handler raises here is for main, as it is in the hub.
        """
        if self.own_tasks or self.driving is not None:
            return 0
        self.current = None
        try:
            self.sleeper.attend(None)
        except BaseException as exception:
            self.interrupt_main(exception)
        finally:
            self.current = g
        return 0

    # -- interrupts

    cdef int interrupt(self, G g, object exception) except -1:
        """Throw into a parked routine: it has left every queue before anybody can give it a value."""
        if g.shielded and isinstance(exception, Cancelled):
            g.cancel_pending = True
            return 0
        if g.state == PARKED and g.waiter is not None and not g.waiter.fired:
            g.waiter.settle(-1, None, False)
            g.throw = exception
            self.add_ready(g)
        return 0

    def interrupt_main(self, exception):
        """KeyboardInterrupt, SystemExit, Deadlock and what signal handlers raise go to the thread's own code."""
        if self.ending:
            return                     # the thread's own code is over
        if self.main.state == PARKED:
            self.interrupt(self.main, exception)
        elif self.main.state == READY:
            self.main.throw = exception
        elif self.driving is not None:
            self.driver_throw = exception
        else:
            raise exception

    # -- what others ask

    @property
    def has_ready(self):
        """Whether a routine of this thread is ready to run."""
        return self.first_ready is not None

    @property
    def quiet(self):
        """Asleep, with nothing that will wake it by itself: the deadlock judge's question."""
        return self.idle and not self.notified and self.first_ready is None and not self.live_timers

    @property
    def at_rest(self):
        """Whether no routine of this thread can do anything before somebody wakes it: an enclave's question."""
        return self.first_ready is None and not self.live_timers and not self.own_tasks
