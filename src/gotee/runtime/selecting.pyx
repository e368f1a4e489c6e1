"""select: wait for the first of several channel operations, fair among those that are ready.

Both worlds. As Go's runtime/select.go: look at every case once; if some are ready, one of them is chosen at
random; if none is, stand in all queues at once and let the first partner decide.
"""

import os
from collections import namedtuple
from time import monotonic

from gotee.errors import ChannelClosed, UsageError

from libc.stdint cimport uint64_t

from gotee.runtime.channel cimport Chan, Outcome
from gotee.runtime.scheduler cimport (
    GWaiter, Scheduler, blocking, current_scheduler, new_waiter, running_loop,
)
from gotee.runtime.waiting cimport Node, Waiter

Selected = namedtuple("Selected", ["index", "channel", "value", "ok"])
Selected.__doc__ = """What `select` chose.

`index` is the case's position, -1 for the default; `value` what a receive got; `ok` is False when a receive
found its channel closed and drained, and for the default.
"""
Selected.__module__ = "gotee"

cdef uint64_t _seed = int.from_bytes(os.urandom(8), "little") | 1


cdef Py_ssize_t _below(Py_ssize_t limit):
    """A random index; xorshift64* is fair enough and needs no lock."""
    global _seed
    _seed ^= _seed >> 12
    _seed ^= _seed << 25
    _seed ^= _seed >> 27
    return <Py_ssize_t>((_seed * 2685821657736338717ULL >> 16) % <uint64_t>limit)


cdef class Case:
    cdef readonly object channel
    cdef readonly object value
    cdef bint sends
    cdef Chan target

    cdef int aim(self, object channel) except -1:
        if channel is not None and not isinstance(channel, Chan):
            raise UsageError(
                f"{type(self).__name__} needs a channel or None, got {type(channel).__name__}"
            )
        self.channel = channel
        self.target = channel
        return 0


cdef class Recv(Case):
    """A case of `select`: receive from `channel`; with None it is never ready (Go's nil channel)."""

    def __init__(self, channel, /):
        self.aim(channel)

    def __repr__(self):
        return f"Recv({self.channel})"


cdef class Send(Case):
    """A case of `select`: send `value` to `channel`; with None it is never ready."""

    def __init__(self, channel, value, /):
        self.aim(channel)
        self.value = value
        self.sends = True
        if self.target is not None:
            self.target.vet(value)

    def __repr__(self):
        return f"Send({self.channel}, ...)"


cdef int _validate(tuple cases, timeout, bint default) except -1:
    for case in cases:
        if not isinstance(case, Case):
            raise UsageError(
                f"select takes Recv(channel) and Send(channel, value) cases, got {type(case).__name__}"
            )
    if timeout is not None:
        if default:
            raise UsageError("select with default=True never waits: leave out timeout")
        if timeout != timeout:
            raise UsageError("select needs a timeout in seconds, got nan")
    return 0


def attempt(tuple cases):
    """Do one ready case, chosen at random among the ready, or return None. Atomic but for the result."""
    cdef Case case
    cdef Py_ssize_t index = 0, ready = 0, chosen = -1
    cdef Outcome out = Outcome.__new__(Outcome)
    for index in range(len(cases)):
        case = <Case>cases[index]
        if case.target is None:
            continue
        if case.target.can_send() if case.sends else case.target.can_recv():
            ready += 1
            if _below(ready) == 0:
                chosen = index
    if chosen < 0:
        return None
    case = <Case>cases[chosen]
    if case.sends:
        case.target.try_send(case.value)
        return Selected(chosen, case.channel, None, True)
    case.target.try_recv(out)
    return Selected(chosen, case.channel, out.value, out.ok)


cpdef int enqueue(tuple cases, Waiter waiter) except -1:
    """Stand in the queues of all cases. The nodes were made by `prepare`."""
    cdef Case case
    cdef Node node
    cdef Py_ssize_t place = 0
    for node in waiter.nodes or ():
        case = <Case>cases[node.index]
        (case.target.senders if case.sends else case.target.receivers).push(node)
    return 0


def prepare(tuple cases, Waiter waiter):
    """Make a node for every case that can ever be ready; nothing is queued yet."""
    cdef Case case
    cdef Py_ssize_t index
    waiter.nodes = []
    waiter.subject = cases
    for index in range(len(cases)):
        case = <Case>cases[index]
        if case.target is not None:
            place(waiter, index, case.value)


cdef int place(Waiter waiter, Py_ssize_t index, object value) except -1:
    cdef Node node = Node.__new__(Node)
    node.waiter = waiter
    node.index = index
    node.value = value
    waiter.nodes.append(node)
    return 0


def chosen_by_partner(tuple cases, Waiter waiter):
    """The result of a select that waited."""
    cdef Case case = <Case>cases[waiter.index]
    if case.sends and not waiter.ok:
        raise ChannelClosed(f"channel {case.channel} was closed while select waited to send on it")
    return Selected(waiter.index, case.channel, waiter.value, waiter.ok)


def select(*cases, default=False, timeout=None):
    """Wait until one of the cases can go on, and do it.

    With `default=True` it does not wait: if no case is ready it returns `Selected(-1, None, None, False)`.
    `timeout` (seconds) raises TimeoutError when it runs out. Among several ready cases one is chosen at random.
    Raises ChannelClosed when the chosen case sends on a closed channel. `select()` without cases waits for ever.

    >>> from gotee import Chan, Recv, Send, select
    >>> inbox, outbox = Chan[str](1), Chan[str](1)
    >>> select(Recv(inbox), Send(outbox, "hello")).index
    1
    >>> select(Recv(inbox), default=True)
    Selected(index=-1, channel=None, value=None, ok=False)
    """
    cdef Scheduler scheduler
    cdef GWaiter waiter
    _validate(cases, timeout, default)
    if default:
        running_loop()
        scheduler = current_scheduler()
    else:
        scheduler = blocking("await gotee.aselect(...)")
    done = attempt(cases)
    if done is not None:
        return done
    if default:
        return Selected(-1, None, None, False)
    waiter = new_waiter(scheduler)
    prepare(cases, waiter)
    if timeout is not None and timeout <= 0:
        raise TimeoutError("select found no case ready")
    done = attempt(cases)              # making the nodes may have let another thread in
    if done is not None:
        waiter.nodes = None
        return done
    enqueue(cases, waiter)
    if timeout is None:
        scheduler.wait(waiter, "select")
    elif not scheduler.wait_until(waiter, "select", monotonic() + timeout):
        raise TimeoutError(f"no case of select was ready within {timeout} seconds")
    return chosen_by_partner(cases, waiter)


def validate(tuple cases, timeout):
    """For aselect."""
    _validate(cases, timeout, False)
