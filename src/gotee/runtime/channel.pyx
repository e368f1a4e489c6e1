"""Chan: Go's channel, within one world.

Both worlds. The rules are those of Go's specification ("Channel types", "Send statements", "Receive operator",
"Close") and of runtime/chan.go: a waiting partner is served before the buffer, queues are first in, first out,
an unbuffered send returns only when its receiver came.

try_send, try_recv, close and give_back change the queues without a call of Python code in between; they are
atomic (see gotee.runtime.scheduler). Whatever allocates runs before the last attempt.
"""

import sys
import types
from collections import deque

from gotee.errors import ChannelClosed, UsageError

from gotee.runtime.scheduler cimport GWaiter, Scheduler, blocking, new_waiter, running_loop
from gotee.runtime.waiting cimport Node, WaitQueue

cdef Py_ssize_t _number = 0
cdef object _checker = None


def set_hooks(checker):
    """Called once by the package: what makes the check of an element annotation (runtime.elements)."""
    global _checker
    _checker = checker


cdef class Outcome:
    """What a receive got."""


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
        return types.GenericAlias(cls, item)

    def __init__(self, capacity=0):
        global _number
        if type(capacity) is not int:
            raise UsageError(f"a channel's capacity is an int, got {type(capacity).__name__}")
        if capacity < 0 or capacity > sys.maxsize:
            raise UsageError(f"a channel's capacity is 0 or more, got {capacity}")
        _number += 1
        self.number = _number
        self.capacity = capacity
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

    def __bool__(self):
        return True

    def __len__(self):
        return len(self.buffer)

    def __repr__(self):
        state = ", closed" if self.closed else ""
        return f"<{self} {len(self.buffer)}/{self.capacity}{state}>"

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

    # -- one attempt, atomic ------------------------------------------------------------------------

    cdef int try_send(self, object value) except -1:
        cdef Node node
        if self.closed:
            raise ChannelClosed(f"send on closed channel {self}")
        node = self.receivers.head
        if node is not None:
            node.waiter.fire(node.index, value, True)
            return 1
        if len(self.buffer) < self.capacity:
            self.buffer.append(value)
            return 1
        return 0

    cdef int try_recv(self, Outcome out) except -1:
        cdef Node node
        if self.buffer:
            out.value = self.buffer.popleft()
            out.ok = True
            node = self.senders.head
            if node is not None and len(self.buffer) < self.capacity:
                self.buffer.append(node.value)
                node.waiter.fire(node.index, None, True)
            return 1
        node = self.senders.head
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

    cpdef bint can_send(self):
        return self.closed or self.receivers.head is not None or len(self.buffer) < self.capacity

    cpdef bint can_recv(self):
        return self.closed or self.senders.head is not None or len(self.buffer) > 0

    cpdef give_back(self, object value):
        """A receiver that was served and then cancelled before it could look returns the value to the front."""
        cdef Node node = self.receivers.head
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
        scheduler.wait(waiter, "send")
        if not waiter.ok:
            raise ChannelClosed(f"channel {self} was closed while send waited")

    def recv(self):
        """Receive the next value; raises ChannelClosed when the channel is closed and drained."""
        value, ok = self.recv_ok()
        if not ok:
            raise ChannelClosed(f"recv on closed and drained channel {self}")
        return value

    def recv_ok(self):
        """Receive as `(value, True)`, or `(None, False)` when the channel is closed and drained."""
        cdef Scheduler scheduler = blocking("await channel.arecv()")
        cdef Outcome out = Outcome.__new__(Outcome)
        cdef GWaiter waiter
        cdef Node node
        if self.try_recv(out):
            return out.value, out.ok
        waiter = new_waiter(scheduler)
        waiter.subject = self
        node = waiter.add(0, None)
        if self.try_recv(out):
            waiter.unlink_all()
            return out.value, out.ok
        self.receivers.push(node)
        node = None
        scheduler.wait(waiter, "recv")
        return waiter.value, waiter.ok

    def close(self):
        """Close: no more sends; buffered values can still be received. A second close raises ChannelClosed."""
        cdef Node node
        running_loop()
        if self.closed:
            raise ChannelClosed(f"close of closed channel {self}")
        self.closed = True
        while self.receivers.head is not None:
            node = self.receivers.head
            node.waiter.fire(node.index, None, False)
        while self.senders.head is not None:
            node = self.senders.head
            node.waiter.fire(node.index, None, False)

    def __iter__(self):
        return self

    def __next__(self):
        value, ok = self.recv_ok()
        if not ok:
            raise StopIteration
        return value

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
