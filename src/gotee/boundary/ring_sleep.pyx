"""How one side of a ring waits: it spins for as long as that is worth it, then sleeps until its bell rings. Both worlds.

Sleeping: a side stores its sleep word, fences, looks once more, sleeps. The other side stores its index, fences, reads
the word. Both fences are sequentially consistent: with acquire and release alone both reads may miss both stores,
and the wake-up is lost (`tests/link/test_wake_model.py` finds that trace).
"""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint64_t

from gotee.boundary.frames cimport left
from gotee.boundary.spinning cimport begin_spins, learn_wait, spin_allowed, spin_took
from gotee.boundary.system cimport (
    fence,
    leave_cpu,
    load_acquire,
    load_relaxed,
    mute_bell,
    now_ns,
    pause_cpu,
    ring_bell,
    sched_getcpu,
    sched_yield,
    sleep_on,
    store_relaxed,
    store_release,
)

import os

from gotee.errors import UsageError

# Nanoseconds; `spinning` has those of the spin. The backstop bounds what any lost wake-up or signal can cost.
cdef int GLANCES = 64                  # looks before the first at the clock: two microseconds or so
cdef int64_t BRIEFLY = 50_000
cdef int FIRST = 8                     # vain spins, in which others get the processor: a program that starts needs it
cdef int CROWDED = 8                   # waits in a row on the peer's processor before one side leaves it
cdef int64_t LEAVE_AGAIN = 4_000_000   # after this time at the soonest, then after twice as much, up to
cdef int64_t LEAVE_LAST = 64_000_000
cdef int64_t BACKSTOP = 100_000_000
cdef int64_t FOREVER = 0x7FFF_FFFF_FFFF_FFFF


