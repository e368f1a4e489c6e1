"""Parking for Python code: wait for one answer, whoever brings it.

Both worlds. Used by the boundary, whose answers come from the other world's messages.
"""

from time import monotonic

from gotee.runtime.ready cimport GWaiter
from gotee.runtime.scheduler cimport Scheduler, blocking, current_scheduler, new_waiter


cdef class Ticket:
    """One answer that the current routine waits for. `answer` may be given before, while or after it waits."""

    cdef readonly object answer
    cdef readonly bint answered
    cdef GWaiter waiter

    def __class_getitem__(cls, item):
        return cls

    def give(self, answer):
        """Bring the answer; called by whoever dispatches messages, on any thread."""
        self.answer = answer
        self.answered = True
        if self.waiter is not None and not self.waiter.fired:
            self.waiter.fire(0, None, True)

    def wait(self, str what, subject, deadline=None, bint shielded=False):
        """Park until the answer is there; False if `deadline` (monotonic seconds) came first.

        With `shielded`, a cancel stays pending instead of being raised here.
        """
        cdef Scheduler scheduler = current_scheduler()
        if self.answered:
            return True
        self.waiter = new_waiter(scheduler)
        self.waiter.subject = subject
        try:
            if shielded:
                scheduler.wait_shielded(self.waiter, what)
            elif deadline is None:
                scheduler.wait(self.waiter, what)
            else:
                return scheduler.wait_until(self.waiter, what, deadline)
        finally:
            self.waiter = None
        return True


def check_may_block(str instead):
    """UsageError on the stack of a running event loop."""
    blocking(instead)


def cancel_again():
    """The current routine was told to stop at a moment when it could not: tell it at its next park."""
    current_scheduler().current.cancel_pending = True
