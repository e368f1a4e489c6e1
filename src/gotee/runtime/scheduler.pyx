"""M, P, G: a routine (G) is a greenlet, a thread (M) has one scheduler (P), here called Scheduler.

Both worlds. Channels, select, sleep and routine handles park and wake through this module.

Parking switches straight to the next ready routine. Only when there is none, or when a fresh greenlet must be
started, control goes to the *base*: the hub greenlet of the thread, which sleeps, or, on a thread that runs an
asyncio loop, the loop callback that drives the routines. Fresh greenlets start from the base only, so that their
C stacks begin at one height instead of each a little deeper than the one before.

The hub starts a fresh routine on its own stack, if a spare greenlet could be the hub instead: one that returns without
having parked has cost no switch. One that parks keeps the stack, and the spare is the hub from then on.

Compiled code is not preempted under the GIL: everything between two calls of Python code is atomic for other
threads and for signal handlers. Queues are therefore changed without locks, and never around such a call.
"""

import _thread
import sys
from _thread import get_ident    # the thread's, also where an enclave tells routines apart by it
from posix import getpid
from time import monotonic

from greenlet import GreenletExit, greenlet

from gotee.errors import Cancelled, UsageError

from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t

from gotee.runtime.greenlets cimport current_greenlet, fresh_context, import_greenlet, switch_to
from gotee.runtime.waiting cimport Waiter

import_greenlet()

cdef extern from *:
    """
    static _Thread_local void *gotee_scheduler;  /* borrowed: the thread's Guard keeps it alive */
    """
    void *gotee_scheduler

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
cdef int SWITCHES_PER_LOOK = 61   # direct switches before timers get a look (Go's figure for its global queue)
cdef int SWITCHES_PER_CALLBACK = 256
cdef double OWN_LOOP_TURN = 0.005
cdef double END_OF_TASKS = 1.0    # seconds that the tasks of an ending thread get to take their cancellation
cdef double FIRST_JUDGEMENT = 0.02
cdef double LAST_JUDGEMENT = 0.5

schedulers = set()                # of every thread that is alive and has used gotee
_judge = None                     # set by gotee.runtime.deadlock: called by a thread that goes idle
_on_first_use = None              # set by gotee.runtime.lifecycle: called for each new scheduler
_local = _thread._local()
cdef dict _library = {}
cdef object heapify = None, heappop = None, heappush = None    # imported with the first timer


def set_hooks(judge, on_first_use):
    """Called once by the package: who judges deadlocks, who installs handlers for signals and exit."""
    global _judge, _on_first_use
    _judge = judge
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


def library(name):
    """A module of the standard library that takes long to import: where nobody needs it, it is not imported.

    It is the library's also where the program hides it by a module of its own: see `keep_library`.
    """
    module = _library.get(name)
    if module is None:
        module = _library[name] = __import__(name)
    return module


def keep_library():
    """Import all of them now, before what is beside the program can be found."""
    for name in ("threading", "heapq", "weakref"):
        library(name)


cdef object _thread_that_runs():
    """Its Thread; None for the main one while nobody has imported `threading`."""
    if "threading" not in _library and "threading" not in sys.modules and _thread.get_native_id() == getpid():
        return None                # so Linux numbers a process's main thread
    return library("threading").current_thread()


cdef object _main_thread():
    return library("threading").main_thread()


cdef int _import_heap() except -1:
    global heapify, heappop, heappush
    heapq = library("heapq")
    heapify, heappop, heappush = heapq.heapify, heapq.heappop, heapq.heappush
    return 0


def scheduler_of_this_thread():
    """The Scheduler of the calling thread, made on first use."""
    return current_scheduler()


def scheduler_of_this_thread_or_none():
    return <Scheduler>gotee_scheduler if gotee_scheduler != NULL else None


cdef uint64_t _moves = 0


cdef void moved() noexcept:
    """A routine of any thread was woken or started, or another world sent something."""
    global _moves
    _moves += 1


def movement():
    """How often anything has moved: two equal answers mean that nothing has in between."""
    return _moves