cdef class RingSleep(RingMemory):
    """A side that can wait for the other. One thread waits at a time."""

    cdef int begin_waits(self) except -1:
        """Before the first wait. On a single processor the peer cannot answer while we spin."""
        self.leave_again = LEAVE_AGAIN
        begin_spins(&self.spins, len(os.sched_getaffinity(0)) > 1, now_ns())
        return 0

    def wait(self, timeout=None):
        """Wait for inbound bytes, for room after a failed send, for `wake()`, or for the end of either side.

        `timeout` in seconds; False when it is over. Other threads run meanwhile. Signal handlers run, and what they
        raise comes out of here. One thread waits at a time.
        """
        return self.wait_for(-1.0 if timeout is None else max(timeout, 0.0))

    cdef bint wait_for(self, double seconds) except -1:
        """`wait`, with a negative number for as long as it takes."""
        cdef int64_t start, deadline = FOREVER
        cdef int64_t looked = self.begin_wait()
        cdef bint found
        if self.ready():
            self.awake()
            return True
        self.waiting = True
        try:
            if not looked and seconds != 0:
                if self.glance():
                    PyErr_CheckSignals()
                    self.awake()
                    return True
            start = looked or now_ns()
            if 0 <= seconds < 1e9:
                deadline = now_ns() + <int64_t> (seconds * 1e9)
            found = False
            if not looked and deadline > start:
                with nogil:
                    found = self.spin(start, deadline)
            while not found:
                PyErr_CheckSignals()  # a handler may close or poison the link
                if self.state != OPEN:
                    return True
                with nogil:
                    found = self.sleep(deadline)
                if not found:
                    left()
                    if now_ns() >= deadline:
                        break
            learn_wait(&self.spins, now_ns() - start, found)
            PyErr_CheckSignals()
            if found:
                self.awake()
            return found
        finally:
            self.end_wait()

    cdef bint spin_briefly(self) except -1:
        """The part of `wait` before the sleep, or 50 us of it. False: the next `wait` does the rest."""
        cdef int64_t start
        cdef bint found
        self.begin_wait()
        if self.ready():
            self.awake()
            return True
        self.waiting = True
        try:
            found = self.glance()
            if not found:
                start = now_ns()
                with nogil:
                    found = self.spin(start, start + BRIEFLY)
                if found:
                    learn_wait(&self.spins, now_ns() - start, True)
                elif self.spins.length <= BRIEFLY:
                    self.looked = start
            PyErr_CheckSignals()
            if found:
                self.awake()
            return found
        finally:
            self.end_wait()

    cdef int64_t begin_wait(self) except -1:
        """Who may wait; when `spin_briefly` spun in vain just before, or 0."""
        cdef int64_t looked = self.looked
        self.looked = 0
        if self.state != OPEN:
            self.refuse()
        if self.given != self.head:
            self.give()
        if self.waiting:
            raise UsageError("another thread waits on this link")
        return looked

    cdef void end_wait(self) noexcept:
        self.waiting = False
        if (self.state == CLOSED or self.state == POISONED) and not self.copying:
            self.release()

    cdef bint ready(self) noexcept nogil:
        """Whether there is a reason not to sleep. Unchecked values of the peer decide nothing else here."""
        return (
            self.head != self.arrived
            or load_acquire(self.in_tail) != self.head
            or (self.wanted and self.capacity - (self.tail - load_acquire(self.out_head)) >= self.wanted)
            or load_acquire(&self.woken)
            or self.gone
        )

    cdef void awake(self) noexcept:
        store_relaxed(&self.woken, 0)
        self.wanted = 0  # a caller that gives up its send must not be woken for it again and again

    # ---- the spin

    cdef bint glance(self) noexcept nogil:
        """Spin for as long as a ready answer takes; not where spinning is no use.

        Without a look at the clock, and with the GIL: to let go of it and take it back would take a tenth of that.
        """
        cdef int i
        if self.spins.length == 0 or self.crowds():
            return False
        for i in range(GLANCES):
            if self.ready():
                return True
            pause_cpu()
        return False

    cdef bint spin(self, int64_t start, int64_t deadline) noexcept nogil:
        cdef int64_t end, now = start
        cdef int i
        cdef int64_t allowed = spin_allowed(&self.spins, start)
        if self.stay_away() or allowed == 0:
            return False
        end = min(start + allowed, deadline)
        while now < end:
            for i in range(16):
                if self.ready():
                    spin_took(&self.spins, now - start, True)
                    return True
                pause_cpu()
            now = now_ns()
            if now - start > BRIEFLY and self.vain < FIRST:
                sched_yield()  # not always: on a loaded machine each takes a slice of others
        if self.vain < FIRST:
            self.vain += 1
        spin_took(&self.spins, now - start, False)
        return False

    cdef bint crowds(self) noexcept nogil:
        """Whether the peer stands on this processor: then it can answer only while we sleep."""
        cdef uint64_t place = <uint64_t> (1 + sched_getcpu())
        if place != self.placed:
            self.placed = place
            store_relaxed(self.own_place, place)
        return load_relaxed(self.peer_place) == place

    cdef bint stay_away(self) noexcept nogil:
        """Whether to sleep at once, because the peer stands on this processor, or there is only one.

        The side that was attached leaves; both would, for ever, if both did. It does so rarely: the other processors
        may be taken by other work.
        """
        cdef int64_t now
        if self.spins.most == 0:
            return True
        if not self.crowds():
            self.crowded = 0
            return False
        self.crowded += 1
        now = now_ns()
        if self.crowded >= CROWDED and not self.creator and now - self.left > self.leave_again:
            self.leave_again = LEAVE_AGAIN if now - self.left > 4 * LEAVE_LAST else min(2 * self.leave_again, LEAVE_LAST)
            self.left = now
            self.crowded = 0
            leave_cpu()
            self.crowds()
            return False
        return True

    # ---- the sleep

    cdef bint sleep(self, int64_t deadline) noexcept nogil:
        cdef int64_t left
        cdef int why
        self.set_asleep()
        if not self.ready():
            left = min(BACKSTOP, max(deadline - now_ns(), 0))
            why = sleep_on(self.bell, self.control, left)
            if why & 2:
                self.gone = True
            if why == 0 and left == BACKSTOP and self.ready():
                self.missed += 1
            self.set_awake(why & 1)
        else:
            self.set_awake(False)
        return self.ready()

    cdef void set_asleep(self) noexcept nogil:
        cdef uint64_t word = 1
        if self.wanted:  # not for every piece that is taken: half a ring at a time
            word += max(self.wanted, <uint64_t> self.capacity // 2)
        store_relaxed(self.own_sleep, word)
        store_relaxed(&self.asleep, 1)
        fence()

    cdef void set_awake(self, bint rung) noexcept nogil:
        store_relaxed(self.own_sleep, 0)
        store_relaxed(&self.asleep, 0)
        if rung:
            mute_bell(self.bell)

    def wake(self):
        """Make the wait of another thread of this process return, or the next wait if there is none now."""
        if self.state != OPEN:
            return
        store_release(&self.woken, 1)
        fence()
        if load_relaxed(&self.asleep):
            ring_bell(self.bell)

    # ---- polling by others

    def arm(self):
        """Prepare for sleeping elsewhere, on `filenos()`. False: there is something to do already.

        Either way call `disarm()` afterwards. A poller wakes at the latest after 100 ms and looks again.
        """
        if self.state != OPEN:
            self.refuse()
        if self.given != self.head:
            self.give()
        self.set_asleep()
        return not self.ready()

    def disarm(self):
        """After sleeping elsewhere: no more bells."""
        if self.state != OPEN:
            self.refuse()
        self.set_awake(True)
        self.awake()
        left()

    def filenos(self):
        """The descriptors to poll for reading while armed: the bell and the control socket."""
        if self.state != OPEN:
            self.refuse()
        return self.bell, self.control
