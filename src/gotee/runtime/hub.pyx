"""The hub: what a thread does when it parks and nothing is ready, and the greenlets on which routines run. Both worlds.

Parking switches straight to the next ready routine. Only when there is none, or when a fresh greenlet must be
started, control goes to the *base*: the hub greenlet of the thread, which sleeps, or, on a thread that runs an
asyncio loop, the loop callback that drives the routines. Fresh greenlets start from the base only, so that their
C stacks begin at one height instead of each a little deeper than the one before.

The hub starts a fresh routine on its own stack, if a spare greenlet could be the hub instead: one that returns without
having parked has cost no switch. One that parks keeps the stack, and the spare is the hub from then on.
"""

from time import monotonic

from greenlet import GreenletExit, greenlet

from cpython.exc cimport PyErr_CheckSignals

from gotee.runtime.greenlets cimport current_greenlet, fresh_context, import_greenlet, switch_to
from gotee.runtime.ready cimport DONE, G, RUNNING
from gotee.runtime.timers cimport Timers

import_greenlet()

cdef extern from *:
    """
    #include <unistd.h>

    /* Up to CPython 3.13 a thread that asks for the GIL while the interpreter ends is unwound by pthread_exit. That
       cannot pass the frames of a greenlet; so it stops here for ever, as 3.14 lets such threads do. The process ends
       without it. Needs -fexceptions. */
    static void gotee_stop_if_unwound(int *returned) {
        while (!*returned)
            pause();
    }

    static PyObject *gotee_never_unwound(PyObject *(*body)(PyObject *), PyObject *argument) {
        __attribute__((cleanup(gotee_stop_if_unwound))) int returned = 0;
        PyObject *result = body(argument);
        returned = 1;
        return result;
    }
    """
    object gotee_never_unwound(object (*body)(object), object argument)

cdef Py_ssize_t HIGH = 32 << 10   # bytes of C stack below the first hub in which a spare begins: each hub begins deeper
cdef int WORKERS_KEPT = 1024      # finished greenlets kept for reuse, a thread; a fresh one costs about 10 us
cdef double FIRST_JUDGEMENT = 0.02
cdef double LAST_JUDGEMENT = 0.5

_judge = None                     # set by gotee.runtime.deadlock: called by a thread that goes idle


def set_judge(judge):
    """Called once: who judges deadlocks."""
    global _judge
    _judge = judge


def judge(scheduler):
    """Ask whether everybody is asleep for ever; for those who sleep in place of a scheduler."""
    if _judge is not None:
        _judge(scheduler)


cdef class Sleeper:
    """Where a thread sleeps while another world may send something; the news are delivered before these return.

    All but `notify` are called by the thread itself, `rest` and `notify` while it is idle only.
    """

    cdef int rest(self, double seconds) except -1:
        """Sleep until a routine of this thread is ready, at most `seconds` (for ever if negative)."""
        raise NotImplementedError

    cpdef int poll(self) except -1:
        """Look for news without waiting."""
        raise NotImplementedError

    cpdef int notify(self) except -1:
        """End `rest` early; from any thread."""
        raise NotImplementedError

    cdef int attend(self, G g) except -1:
        """Look for news for a moment, on the stack of the caller, who is about to park until `g` is done.

        With None it is parked already: until it, or another routine, is ready.
        """
        return 0

    def wait(self, seconds):
        """`rest`, for Python code; None is for ever."""
        self.rest(-1.0 if seconds is None else max(seconds, 0.0))


