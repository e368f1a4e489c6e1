"""select: wait for the first of several channel operations, fair among those that are ready.

Both worlds. As Go's runtime/select.go: look at every case once; if some are ready, one of them is chosen at
random; if none is, stand in all queues at once and let the first partner decide.
"""

import os
from _collections import _tuplegetter
from _collections_abc import GenericAlias

from gotee.errors import ChannelClosed, UsageError

from libc.stdint cimport uint64_t

from gotee.runtime.channel cimport Chan, Outcome
from gotee.runtime.loops cimport running_loop
from gotee.runtime.ready cimport GWaiter
from gotee.runtime.scheduler cimport Scheduler, blocking, current_scheduler, deadline_in, new_waiter
from gotee.runtime.waiting cimport Node, Waiter


class Selected(tuple):    # as `namedtuple` makes it, which comes with much that nothing else here needs
    """What `select` chose.

    `index` is the case's position, -1 for the default; `value` what a receive got; `ok` is False when a receive
    found its channel closed and drained, and for the default.
    """

    __slots__ = ()
    _fields = __match_args__ = ("index", "channel", "value", "ok")
    _field_defaults = {}
    index = _tuplegetter(0, "Alias for field number 0")
    channel = _tuplegetter(1, "Alias for field number 1")
    value = _tuplegetter(2, "Alias for field number 2")
    ok = _tuplegetter(3, "Alias for field number 3")

    def __new__(cls, index, channel, value, ok):
        return tuple.__new__(cls, (index, channel, value, ok))

    @classmethod
    def _make(cls, iterable):
        return cls(*iterable)

    def _replace(self, **fields):
        return type(self)(**{**self._asdict(), **fields})

    def _asdict(self):
        return dict(zip(self._fields, self))

    def __getnewargs__(self):
        return tuple(self)

    def __repr__(self):
        return f"{type(self).__name__}(index={self[0]!r}, channel={self[1]!r}, value={self[2]!r}, ok={self[3]!r})"


Selected.__module__ = "gotee"

cdef uint64_t _seed = int.from_bytes(os.urandom(8), "little") | 1


cdef Py_ssize_t below(Py_ssize_t limit):
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
    cdef object packed                # the value as its channel takes it
    cdef Chan target

    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

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
        deadline_in(timeout, "select")
    return 0


cdef object _select_outside = None


def set_hooks(select_outside):
    """Called inside an enclave: who does a select with a channel that lives outside."""
    global _select_outside
    _select_outside = select_outside


cpdef bint pack(tuple cases) except -1:
    """Make the values of send cases ready; True if one of the channels lives outside this world."""
    cdef Case case
    cdef bint crossing = False
    for case in cases:
        if case.target is None:
            continue
        if case.target.outside is not None:
            crossing = True
        elif case.sends:
            case.packed = case.target.pack(case.value)
    return crossing


def attempt(tuple cases):
    """Do one ready case, chosen at random among the ready, or return None. Atomic but for the result.

    To look at a case may end a loan, which fires a sender that also stood in the queue of the chosen one: then we choose
    again.
    """
    cdef Case case
    cdef Py_ssize_t index, ready, chosen
    cdef Outcome out = Outcome.__new__(Outcome)
    while True:
        ready, chosen = 0, -1
        for index in range(len(cases)):
            case = <Case>cases[index]
            if case.target is None:
                continue
            if case.target.can_send() if case.sends else case.target.can_recv():
                ready += 1
                if below(ready) == 0:
                    chosen = index
        if chosen < 0:
            return None
        case = <Case>cases[chosen]
        if case.sends:
            if case.target.try_send(case.packed):
                return Selected(chosen, case.channel, None, True)
        elif case.target.try_recv(out):
            case.target.check_lost(out.ok)
            return Selected(chosen, case.channel, case.target.unpack(out.value), out.ok)


def claimable(tuple cases):
    """The objects that must take back the operations which our cases, none of them ready, could meet."""
    cdef Case case
    found = []
    for case in cases:
        if case.target is not None and case.target.outside is None and case.target.room == 0:
            queue = case.target.receivers if case.sends else case.target.senders
            found.extend(case.target._outside_waiters(queue))
    return found


def nudge_partners(tuple cases):
    """We stand in queues: partners that also wait outside are asked to come back."""
    cdef Case case
    for case in cases:
        if case.target is not None and case.target.outside is None:
            (case.target.receivers if case.sends else case.target.senders).nudge()


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
    cdef Py_ssize_t index, other
    waiter.nodes = []
    waiter.subject = cases
    for index in range(len(cases)):
        case = <Case>cases[index]
        if case.target is not None:
            place(waiter, index, case.packed)
    for index in range(len(waiter.nodes) - 1, 0, -1):   # in a random order: of two cases in one queue, either may win
        other = below(index + 1)
        waiter.nodes[index], waiter.nodes[other] = waiter.nodes[other], waiter.nodes[index]


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
    case.target.check_lost(waiter.ok)
    if case.sends and not waiter.ok:
        raise ChannelClosed(f"channel {case.channel} was closed while select waited to send on it")
    return Selected(waiter.index, case.channel, case.target.unpack(waiter.value), waiter.ok)


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
    cdef double deadline = 0
    _validate(cases, timeout, default)
    if default:
        running_loop()
        scheduler = current_scheduler()
    else:
        scheduler = blocking("await gotee.aselect(...)")
    if pack(cases):
        return _select_outside(cases, default, timeout)
    done = attempt(cases)
    if done is not None:
        return done
    if default:
        if _select_outside is not None and claimable(cases):
            return _select_outside(cases, True, None)
        return Selected(-1, None, None, False)
    if timeout is not None:
        deadline = deadline_in(timeout, "select")
        if timeout <= 0:
            raise TimeoutError("select found no case ready")
    waiter = new_waiter(scheduler)
    prepare(cases, waiter)
    done = attempt(cases)              # making the nodes may have let another thread in
    if done is not None:
        waiter.nodes = None
        return done
    enqueue(cases, waiter)
    nudge_partners(cases)
    if timeout is None:
        scheduler.wait(waiter, "select")
    elif not scheduler.wait_until(waiter, "select", deadline):
        raise TimeoutError(f"no case of select was ready within {timeout} seconds")
    return chosen_by_partner(cases, waiter)


def validate(tuple cases, timeout):
    """For aselect."""
    _validate(cases, timeout, False)
