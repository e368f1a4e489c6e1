"""The lock of an enclave: a routine that waits for it parks, and the thread runs others. Enclave world.

It stands in for `_thread.lock` (`threads` installs it), so names and errors are those of Python's own. An enclave has
one thread: nothing here is touched by two.
"""

import sys
from collections import deque
from time import monotonic

from gotee.errors import UsageError
from gotee.runtime.parking import Ticket


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

    cdef bint held
    cdef object waiting          # tickets, in order; None until somebody has waited
    cdef object __weakref__

    def acquire(self, bint blocking=True, double timeout=-1):
        """Take the lock; False if it was not free at once, or within `timeout` seconds."""
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        if not self.held:
            self.held = True
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
