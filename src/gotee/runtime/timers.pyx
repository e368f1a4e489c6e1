"""Deadlines: a heap that only its own thread touches, and the loop's timer while one drives its routines. Both worlds."""

from time import monotonic

from gotee.runtime.library import library
from gotee.runtime.loops cimport running_loop
from gotee.runtime.ready cimport Ready
from gotee.runtime.waiting cimport Waiter

cdef object heapify = None, heappop = None, heappush = None    # imported with the first timer


cdef int _import_heap() except -1:
    global heapify, heappop, heappush
    heapq = library("heapq")
    heapify, heappop, heappush = heapq.heapify, heapq.heappop, heapq.heappush
    return 0


cdef class Timer:
    """A deadline of a Waiter; it fires with index -1 and ok False."""


cdef class Timers(Ready):
    """The deadlines of one thread's waiters."""

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

    # -- with a loop

    cdef int attach(self, object loop) except -1:
        if self.loop is not loop:
            self.loop = loop
            self.drive_scheduled = False
            self.loop_timer = None
        return 0

    def _arm_loop_timer(self):
        deadline = self.next_deadline()
        if self.loop_timer is not None:
            self.loop_timer.cancel()
            self.loop_timer = None
        if deadline is not None:
            delay = max(<double>deadline - <double>monotonic(), 0.0)
            self.loop_timer = self.loop.call_later(delay, self._drive)
