"""asyncio: routines run from callbacks of their thread's running loop, and coroutines on a loop of gotee's own. Both worlds."""

from gotee.runtime.greenlets cimport current_greenlet, import_greenlet
from gotee.runtime.hub cimport SWITCHES_PER_LOOK
from gotee.runtime.loops cimport running_loop
from gotee.runtime.ready cimport G
from gotee.runtime.waits cimport Waits

from gotee.runtime.loops import set_running_loop

import_greenlet()

cdef int SWITCHES_PER_CALLBACK = 256
OWN_LOOP_TURN = 0.005


cdef class Driving(Waits):
    """What a running loop does for the routines of its thread, and they for it."""

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

    # -- the loop for `go(async_function)` on a thread that runs none

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
        set_running_loop(None)
        try:
            self.own_loop.run_forever()
        finally:
            set_running_loop(loop)
            self.attach(loop)
        if self.own_tasks or self.first_ready is not None:
            loop.call_later(0.0 if self.first_ready is not None else OWN_LOOP_TURN, self._drive)