def judge(Scheduler scheduler):
    """Ask whether everybody is asleep for ever; for those who sleep in place of a scheduler."""
    if _judge is not None:
        _judge(scheduler)


cdef object _get_running_loop = None
cdef object _set_running_loop = None
cdef object _run_forever = None        # asyncio's own


cdef extern from "Python.h":
    PyObject *PyThreadState_GetDict()
    PyObject *PyDict_GetItemWithError(PyObject *, object)

# Up to CPython 3.12 asyncio keeps a thread's loop here in the thread's dictionary, from the first that ran on it on.
cdef object _LOOP = "__asyncio_running_event_loop__"
cdef bint _in_dict = False


cdef object running_loop():
    """The asyncio loop that runs on this thread, or None. Never imports asyncio: it takes 40 ms."""
    global _get_running_loop, _set_running_loop, _run_forever, _in_dict
    cdef PyObject *own
    if _in_dict:                       # to look there costs a fifth of asking asyncio
        own = PyThreadState_GetDict()
        if own != NULL and PyDict_GetItemWithError(own, _LOOP) == NULL:
            return None
    if _get_running_loop is None:
        if "asyncio" not in sys.modules:
            return None
        events = sys.modules.get("asyncio.events")
        getter = getattr(events, "_get_running_loop", None)
        loops = getattr(sys.modules.get("asyncio.base_events"), "BaseEventLoop", None)
        if getter is None or loops is None:
            return None
        _set_running_loop = events._set_running_loop
        _run_forever = loops.run_forever
        loops.run_forever = run_forever
        _get_running_loop = getter
        _in_dict = sys.version_info < (3, 13) and type(getter) is type(len)
    return _get_running_loop()


def run_forever(self):
    """In the place of asyncio's: a loop drives the routines of its thread from its first turn on."""
    cdef Scheduler scheduler
    if gotee_scheduler != NULL:
        scheduler = <Scheduler>gotee_scheduler
        if self is not scheduler.own_loop:
            self.call_soon(scheduler.loop_starts)
    return _run_forever(self)


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


cdef class Timer:
    """A deadline of a Waiter; it fires with index -1 and ok False."""


