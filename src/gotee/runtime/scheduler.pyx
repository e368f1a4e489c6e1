"""M, P, G: a routine (G) is a greenlet, a thread (M) has one scheduler (P), here called Scheduler.

Both worlds. Channels, select, sleep and routine handles park and wake through this module. What a Scheduler is lies in
layers, to be read in this order: `ready` (who can run), `timers`, `hub` (the greenlets, and what a thread does when
nobody can run), `waits` (how a routine parks), `driving` (asyncio); here are its thread, its begin and its end.
"""

import _thread
import sys
from _thread import get_ident    # the thread's, also where an enclave tells routines apart by it
from posix import getpid
from time import monotonic

from gotee.errors import Cancelled, UsageError

from cpython.ref cimport Py_INCREF

from gotee.runtime.driving cimport OWN_LOOP_TURN, Driving
from gotee.runtime.greenlets cimport current_greenlet, import_greenlet
from gotee.runtime.hub cimport SWITCHES_PER_LOOK
from gotee.runtime.loops cimport running_loop
from gotee.runtime.ready cimport DONE, G, GWaiter, PARKED, RUNNING

from gotee.runtime import loops
from gotee.runtime.hub import set_judge
from gotee.runtime.library import imported, library

import_greenlet()

cdef extern from *:
    """
    static _Thread_local void *gotee_scheduler;  /* borrowed: the thread's Guard keeps it alive */
    """
    void *gotee_scheduler

cdef double END_OF_TASKS = 1.0    # seconds that the tasks of an ending thread get to take their cancellation

schedulers = set()                # of every thread that is alive and has used gotee
_on_first_use = None              # set by gotee.runtime.lifecycle: called for each new scheduler
_local = _thread._local()


def set_hooks(judge, on_first_use):
    """Called once by the package: who judges deadlocks, who installs handlers for signals and exit."""
    global _on_first_use
    set_judge(judge)
    _on_first_use = on_first_use


class _Guard:
    """Lives in the thread's locals; its end is the thread's end."""

    def __init__(self, scheduler):
        self.scheduler = scheduler

    def __del__(self):
        self.scheduler.end()


cdef Scheduler current_scheduler():
    if gotee_scheduler != NULL:
        return <Scheduler>gotee_scheduler
    return _new_scheduler()


cdef Scheduler _new_scheduler():
    global gotee_scheduler
    cdef Scheduler scheduler = Scheduler()
    _local.guard = _Guard(scheduler)
    schedulers.add(scheduler)
    gotee_scheduler = <void *>scheduler
    if _on_first_use is not None:
        _on_first_use(scheduler.of_main)
    return scheduler


cdef object _thread_that_runs():
    """Its Thread; None for the main one while nobody has imported `threading`."""
    if "threading" not in imported and "threading" not in sys.modules and _thread.get_native_id() == getpid():
        return None                # so Linux numbers a process's main thread
    return library("threading").current_thread()


cdef object _main_thread():
    return library("threading").main_thread()


def scheduler_of_this_thread():
    """The Scheduler of the calling thread, made on first use."""
    return current_scheduler()


def scheduler_of_this_thread_or_none():
    return <Scheduler>gotee_scheduler if gotee_scheduler != NULL else None


def _loop_starts(loop):
    """An asyncio loop begins to run on this thread."""
    cdef Scheduler scheduler
    if gotee_scheduler != NULL:
        scheduler = <Scheduler>gotee_scheduler
        if loop is not scheduler.own_loop:
            loop.call_soon(scheduler.loop_starts)


loops.set_hook(_loop_starts)


cdef Scheduler blocking(str instead):
    """The scheduler of a caller about to block, which must not stand on a running loop's own stack."""
    cdef Scheduler scheduler = current_scheduler()
    loop = running_loop()
    if loop is not None:
        if scheduler.driving is not loop:
            raise UsageError(
                f"this would block the running event loop: use `{instead}` here, or start a routine with go()"
            )
    return scheduler


