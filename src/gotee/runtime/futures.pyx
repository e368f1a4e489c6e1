"""What asyncio code needs from the compiled core: waiters that complete futures, and a routine that waits for one.

Both worlds. Only gotee.runtime.aio uses it.
"""

from _thread import get_ident    # the thread's, also where an enclave tells routines apart by it

from gotee.runtime.channel cimport Chan, Outcome
from gotee.runtime.routine cimport Routine
from gotee.runtime.ready cimport GWaiter
from gotee.runtime.scheduler cimport Scheduler, current_scheduler, new_waiter
from gotee.runtime.selecting import Recv, attempt, chosen_by_partner, prepare
from gotee.runtime.selecting cimport enqueue
from gotee.runtime.waiting cimport Node, Waiter


def _settle(future):
    if not future.done():
        future.set_result(None)


cdef class FutureWaiter(Waiter):
    """A blocked operation of an asyncio task; `future` completes when it fires."""

    cdef readonly object future
    cdef object loop
    cdef object thread

    cdef int wake(self) except -1:
        if get_ident() == self.thread and current_scheduler().driving is not None:
            _settle(self.future)       # from a routine that this very loop drives: no need to wake the loop
            return 0
        try:
            self.loop.call_soon_threadsafe(_settle, self.future)
        except RuntimeError:           # the loop was closed with this task in it
            self.return_value()
        return 0

    def return_value(self):
        """The task went before it could look: what it was given goes back to the front of the channel."""
        cdef Chan channel
        if not (self.fired and self.ok):
            return
        if self.what == "recv":
            channel = self.subject
            channel.give_back(self.value)
        elif self.what == "select":
            case = self.subject[self.index]
            if isinstance(case, Recv):
                channel = case.channel
                channel.give_back(self.value)

    def abandon(self):
        """The task was cancelled while it waited."""
        if self.fired:
            self.return_value()
        else:
            self.unlink_all()

    def received(self):
        """The value of a receive, decoded if the channel has crossed."""
        cdef Chan channel = self.subject
        channel.check_lost(self.ok)
        return channel.unpack(self.value)

    def expire(self):
        if not self.fired:
            self.fire(-1, None, False)


cdef FutureWaiter _waiter(object loop, object subject, object what):
    cdef FutureWaiter waiter = FutureWaiter.__new__(FutureWaiter)
    waiter.loop = loop
    waiter.future = loop.create_future()
    waiter.thread = get_ident()
    waiter.subject = subject
    waiter.what = what
    return waiter


def recv_or_wait(Chan channel, loop):
    """`(None, value, ok)` at once, or `(waiter, None, False)`."""
    cdef Outcome out = Outcome.__new__(Outcome)
    cdef FutureWaiter waiter
    cdef Node node
    if channel.try_recv(out):
        channel.check_lost(out.ok)
        return None, channel.unpack(out.value), out.ok
    waiter = _waiter(loop, channel, "recv")
    node = waiter.add(0, None)
    if channel.try_recv(out):
        waiter.unlink_all()
        channel.check_lost(out.ok)
        return None, channel.unpack(out.value), out.ok
    channel.receivers.push(node)
    return waiter, None, False


def send_or_wait(Chan channel, value, loop):
    """None if sent at once, or a waiter."""
    cdef FutureWaiter waiter
    cdef Node node
    value = channel.pack(value)
    if channel.try_send(value):
        return None
    waiter = _waiter(loop, channel, "send")
    node = waiter.add(0, value)
    if channel.try_send(value):
        waiter.unlink_all()
        return None
    channel.senders.push(node)
    return waiter


def select_or_wait(tuple cases, loop):
    """`(selected, None)` at once, or `(None, waiter)`."""
    cdef FutureWaiter waiter
    done = attempt(cases)
    if done is not None:
        return done, None
    waiter = _waiter(loop, cases, "select")
    prepare(cases, waiter)
    done = attempt(cases)
    if done is not None:
        waiter.nodes = None
        return done, None
    enqueue(cases, waiter)
    return None, waiter


def watch(Routine routine, loop):
    """A waiter that fires when the routine is done, or None if it is."""
    cdef FutureWaiter waiter = _waiter(loop, routine, "result")
    return waiter if routine.watch(waiter) else None


def park_until_done(future, str what):
    """Park the current routine until an asyncio future of this thread's loop is done."""
    cdef Scheduler scheduler = current_scheduler()
    cdef GWaiter waiter
    if future.done():
        return
    waiter = new_waiter(scheduler)
    waiter.subject = future

    def wake(_):
        if not waiter.fired:
            waiter.fire(0, None, True)

    future.add_done_callback(wake)
    scheduler.wait(waiter, what)


selected_by_partner = chosen_by_partner
