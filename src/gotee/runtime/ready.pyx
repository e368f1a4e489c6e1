"""Who is ready to run on a thread: the routines that have begun or may begin, and the queue of those that can go on.

Both worlds. The first of the layers of which gotee.runtime.scheduler is the last.

Compiled code is not preempted under the GIL: everything between two calls of Python code is atomic for other
threads and for signal handlers. Queues are therefore changed without locks, and never around such a call.
"""

from gotee.errors import Cancelled

from libc.stdint cimport uint64_t

from gotee.runtime.loops cimport loops_possible
from gotee.runtime.waiting cimport Waiter

cdef uint64_t _moves = 0


cdef void moved() noexcept:
    """A routine of any thread was woken or started, or another world sent something."""
    global _moves
    _moves += 1


def movement():
    """How often anything has moved: two equal answers mean that nothing has in between."""
    return _moves


cdef class G:
    """What a scheduler runs: a greenlet, or the thread's own stack (`main`)."""

    cdef int run(self) except -1:
        raise NotImplementedError

    def __str__(self):
        return "main"

    @property
    def parked(self):
        return self.state == PARKED

    @property
    def waiting(self):
        """The Waiter of the operation it is parked on, or None."""
        return self.waiter if self.state == PARKED else None


cdef class GWaiter(Waiter):
    """A blocked operation of a routine."""

    cdef int wake(self) except -1:
        cdef G g = <G> self.owner
        return g.scheduler.add_ready(g)


cdef class Ready:
    """The routines of one thread, and which of them are ready."""

    @property
    def live(self):
        """The routines of this thread that have not ended, as a new list, the oldest first."""
        cdef list found = []
        cdef G g = self.youngest
        while g is not None:
            found.append(g)
            g = g.older
        found.reverse()
        return found

    cdef void enlist(self, G g) noexcept:
        """Keep a routine, whether or not anybody has its handle."""
        g.listed = True
        if self.youngest is not None:
            g.older = self.youngest
            self.youngest.younger = g
        self.youngest = g

    cdef void delist(self, G g) noexcept:
        """It has ended."""
        if not g.listed:
            return
        g.listed = False
        if g.younger is None:
            self.youngest = g.older
        else:
            g.younger.older = g.older
        if g.older is not None:
            g.older.younger = g.younger
        g.older = g.younger = None

    # -- the queue

    cdef void enqueue(self, G g) noexcept:
        """To the end of the ready queue, in which a routine stands once."""
        if g.queued:
            return
        g.queued = True
        if self.last_ready is None:
            self.first_ready = g
        else:
            self.last_ready.after = g
        self.last_ready = g
        self.ready_count += 1

    cdef G dequeue(self):
        """The first of the ready queue, which is not empty."""
        cdef G g = self.first_ready
        self.first_ready = g.after
        if self.first_ready is None:
            self.last_ready = None
        g.after = None
        g.queued = False
        self.ready_count -= 1
        return g

    cdef int spawn(self, G g) except -1:
        """Make a new routine of this thread ready; it starts when the caller parks."""
        if self.ending:
            raise Cancelled("the thread is ending")
        moved()
        g.scheduler = self
        g.state = READY
        self.enlist(g)
        self.enqueue(g)
        self.poke()
        return 0

    cdef int add_ready(self, G g) except -1:
        """May be called from any thread."""
        moved()
        g.state = READY
        self.enqueue(g)
        if self.idle or self.loop is not None or loops_possible():
            self.poke()
        return 0

    cdef int poke(self) except -1:
        """Make the thread look at its ready queue, wherever it waits."""
        raise NotImplementedError
