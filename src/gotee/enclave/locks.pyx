"""The lock of an enclave: a routine that waits for it parks, and the thread runs others. Enclave world.

It stands in for `_thread.lock` (`threads` installs it), so names and errors are those of Python's own. An enclave has
one thread: nothing here is touched by two.
"""

import sys
from _collections import deque
from time import monotonic

from gotee.errors import UsageError
from gotee.runtime.parking import Ticket

from gotee.runtime.ready cimport G
from gotee.runtime.scheduler cimport Scheduler, current_scheduler


cdef bint importing():
    """Whether an import is under way on this stack: its module is half made, and others would see it so."""
    try:
        frame = sys._getframe()
    except ValueError:                 # compiled code only, as in go(lock.acquire)
        return False
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


cdef class Lock:
    """`threading.Lock`. Those who wait get it in the order in which they came."""

    cdef bint take(self) noexcept:
        """Take the lock, if it is free."""
        if self.held:
            return False
        self.held = True
        return True

    def acquire(self, bint blocking=True, double timeout=-1):
        """Take the lock; False if it was not free at once, or within `timeout` seconds."""
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        if self.take():
            return True
        if not blocking or timeout == 0:
            return False
        return self.wait(timeout)

    cdef bint wait(self, double timeout) except -1:
        if importing():
            raise UsageError(
                "this lock is held by a routine, and code that runs while a module is imported cannot wait for it: "
                "import the module before, or take the lock outside of import-time code"
            )
        ticket = Ticket()
        if self.waiting is None:
            self.waiting = deque()
        self.waiting.append(ticket)
        try:
            ticket.wait("lock", self, None if timeout == -1 else <double> monotonic() + timeout)
        except BaseException:
            if ticket.answered:        # it was handed over while the routine was told to stop
                self.release()
            else:
                self.waiting.remove(ticket)
            raise
        if not ticket.answered:
            self.waiting.remove(ticket)
            return False
        return True

    def release(self):
        """Give the lock to who waits longest, or free it."""
        if not self.held:
            raise RuntimeError("release unlocked lock")
        if self.waiting:
            self.waiting.popleft().give(None)   # it stays held: nobody can come in between
        else:
            self.held = False

    def locked(self):
        """Whether anybody holds it."""
        return self.held

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def _at_fork_reinit(self):
        self.held = False
        self.waiting = None

    def __repr__(self):
        return f"<{'locked' if self.held else 'unlocked'} {type(self).__module__}.Lock object at {id(self):#x}>"

    def __reduce__(self):
        raise TypeError("cannot pickle 'Lock' object")


cdef class RLock:
    """`threading.RLock`: the routine that holds it may take it again."""

    cdef Lock lock
    cdef G owner
    cdef Py_ssize_t count
    cdef object __weakref__

    def __cinit__(self):
        self.lock = Lock()

    def acquire(self, bint blocking=True, double timeout=-1):
        """Take the lock; False if it was not free at once, or within `timeout` seconds."""
        cdef G current = current_scheduler().current
        if self.count == 0 or self.owner is not current:    # None: the thread's own stack
            if not self.lock.acquire(blocking, timeout):
                return False
            self.owner = current
        self.count += 1
        return True

    def release(self):
        """Give it up as often as it was taken."""
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self.count -= 1
        if self.count == 0:
            self.owner = None
            self.lock.release()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    # What threading.Condition asks for.

    def _is_owned(self):
        return self.count != 0 and self.owner is current_scheduler().current

    def _recursion_count(self):
        return self.count if self._is_owned() else 0

    def _release_save(self):
        if self.count == 0:
            raise RuntimeError("cannot release un-acquired lock")
        state = self.count, self.owner
        self.count, self.owner = 0, None
        self.lock.release()
        return state

    def _acquire_restore(self, state):
        self.lock.acquire()
        self.count, self.owner = state

    def _at_fork_reinit(self):
        self.lock._at_fork_reinit()
        self.count, self.owner = 0, None

    def __repr__(self):
        held = "locked" if self.count else "unlocked"
        return f"<{held} {type(self).__module__}.RLock object count={self.count} at {id(self):#x}>"

    def __reduce__(self):
        raise TypeError("cannot pickle 'RLock' object")
