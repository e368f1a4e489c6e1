"""Who receives from the link: one thread at a time, the *leader*. Host world.

A thread that parks in gotee leads if nobody does: the answer that it waits for then comes without a switch of threads.
It dispatches for all. When no thread has led for a moment, the service thread takes over, so that code stuck in
`time.sleep` or a long C call never stops traffic; it gives way to the next thread that parks.
"""

import _thread
import threading
from time import monotonic

from cpython.exc cimport PyErr_CheckSignals
from posix.time cimport nanosleep, timespec

from gotee.boundary.home cimport Home
from gotee.boundary.messages cimport CODE_OFFER, CODE_PASSIVE, CODE_RESULT, CODE_WANT, Message, OF_ENCLAVE, read_small
from gotee.boundary.wire cimport SMALL, Wire
from gotee.host.calls cimport Calls
from gotee.runtime.routine cimport Routine
from gotee.runtime.hub cimport Sleeper
from gotee.runtime.ready cimport G, moved
from gotee.runtime.scheduler cimport Scheduler

from gotee.boundary.frames import LinkError
from gotee.boundary.limits import FrameError
from gotee.errors import BoundaryTypeError, Overloaded
from gotee.runtime.hub import judge

cdef enum:
    MOMENT = 2_000_000   # nanoseconds without a leader before the service thread takes over
    LONG_LEAD = 25       # moments of one lead after which the service thread waits to be told that it is over
    KINDS = 64           # numbers that a message can have

cdef double NO_END = -1.0
cdef double LOOK = 0.05              # seconds between looks at what is lent
cdef double FIRST_JUDGEMENT = 0.02   # seconds of silence, the next time twice as many, up to the last
cdef double LAST_JUDGEMENT = 0.5


def _unasked(message):
    raise LinkError(f"the enclave sent {message.kind.name}, for which nobody had asked")


cdef class Lead:
    """The right to receive from one link.

    Results go to `calls`, WANT and OFFER to `home`, every other message to `actions[kind]`; `lost(reason)` is told when the link has ended, with
    None if nothing here says why.
    """

    def __init__(self, Wire wire, Calls calls, Home home, actions, lost):
        self.wire = wire
        self.calls = calls
        self.home = home
        self.actions = [_unasked] * KINDS
        for kind, action in actions.items():
            self.on(kind, action)
        self.lost = lost
        self.gates = []
        self.wanted = []               # the seats of threads that parked while the service thread led
        self.relief = _thread.allocate_lock()
        self.relief.acquire()

    def on(self, int kind, action):
        """From now on messages of this kind go to `action(message)`."""
        self.actions[kind] = action

    cdef int lead(self, double seconds, Scheduler scheduler) except -1:
        """Receive until a routine of `scheduler` is ready, the link ends, or `seconds` (if not negative) have passed.

        The caller holds the baton. Without a scheduler it is the service thread, until somebody wants to lead.
        """
        cdef double deadline = 0.0 if seconds < 0 else <double> monotonic() + seconds
        cdef double judgement = FIRST_JUDGEMENT
        cdef double left = NO_END
        while True:
            if self.dispatch(scheduler, False) or self.wire.ended:
                return 0
            if seconds >= 0:
                left = deadline - <double> monotonic()
                if left <= 0:
                    return 0
            elif scheduler is not None:
                left = judgement
            self.home.listen()
            if self.enough(scheduler):
                return 0
            if self.home.lends():
                left = LOOK if left < 0 else min(left, LOOK)
            if self.wire.wait_for(left):
                continue
            self.home.look()
            if seconds < 0 and scheduler is not None:
                judge(scheduler)       # nothing happens: is everybody asleep for ever?
                judgement = min(2 * judgement, LAST_JUDGEMENT)

    cdef bint dispatch(self, Scheduler scheduler, bint everything, Routine awaited=None) except -1:
        """Act on what has arrived, or on `everything`; True as soon as the caller has what it waits for."""
        cdef Message message
        cdef unsigned char frame[SMALL]
        cdef Py_ssize_t size
        try:
            self.home.check()
            while True:
                PyErr_CheckSignals()   # what a handler raises is not to come between a message and its action
                if self.wire.still():
                    break
                size = self.wire.take_small(frame)
                if size >= 0 and frame[0] == CODE_RESULT and self.calls.on_small_result(frame, size):
                    moved()
                    if awaited is not None and awaited.finished:
                        return True
                    if not everything and self.enough(scheduler):
                        return True
                    continue
                message = self.wire.next(OF_ENCLAVE) if size < 0 else read_small(frame, size, OF_ENCLAVE)
                if message is None:
                    break
                if message.code != CODE_PASSIVE:
                    moved()
                if message.code == CODE_RESULT:
                    self.calls.on_result(message)
                    if awaited is not None and awaited.finished:
                        return True
                elif message.code == CODE_WANT:
                    self.home.on_want(message)
                elif message.code == CODE_OFFER:
                    self.home.on_offer(message)
                else:
                    self.actions[message.code](message)
                if not everything and self.enough(scheduler):
                    return True
        except (LinkError, FrameError, Overloaded, BoundaryTypeError) as error:
            self.wire.ended = True
            self.lost(f"the enclave broke the protocol and was stopped: {error}")
        else:
            if self.wire.ended:
                self.lost(None)
        return self.enough(scheduler)

    cdef bint enough(self, Scheduler scheduler):
        return len(self.wanted) > 0 if scheduler is None else scheduler.first_ready is not None

    cdef bint enter(self) noexcept:
        """Take the baton, if nobody has it. It is a flag, not a lock: only who has the GIL looks at it."""
        if self.taken:
            return False
        self.taken = self.led = True
        return True

    cdef int leave(self) except -1:
        """Give the baton back."""
        self.led = self.taken = False
        self.terms += 1
        if self.gates:
            self.give_back()
        if self.waits_for_relief:
            self.waits_for_relief = False
            self.relief.release()
        return 0

    cdef int give_back(self) except -1:
        self.taken = False
        while self.gates:
            self.gates.pop().release()
        return 0

    def serve(self):
        """The service thread: lead whenever nobody has for a moment, until the link ends."""
        while not self.wire.ended:
            if not self.taken:
                self.taken = True
                try:
                    self.lead(NO_END, None)
                finally:
                    self.give_back()
                while self.wanted:
                    self.wanted.pop().notify()
            self._stand_back()

    def alone(self, call):
        """Call `call()` while nobody leads."""
        while True:
            gate = _thread.allocate_lock()
            gate.acquire()
            self.gates.append(gate)    # before the look: what made it may have let others run
            if not self.taken:
                break
            gate.acquire()
        self.taken = True
        try:
            call()
        finally:
            self.give_back()

    def _stand_back(self):
        """Return when no thread has begun or ended to lead for a moment.

        It looks without the GIL: a thread that took that every two milliseconds would delay the leader's answers.
        """
        cdef Py_ssize_t terms = -1
        cdef int looks = 0
        cdef timespec moment
        moment.tv_sec, moment.tv_nsec = 0, MOMENT
        while not self.wire.ended:
            with nogil:
                while looks < LONG_LEAD and not self.wire.ended:
                    nanosleep(&moment, NULL)
                    if self.terms != terms:
                        terms = self.terms
                        looks = 0
                    elif not self.led:
                        break
                    else:
                        looks += 1
            if looks < LONG_LEAD:
                return
            looks = 0
            if self.led:           # `leave` comes, and says so
                self.waits_for_relief = True
                self.relief.acquire()