cdef class Hub(Timers):
    """The greenlets of one thread."""

    cdef G pick(self):
        """The routine to switch to directly, or None when the base must decide."""
        cdef G g
        self.tick -= 1
        g = self.first_ready
        if self.tick <= 0 or g is None:
            return None
        if g.worker is None:
            if not self.workers:
                return None
            g.worker = self.workers.pop()
        return self.dequeue()

    cdef int switch_away(self) except -1:
        cdef G g = self.current
        if g is not None and g.worker is self.hub:
            self.base = self.hub = self.spare    # it runs on the hub's stack, and keeps that
            self.spare = None
        g = self.pick()
        self.current = g
        there = self.base if g is None else g.worker
        g = None                       # nothing on a stack that sleeps keeps a routine alive
        switch_to(there)
        return 0

    # -- workers: pooled greenlets

    cdef object new_worker(self):
        return greenlet(self._work, self.main.worker)

    def _work(self):
        """What a worker does, from the bottom of its stack."""
        gotee_never_unwound(_work_of, self)

    cdef object work(self):
        """Run one routine after the other, and be the hub while this greenlet is."""
        cdef char here = 0
        me = current_greenlet()
        while True:
            if self.hub is me:
                if self.high is NULL:
                    self.high = &here
                self.run_hub(me)
                if self.hub is me:
                    return             # the thread has ended
            else:
                self.run_current()
            if self.ending or (len(self.workers) >= WORKERS_KEPT and self.spare is not None):
                self.current = None
                me.parent = self.base
                return
            if self.spare is None and self.high is not NULL and -HIGH < &here - self.high < HIGH:
                self.spare = me
            else:
                self.workers.append(me)
            self.switch_away()

    cdef int run_current(self) except -1:
        """Run the current routine, which is fresh, to its end, on the stack of the caller."""
        cdef G g = self.current
        g.state = RUNNING
        try:
            g.run()
        except BaseException as exception:   # a signal handler raised in our own lines, not in the routine's
            self.interrupt_main(exception)
        g.state = DONE
        g.worker = None
        self.delist(g)
        fresh_context()
        return 0

    cdef int run_one(self) except -1:
        cdef G g = self.dequeue()
        if g.worker is None:
            if self.workers:
                g.worker = self.workers.pop()
            else:
                g.worker = self.new_worker()
        self.current = g
        worker = g.worker
        g = None
        switch_to(worker)
        self.current = None
        return 0

    # -- the hub

    cdef object run_hub(self, object me):
        """Return when the thread has ended, or when a routine that ran here has parked in between."""
        cdef bint looked = False       # a moment ago, for news of the other world
        while self.hub is me:
            try:
                self.tick = SWITCHES_PER_LOOK
                if self.timers:
                    self.fire_timers()
                if self.first_ready is not None:
                    if self.sleeper is not None and not looked:
                        self.sleeper.poll()
                    looked = False
                    while self.tick > 0 and self.run_here(me):
                        self.tick -= 1
                    if self.hub is me and self.first_ready is not None:
                        self.run_one()
                elif self.own_tasks:
                    self._run_own_loop()
                else:
                    self.go_idle()
                    looked = True
            except GreenletExit:
                return                 # the thread has ended
            except BaseException as exception:
                # A signal handler raised while nobody was running, so it belongs to the thread's own code.
                self.interrupt_main(exception)

    cdef bint run_here(self, object me) except -1:
        """Run the first ready routine on the hub's own stack, if it is fresh and a spare can be the hub.

        False if not, or if it has parked: then its greenlet, which is `me`, is the hub no longer.
        """
        cdef G g
        g = self.first_ready
        if self.spare is None or g is None or g.worker is not None:
            return False
        self.dequeue()
        g.worker = me
        self.current = g
        fresh_context()
        self.run_current()
        if self.hub is not me:
            return False
        self.current = None
        return True

    cdef int go_idle(self) except -1:
        """Wait until woken, a deadline, or a Deadlock, with a capped backstop; the judge is asked each time."""
        cdef double judgement = FIRST_JUDGEMENT
        cdef object deadline = self.next_deadline() if self.timers else None
        cdef double timeout
        cdef bint acquired
        self.idle = True
        try:
            if self.sleeper is not None and self.first_ready is None:
                self.sleeper.rest(
                    -1.0 if deadline is None else max(<double>deadline - <double>monotonic(), 0.0)
                )
            while self.first_ready is None and self.sleeper is None:
                PyErr_CheckSignals()   # one that came since the last line of Python code would be slept through
                if deadline is None:
                    if _judge is not None:
                        _judge(self)
                    timeout = judgement
                    judgement = min(2 * judgement, LAST_JUDGEMENT)
                else:
                    timeout = min(<double>deadline - <double>monotonic(), LAST_JUDGEMENT)
                    if timeout <= 0:
                        break
                if self.first_ready is not None:
                    break
                acquired = self.sleep_lock.acquire(True, timeout)
                if acquired:
                    self.notified = False
                    break
        finally:
            self.idle = False
            if self.notified:
                if self.sleeper is None:
                    self.sleep_lock.acquire(False)
                self.notified = False
        return 0

    def sleep_with(self, Sleeper sleeper):
        """From now on this thread sleeps with `sleeper`, or by itself with None."""
        self.sleeper = sleeper


cdef object _work_of(object scheduler):
    return (<Hub>scheduler).work()