cdef class Scheduler:
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

    # -- its routines ------------------------------------------------------------------------------

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

    # -- ready queue ------------------------------------------------------------------------------

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
        if self.idle or self.loop is not None or _get_running_loop is not None:
            self.poke()
        return 0

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

    # -- parking ----------------------------------------------------------------------------------

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

    # -- timers: a heap that only its own thread touches ---------------------------------------------

    cdef Timer add_timer(self, Waiter waiter, double deadline):
        cdef Timer timer
        if heappush is None:
            _import_heap()
        timer = Timer.__new__(Timer)
        timer.deadline = deadline
        timer.waiter = waiter
        self.timer_sequence += 1
        self.live_timers += 1
        heappush(self.timers, (deadline, self.timer_sequence, timer))
        if self.driving is None:
            loop = running_loop()
            if loop is not None:
                self.attach(loop)
                self._arm_loop_timer()
        return timer

    cdef void drop_timer(self, Timer timer):
        if timer.waiter is None:
            return
        timer.waiter = None
        self.live_timers -= 1
        if len(self.timers) > 64 and self.live_timers < len(self.timers) // 2:
            self.timers = [entry for entry in self.timers if (<Timer>entry[2]).waiter is not None]
            heapify(self.timers)

    cdef int fire_timers(self) except -1:
        cdef Timer timer
        cdef Waiter waiter
        if not self.timers:
            return 0
        cdef double now = monotonic()
        while self.timers and <double>self.timers[0][0] <= now:
            timer = heappop(self.timers)[2]
            waiter = timer.waiter
            if waiter is not None:
                timer.waiter = None
                self.live_timers -= 1
                if not waiter.fired:
                    waiter.fire(-1, None, False)
        return 0

    cdef object next_deadline(self):
        while self.timers and (<Timer>self.timers[0][2]).waiter is None:
            heappop(self.timers)
        return self.timers[0][0] if self.timers else None

    # -- workers: pooled greenlets -----------------------------------------------------------------

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

    # -- the hub: what a thread does when it parks and nothing is ready ------------------------------

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

    # -- asyncio: routines run from callbacks of the thread's running loop ---------------------------

    cdef int attach(self, object loop) except -1:
        if self.loop is not loop:
            self.loop = loop
            self.drive_scheduled = False
            self.loop_timer = None
        return 0

    def attach_running_loop(self):
        """An asyncio operation of gotee ran on this thread: from now on its loop drives our routines."""
        loop = running_loop()
        if loop is not None and self.loop is not loop:
            self.attach(loop)
            if self.first_ready is not None or self.own_tasks:
                self.poke()
            if self.live_timers:
                self._arm_loop_timer()

    def loop_starts(self):
        """The first callback of a loop that begins to run on this thread, maybe not for the first time."""
        loop = running_loop()
        if self.driving is None:
            self.attach(loop)
            if self.first_ready is not None or self.own_tasks:
                self.poke()
            if self.live_timers:
                self._arm_loop_timer()

    def _arm_loop_timer(self):
        deadline = self.next_deadline()
        if self.loop_timer is not None:
            self.loop_timer.cancel()
            self.loop_timer = None
        if deadline is not None:
            delay = max(<double>deadline - <double>monotonic(), 0.0)
            self.loop_timer = self.loop.call_later(delay, self._drive)

    def _drive(self):
        """A callback of the running loop: run what is ready, then give the loop its turn."""
        cdef G interrupted = self.current
        cdef int turns = 0
        self.drive_scheduled = False
        if self.driving is not None:
            return
        loop = running_loop()
        self.attach(loop)
        if loop is self.own_loop:     # routines run outside it, on the hub: never is it suspended in the middle
            loop.stop()
            return
        base = self.base
        self.base = current_greenlet()
        self.driving = loop
        try:
            self.fire_timers()
            while self.first_ready is not None and turns < SWITCHES_PER_CALLBACK and self.driver_throw is None:
                self.tick = SWITCHES_PER_LOOK
                self.run_one()
                turns += 1
        finally:
            self.driving = None
            self.base = base
            self.current = interrupted
            self.attach(loop)         # a routine that ran may have attached, and ended, a loop of its own
        if self.first_ready is not None and not self.drive_scheduled:
            self.drive_scheduled = True
            loop.call_soon(self._drive)
        self._arm_loop_timer()
        if self.driver_throw is not None:
            exception = self.driver_throw
            self.driver_throw = None
            raise exception
        if self.own_tasks:
            self._step_own_loop(loop)

    # -- the loop for `go(async_function)` on a thread that runs none --------------------------------

    def loop_for_tasks(self):
        """The loop on which a routine of this thread runs a coroutine."""
        if self.driving is not None:
            return self.driving
        if self.own_loop is None:
            from gotee.runtime.own_loop import new_loop

            self.own_loop = new_loop(self.sleeper)
        return self.own_loop

    def task_started(self):
        self.own_tasks += 1

    def task_ended(self):
        self.own_tasks -= 1
        if not self.own_tasks and self.own_loop is not None:
            self.own_loop.stop()

    def _run_own_loop(self):
        running_loop()                # makes sure that _set_running_loop is known
        self.attach(self.own_loop)
        self._arm_loop_timer()
        try:
            self.own_loop.run_forever()
        finally:
            if self.loop_timer is not None:
                self.loop_timer.cancel()
            self.loop_timer = None
            self.loop = None
            self.drive_scheduled = False

    def _step_own_loop(self, loop):
        """Another loop runs on this thread: ours, with tasks from before, gets a turn of it every few milliseconds."""
        self.own_loop.call_soon(self.own_loop.stop)
        _set_running_loop(None)
        try:
            self.own_loop.run_forever()
        finally:
            _set_running_loop(loop)
            self.attach(loop)
        if self.own_tasks or self.first_ready is not None:
            loop.call_later(0.0 if self.first_ready is not None else OWN_LOOP_TURN, self._drive)

    # -- the end of the thread -----------------------------------------------------------------------

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


cdef object _work_of(object scheduler):
    return (<Scheduler>scheduler).work()


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