cdef class Seat(Sleeper):
    """How one thread sleeps while an enclave runs: as the leader, or until another thread has news for it."""

    def __init__(self, Lead lead, Scheduler scheduler):
        self.lead = lead
        self.scheduler = scheduler
        self.news = _thread.allocate_lock()
        self.news.acquire()

    cdef int rest(self, double seconds) except -1:
        cdef Lead lead = self.lead
        if lead.wire.ended:
            self.scheduler.sleep_with(None)
            return 0
        if lead.enter():
            self.leading = True  # from here on notify() wakes the link
            try:
                if not self.news.acquire(False):
                    lead.lead(seconds, self.scheduler)
            finally:
                self.leading = False
                lead.leave()
        else:
            if self not in lead.wanted:
                lead.wanted.append(self)
                lead.wire.wake()
            # At most a second, a capped backstop: the hub sleeps again.
            self.news.acquire(timeout=1.0 if seconds < 0 else min(seconds, 1.0))
        return 0

    cdef int attend(self, G g) except -1:
        """Lead for a moment without giving the stack away: an answer to a call mostly comes within it.

        The thread is not idle meanwhile, so whatever takes longer, or wakes another routine, is left to the hub.
        """
        cdef Lead lead = self.lead
        cdef Routine routine = <Routine> g         # or None
        if lead.wire.ended or not lead.enter():
            return 0
        try:
            while not (lead.dispatch(self.scheduler, False, routine) or (routine is not None and routine.finished)):
                lead.home.listen()
                if self.scheduler.first_ready is not None or not lead.wire.spin_briefly():
                    break
        finally:
            lead.leave()
        return 0

    cpdef int poll(self) except -1:
        """Look for news while routines of this thread are busy: all of it."""
        cdef Lead lead = self.lead
        if not lead.wire.ended and lead.enter():
            try:
                lead.dispatch(self.scheduler, True)
            finally:
                lead.leave()
        return 0

    cpdef int notify(self) except -1:
        if self.leading:
            self.lead.wire.wake()
        elif self.news.locked():
            self.news.release()
        return 0