cdef GWaiter new_waiter(Scheduler scheduler):
    """For the current routine, which is about to park; a foreign greenlet or a callback of the hub must not."""
    cdef G g = scheduler.current
    if g is None or current_greenlet() is not g.worker:
        raise UsageError(
            "this would block in a greenlet or callback that is not a routine: start one with go()"
        )
    cdef GWaiter waiter = GWaiter.__new__(GWaiter)
    waiter.owner = g
    return waiter


def check_routine():
    """Whether the caller may park: it is a routine, or the thread's own code, and no event loop's stack."""
    if not on_own_stack():
        return False
    loop = running_loop()
    return loop is None or current_scheduler().driving is loop


def on_own_stack():
    """Whether the caller is a routine, or the thread's own code, maybe with an event loop of its own on that stack."""
    cdef G g = current_scheduler().current
    return g is not None and current_greenlet() is g.worker


cdef double deadline_in(object seconds, str what) except? -1:
    """The monotonic time `seconds` from now; UsageError, before anything waits, if that is no time."""
    cdef double number
    try:
        if isinstance(seconds, (str, bytes, bytearray)):
            raise TypeError
        number = seconds
    except TypeError:
        raise UsageError(f"{what} needs a number of seconds, got {type(seconds).__name__}") from None
    except OverflowError:
        number = float("inf") if seconds > 0 else 0.0
    if number != number:
        raise UsageError(f"{what} needs a number of seconds, got nan")
    return <double>monotonic() + number


def deadline_after(seconds, str what):
    """As `deadline_in`, for Python code."""
    return deadline_in(seconds, what)


cdef extern from "Python.h":
    ctypedef struct PyThreadState:
        pass
    ctypedef struct PyInterpreterState:
        pass
    PyInterpreterState *PyInterpreterState_Get()
    PyThreadState *PyInterpreterState_ThreadHead(PyInterpreterState *)
    PyThreadState *PyThreadState_Next(PyThreadState *)


def thread_states():
    """How many threads there are for Python, those included that have not run a line yet."""
    cdef PyThreadState *state = PyInterpreterState_ThreadHead(PyInterpreterState_Get())
    cdef int count = 0
    while state != NULL:
        count += 1
        state = PyThreadState_Next(state)
    return count


