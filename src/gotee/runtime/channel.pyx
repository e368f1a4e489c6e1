"""Chan: Go's channel, within one world.

Both worlds. The rules are those of Go's specification ("Channel types", "Send statements", "Receive operator",
"Close") and of runtime/chan.go: a waiting partner is served before the buffer, queues are first in, first out,
an unbuffered send returns only when its receiver came.

try_send, try_recv, close and give_back change the queues without a call of Python code in between; they are
atomic (see gotee.runtime.scheduler). Whatever allocates runs before the last attempt.
"""

import sys
from _collections import deque
from _collections_abc import GenericAlias

cimport cython

from gotee.errors import ChannelClosed, EnclaveLost, UsageError

from gotee.runtime.loops cimport running_loop
from gotee.runtime.ready cimport GWaiter
from gotee.runtime.scheduler cimport Scheduler, blocking, new_waiter
from gotee.runtime.waiting cimport Node, WaitQueue

cdef Py_ssize_t _number = 0
cdef object _checker = None


def set_hooks(checker):
    """Called once by the package: what makes the check of an element annotation (runtime.elements)."""
    global _checker
    _checker = checker


@cython.freelist(256)
cdef class Encoded:
    """A value as it travels; what a channel that has crossed holds instead of the value itself."""

    def __init__(self, data):
        self.data = data


cdef Encoded encoded(object data):
    cdef Encoded value = Encoded.__new__(Encoded)
    value.data = data
    return value


@cython.freelist(16)
cdef class Outcome:
    """What a receive got."""


cdef class Codec:
    """What a channel that has crossed makes Encoded of values with, and values of those; see gotee.boundary.crossing."""

    cpdef object encode(self, value):
        raise NotImplementedError

    cpdef object decode(self, value):
        raise NotImplementedError


cdef class Outside:
    """The inner end of a channel that lives in another world; made by gotee.boundary.outside.

    `scheduler` is that of the caller, who may block: `blocking` has said so.
    """

    cdef int send(self, Scheduler scheduler, Chan channel, object value) except -1:
        raise NotImplementedError

    cdef int recv(self, Scheduler scheduler, Chan channel, Outcome out) except -1:
        raise NotImplementedError

    cpdef int close(self, Chan channel) except -1:
        raise NotImplementedError

    cpdef Py_ssize_t length(self, Chan channel) except -1:
        raise NotImplementedError

    cpdef Py_ssize_t capacity(self, Chan channel) except -1:
        raise NotImplementedError


cdef class Loan:
    """The first values of a channel's buffer, which the other world may take by itself; see gotee.boundary.loans."""

    cdef Py_ssize_t taken(self, bint end) except -1:
        """How many have been taken since this was last asked; with `end`, no more will be."""
        raise NotImplementedError


cdef class Space:
    """The room of a channel's buffer, which the other world may fill by itself; see gotee.boundary.spaces."""

    cdef list arrived(self, bint end):
        """The values behind those that are known, or None if there are none; with `end`, there will be no more."""
        raise NotImplementedError

    cdef int keep(self, Py_ssize_t count, bint end) except -1:
        """So many of them are in the buffer now."""
        raise NotImplementedError


cdef class Chan:
    """A channel of values of type T, as in Go.

    `Chan[T](capacity)` holds up to `capacity` values before `send` waits; with 0 every `send` waits for its
    receiver. T is enforced at `send`; `Chan()` takes anything. Routines of all threads may use it, and asyncio
    code with `asend`, `arecv` and `async for`. A channel is always true, whatever its length. It need not be closed.

    >>> from gotee import Chan
    >>> numbers = Chan[int](2)
    >>> numbers.send(1); numbers.send(2); numbers.close()
    >>> len(numbers), list(numbers)
    (2, [1, 2])
    """

    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    def __init__(self, capacity=0):
        global _number
        if type(capacity) is not int:
            raise UsageError(f"a channel's capacity is an int, got {type(capacity).__name__}")
        if capacity < 0 or capacity > sys.maxsize:
            raise UsageError(f"a channel's capacity is 0 or more, got {capacity}")
        _number += 1
        self.number = _number
        self.room = capacity
        self.buffer = deque()
        self.receivers = WaitQueue.__new__(WaitQueue)
        self.senders = WaitQueue.__new__(WaitQueue)

    @property
    def __orig_class__(self):
        raise AttributeError("__orig_class__")

    @__orig_class__.setter
    def __orig_class__(self, alias):
        """types.GenericAlias says here which `Chan[T]` made this channel."""
        if self.element is not None or self.number == 0:
            return
        (element,) = alias.__args__
        self.element = element
        self.exact, self.check = _checker(element)

    @property
    def capacity(self):
        """How many values it holds before `send` waits."""
        return self.room if self.outside is None else self.outside.capacity(self)

    def __bool__(self):
        return True

    def __len__(self):
        if self.outside is not None:
            return self.outside.length(self)
        self.look()
        return min(len(self.buffer), self.room)   # a value that was given back may stand beyond it

    def __repr__(self):
        state = ", closed" if self.closed else ""
        return f"<{self} {len(self.buffer)}/{self.room}{state}>"

    def __str__(self):
        if self.element is None:
            kind = "Chan"
        else:
            kind = f"Chan[{getattr(self.element, '__name__', None) or self.element}]"
        return f"{kind}#{self.number}"

    cdef int vet(self, object value) except -1:
        if self.check is not None and type(value) is not self.exact:
            self.check(value)
        return 0

    # -- crossing: see gotee.boundary ----------------------------------------------------------------

    cdef object gone(self, str closed):
        """The error of an operation on a channel that is closed, or whose enclave is lost."""
        if self.lost:
            return EnclaveLost(f"the enclave at the other end of channel {self} is gone")
        return ChannelClosed(f"{closed} {self}")

    cdef object pack(self, object value):
        return value if self.codec is None else self.codec.encode(value)

    cdef object unpack(self, object value):
        return self.codec.decode(value) if type(value) is Encoded else value

    def cross(self, Codec codec):
        """The other world may use this channel from now on: every value it holds is encoded, or none and it raises."""
        cdef Node node
        if self.codec is not None:
            return
        buffered = [codec.encode(value) for value in self.buffer]
        offered = []
        node = self.senders.head
        while node is not None:
            offered.append((node, codec.encode(node.value)))
            node = node.next
        self.codec = codec
        self.buffer.clear()
        self.buffer.extend(buffered)
        for each, encoded in offered:
            (<Node>each).value = encoded

    def live_outside(self, Outside outside, element):
        """This channel is only the inner end of one that lives outside, whose end checks what is sent."""
        self.outside = outside
        self.element = element

    # -- one attempt, atomic ------------------------------------------------------------------------

    cdef int settle(self, bint end) except -1:
        """What the other world has taken of its loan leaves the buffer, as if it had just now; senders follow.

        Whoever takes a value ends the loan first: two takers would be two orders.
        """
        cdef Py_ssize_t taken = self.loan.taken(end)
        cdef Node node
        if end:
            self.loan = None
        while taken > 0:
            self.buffer.popleft()
            taken -= 1
        while len(self.buffer) < self.room:
            node = self.senders.first()
            if node is None:
                break
            self.buffer.append(node.value)
            node.waiter.fire(node.index, None, True)
        return 0

    cdef int collect(self, bint end) except -1:
        """What the other world has put into its space is in the buffer, as if it came just now; receivers follow.

        Whoever sends, or closes, ends the space first. To read a value may let others in, who may have collected it.
        """
        cdef Space space = self.space
        cdef Py_ssize_t known
        cdef list values
        cdef Node node
        while space is not None and self.space is space:
            known = space.known
            values = space.arrived(end)
            if self.space is not space or space.known != known:
                continue
            if values is not None:
                self.buffer.extend(values)
            if end:
                self.space = None
            if end or values is not None:
                space.keep(0 if values is None else len(values), end)
            break
        while self.buffer and self.receivers.head is not None:
            node = self.receivers.first()
            if node is None:
                self.receivers.nudge()
                break
            node.waiter.fire(node.index, self.buffer.popleft(), True)
        return 0

    cdef int try_send(self, object value) except -1:
        cdef Node node
        while self.space is not None:  # again, if somebody lent the room anew meanwhile
            self.collect(True)
        if self.closed:
            raise self.gone("send on closed channel")
        node = self.receivers.first()
        if node is not None:
            node.waiter.fire(node.index, value, True)
            return 1
        if self.loan is not None and len(self.buffer) >= self.room:
            self.settle(False)
        if len(self.buffer) < self.room:
            self.buffer.append(value)
            self.receivers.nudge()
            return 1
        return 0

    cdef int try_recv(self, Outcome out) except -1:
        cdef Node node
        if self.loan is not None:
            self.settle(True)
        if self.space is not None and not self.buffer:
            self.collect(False)
        if self.buffer:
            out.value = self.buffer.popleft()
            out.ok = True
            if self.senders.head is not None and len(self.buffer) < self.room:
                node = self.senders.first()
                if node is not None:
                    self.buffer.append(node.value)
                    node.waiter.fire(node.index, None, True)
                else:
                    self.senders.nudge()
            return 1
        node = self.senders.first()
        if node is not None:
            out.value = node.value
            out.ok = True
            node.waiter.fire(node.index, None, True)
            return 1
        if self.closed:
            out.value = None
            out.ok = False
            return 1
        return 0

    cpdef bint can_send(self) except -1:
        while self.space is not None:  # again, if somebody lent the room anew meanwhile
            self.collect(True)
        if self.loan is not None and len(self.buffer) >= self.room:
            self.settle(False)
        return self.closed or self.receivers.first() is not None or len(self.buffer) < self.room

    cpdef bint can_recv(self) except -1:
        if self.loan is not None:
            self.settle(True)
        if self.space is not None and not self.buffer:
            self.collect(False)
        return self.closed or self.senders.first() is not None or len(self.buffer) > 0

    cpdef give_back(self, object value):
        """A receiver that was served and then cancelled before it could look returns the value to the front."""
        cdef Node node = self.receivers.head
        if self.loan is not None:
            self.settle(True)
        if node is not None:
            node.waiter.fire(node.index, value, True)
        else:
            self.buffer.appendleft(value)

    # -- what users call -----------------------------------------------------------------------------

    def send(self, value):
        """Send `value`; wait until it is received or buffered.

        Raises BoundaryTypeError if it is no T, ChannelClosed if the channel is closed or gets closed meanwhile.
        """
        cdef Scheduler scheduler = blocking("await channel.asend(...)")
        cdef GWaiter waiter
        cdef Node node
        self.vet(value)
        if self.outside is not None:
            self.outside.send(scheduler, self, value)
            return
        value = self.pack(value)
        if self.try_send(value):
            return
        waiter = new_waiter(scheduler)
        waiter.subject = self
        node = waiter.add(0, value)
        if self.try_send(value):       # making the waiter may have let another thread in
            waiter.unlink_all()
            return
        self.senders.push(node)
        node = None
        self.receivers.nudge()
        scheduler.wait(waiter, "send")
        if not waiter.ok:
            raise self.gone("closed while send waited: channel")

    def recv(self):
        """Receive the next value; raises ChannelClosed when the channel is closed and drained."""
        cdef Outcome out = Outcome.__new__(Outcome)
        self.receive(out)
        if not out.ok:
            raise ChannelClosed(f"recv on closed and drained channel {self}")
        return out.value

    def check_lost(self, bint ok):
        """A receive found the channel closed: was that because the enclave is gone?"""
        if not ok and self.lost:
            raise self.gone("")

    def recv_ok(self):
        """Receive as `(value, True)`, or `(None, False)` when the channel is closed and drained."""
        cdef Outcome out = Outcome.__new__(Outcome)
        self.receive(out)
        return out.value, out.ok

    cdef int receive(self, Outcome out) except -1:
        """What `recv`, `recv_ok` and iteration do."""
        cdef Scheduler scheduler = blocking("await channel.arecv()")
        cdef GWaiter waiter
        cdef Node node
        if self.outside is not None:
            return self.outside.recv(scheduler, self, out)
        if self.try_recv(out):
            return self.received(out)
        waiter = new_waiter(scheduler)
        waiter.subject = self
        node = waiter.add(0, None)
        if self.try_recv(out):
            waiter.unlink_all()
            return self.received(out)
        self.receivers.push(node)
        node = None
        self.senders.nudge()
        scheduler.wait(waiter, "recv")
        out.value, out.ok = waiter.value, waiter.ok
        return self.received(out)

    cdef int received(self, Outcome out) except -1:
        """Make what was taken out what the receiver gets."""
        if out.ok:
            out.value = self.unpack(out.value)
        else:
            self.check_lost(False)
        return 0

    def close(self):
        """Close: no more sends; buffered values can still be received. A second close raises ChannelClosed."""
        running_loop()
        if self.outside is not None:
            self.outside.close(self)
            return
        if self.closed:
            raise self.gone("close of closed channel")
        self._close()

    def look(self):
        """Somebody may have taken what was lent, or put something into a space."""
        if self.loan is not None:
            self.settle(False)
        if self.space is not None:
            self.collect(False)

    def end_loan(self):
        """From now on nobody takes or puts anything without asking."""
        if self.loan is not None:
            self.settle(True)
        while self.space is not None:  # again, if somebody lent the room anew meanwhile
            self.collect(True)

    def lose(self):
        """The enclave is gone: what is buffered can still be received, then every operation raises EnclaveLost."""
        self.end_loan()
        if not self.closed:
            self.lost = True
            self._close()

    def _close(self):
        cdef Node node
        self.look()                    # a sender for whom there is room has sent before the close
        while self.space is not None:  # again, if somebody lent the room anew meanwhile
            self.collect(True)
        if self.closed:                # to look may have let another in who closed it
            raise self.gone("close of closed channel")
        self.closed = True
        for queue in (self.receivers, self.senders):
            node = (<WaitQueue>queue).first()
            while node is not None:
                node.waiter.fire(node.index, None, False)
                node = (<WaitQueue>queue).first()
            for outside in self._outside_waiters(queue):
                outside.nudge()

    def _outside_waiters(self, WaitQueue queue):
        cdef Node node = queue.head
        found = []
        while node is not None:
            if node.waiter.outside is not None:
                found.append(node.waiter.outside)
            node = node.next
        return found

    def rematch(self):
        """A waiter that also waited outside has left: others may be served now, or asked to come back."""
        cdef Node node
        if self.closed:
            return
        if self.room == 0 and self.receivers.head is not None and self.senders.head is not None:
            for queue in (self.receivers, self.senders):
                (<WaitQueue>queue).nudge()
        elif self.buffer and self.receivers.head is not None:
            self.receivers.nudge()
        elif len(self.buffer) < self.room and self.senders.head is not None:
            self.senders.nudge()

    def __iter__(self):
        return self

    def __next__(self):
        cdef Outcome out = Outcome.__new__(Outcome)
        self.receive(out)
        if not out.ok:
            raise StopIteration
        return out.value

    # -- asyncio --------------------------------------------------------------------------------------

    def asend(self, value):
        """`send` for asyncio code: `await channel.asend(value)`."""
        from gotee.runtime.aio import send

        self.vet(value)
        return send(self, value)

    def arecv(self):
        """`recv` for asyncio code. If the task is cancelled, no value is lost."""
        from gotee.runtime.aio import recv

        return recv(self)

    def arecv_ok(self):
        """`recv_ok` for asyncio code."""
        from gotee.runtime.aio import recv_ok

        return recv_ok(self)

    def __aiter__(self):
        return self

    def __anext__(self):
        from gotee.runtime.aio import next_value

        return next_value(self)