cdef class Scheduler(Driving):
    """What one thread has of all that."""

    def __cinit__(self):
        self.own_thread = _thread_that_runs()
        self.ident = get_ident()
        self.main = G.__new__(G)
        self.main.scheduler = self
        root = current_greenlet()
        while root.parent is not None:
            root = root.parent         # the first use may be in a greenlet of the program's own
        self.main.worker = root
        self.main.state = RUNNING
        self.current = self.main
        self.workers = []
        self.timers = []
        self.sleep_lock = _thread.allocate_lock()
        self.sleep_lock.acquire()
        self.tick = SWITCHES_PER_LOOK
        self.hub = self.new_worker()
        self.base = self.hub

    @property
    def thread(self):
        """The Thread whose scheduler it is."""
        return _main_thread() if self.own_thread is None else self.own_thread

    @property
    def of_main(self):
        """Whether that is the main thread."""
        return self.own_thread is None or self.own_thread is _main_thread()

    @property
    def alive(self):
        """Whether its thread has not ended; the main thread does not before somebody imports `threading`."""
        if self.own_thread is None and "threading" not in sys.modules:
            return True
        return self.thread.is_alive()

    cdef int poke(self) except -1:
        """Make the thread look at its ready queue, wherever it waits."""
        if self.idle:
            if not self.notified and not self.acting:
                self.notified = True
                if self.sleeper is None:
                    self.sleep_lock.release()
                else:
                    self.sleeper.notify()
        elif self.driving is None:
            if gotee_scheduler == <void *>self:
                loop = running_loop()
                if loop is not None:
                    self.attach(loop)
                    if not self.drive_scheduled:
                        loop.call_soon(self._drive)
                        self.drive_scheduled = True
                return 0
            if self.loop is not None and not self.drive_scheduled:
                self.drive_scheduled = True    # before the call: it may run the callback before it returns
                try:
                    self.loop.call_soon_threadsafe(self._drive)
                except RuntimeError:   # closed: the thread looks again when it parks or runs another loop
                    self.drive_scheduled = False
                except BaseException:  # of a signal handler
                    self.drive_scheduled = False
                    raise
        return 0

    # -- the end of the thread

    def end(self):
        """A thread that ends cancels its routines: each is told at its park, and again if it parks anew."""
        global gotee_scheduler
        cdef G g
        if self.ending or sys.is_finalizing():
            return
        if get_ident() != self.ident:   # after a fork, in the child: the locals of threads it does not have
            self.forget()
            schedulers.discard(self)
            return
        self.ending = True
        gotee_scheduler = <void *>self
        self.current = self.main
        self.base = self.hub
        try:
            ends = monotonic() + END_OF_TASKS
            rounds = 0
            while self.youngest is not None and rounds < 100:
                rounds += 1
                for g in self.live:
                    if g.worker is None:
                        self.delist(g)
                        g.throw = Cancelled()
                        g.run()
                        g.state = DONE
                    elif g.state == PARKED:
                        self.interrupt(g, Cancelled())
                for _ in range(self.ready_count):
                    g = self.dequeue()
                    if g.state != DONE:
                        self.enqueue(g)
                if self.own_tasks and monotonic() < ends:
                    rounds -= 1
                    self.wait_until(new_waiter(self), "the thread's tasks", monotonic() + OWN_LOOP_TURN)
                else:
                    self._turn()
            self._turn()
            self._turn()               # so that the hub has left a loop that has nothing left to do
            if self.own_loop is not None and not self.own_loop.is_running():
                self.own_loop.close()
            for worker in [*self.workers, self.hub]:
                worker.throw()
            if self.spare is not None:
                self.spare.throw()
            self.workers.clear()
            self.spare = self.hub = self.base = self.main.worker = None
        finally:
            gotee_scheduler = NULL
            schedulers.discard(self)

    cdef int _turn(self) except -1:
        """Let everybody else who is ready run once."""
        cdef GWaiter waiter = new_waiter(self)
        waiter.settle(0, None, True)
        self.add_ready(self.current)
        self.park()
        return 0

    def forget(self):
        """After a fork, in the child, of a thread that does not exist there: its routines take nothing any more."""
        cdef G g
        for g in [self.main, *self.live]:
            if g.waiter is not None and not g.waiter.fired:
                g.waiter.settle(-1, None, False)
        while self.first_ready is not None:
            self.dequeue()
        self.keep_for_exit()

    def keep_for_exit(self):
        """At the program's end parked routines are left as they are, as in Go: no finally block runs.

        A greenlet that loses its last reference has GreenletExit thrown into it, so this reference is kept.
        """
        self.ending = True
        Py_INCREF(self)


def sleep(seconds):
    """Park this routine for `seconds`; 0 lets the other ready routines run first.

    >>> sleep(0.001)
    """
    cdef Scheduler scheduler = blocking("await gotee.asleep(...)")
    cdef double deadline = deadline_in(seconds, "sleep")
    if seconds <= 0:
        yield_now()
        return
    cdef GWaiter waiter = new_waiter(scheduler)
    waiter.subject = seconds
    scheduler.wait_until(waiter, "sleep", deadline)


def yield_now():
    """Let every other routine that is ready on this thread run first (Go's runtime.Gosched).

    >>> yield_now()
    """
    cdef Scheduler scheduler = blocking("await asyncio.sleep(0)")
    cdef GWaiter waiter = new_waiter(scheduler)
    if scheduler.current.cancel_pending:
        scheduler.current.cancel_pending = False
        raise Cancelled()
    scheduler._turn()
