"""The home of crossing channels: the host owns them and arbitrates; the enclave's operations wait beside its own.

Host world. One Home for each enclave; its `on_...` functions are called by whoever dispatches the enclave's messages.
What comes from there is hostile: ids are looked up, values validated, before anything is done. The rules are in
docs/explanation/protocol.md.
"""

import threading
import weakref

from libc.stdint cimport uint64_t

from gotee.boundary.crossing cimport Crossed, ValueCodec
from gotee.boundary.loans cimport Lender
from gotee.boundary.spaces cimport SpaceLender
from gotee.boundary.messages cimport (
    CODE_CANCELLED, CODE_CLOSED, CODE_ERROR, CODE_GRANT, CODE_LENGTH, CODE_NONE, CODE_OK, CODE_TAKEN, Message,
)
from gotee.boundary.wire cimport Wire
from gotee.runtime.channel cimport Chan, Encoded, Outcome
from gotee.runtime.partners cimport RemoteWaiter
from gotee.runtime.waiting cimport Node

from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.messages import pack_capacity, pack_error, unpack_cases
from gotee.errors import BoundaryTypeError, ChannelClosed
from gotee.runtime.partners import attempt

cdef enum:
    MOST_CASES = 65_536


cdef class Operation(RemoteWaiter):
    """An operation of the enclave that waits here."""

    cdef int wake(self) except -1:
        self.home.waiting.pop(self.op, None)
        return self.home.answer(self.op, self.index, self.value, self.ok)


cdef class Home:
    """Every channel that one enclave has a handle of, and every operation of the enclave that waits here."""

    def __init__(self, Wire wire):
        self.wire = wire
        self.channels = {}
        self.handles = {}
        self.counting = threading.Lock()
        self.numbers = weakref.WeakKeyDictionary()
        self.next_number = 1
        self.waiting = {}
        self.lender = None if wire.ring is None else Lender(wire)
        self.spaces = None if wire.ring is None else SpaceLender(wire)

    # -- handles ----------------------------------------------------------------------------------

    def number(self, Chan channel, elements):
        """The number by which messages name a channel; from now on it holds values encoded as `elements`."""
        if channel.outside is not None:
            raise BoundaryTypeError(f"{channel} belongs to another world")
        if channel.codec is None:
            from gotee.boundary.canonical import same_elements    # msgspec, which most programs do without

            known = channel.element is None or same_elements(channel.element, elements.annotation)
            channel.cross(ValueCodec(elements, self, None if known else channel.check))
        cdef ValueCodec crossed = channel.codec
        if crossed.elements is not elements and crossed.elements.text != elements.text:
            raise BoundaryTypeError(
                f"{channel} crossed as {crossed.elements.name} before, so it cannot cross as {elements.name}: "
                "annotate it the same in both places"
            )
        number = self.numbers.get(channel)
        if number is None:
            number = self.numbers[channel] = self.next_number
            self.next_number += 1
        return number

    def channel(self, number, elements):
        """The channel that the enclave names in a value."""
        return self.known(number)

    def refuse(self, numbers):
        """A value of the enclave cannot be built: the channels that it names are ours, and nothing is to do."""

    cpdef bytes crosses(self, Encoded value):
        """The bytes, but for a `body`, of a value that leaves for the enclave, which gets a handle of each channel in it."""
        cdef Crossed crossed = value.data
        if crossed.channels:
            with self.counting:
                for number, channel in crossed.channels.items():
                    self.channels[number] = channel
                    self.handles[number] = self.handles.get(number, 0) + 1
        return crossed.payload

    cdef Chan known(self, uint64_t number):
        channel = self.channels.get(number)
        if channel is None:
            raise LinkCorrupt(f"the enclave named channel {number}, of which it has no handle")
        return channel

    def on_release(self, Message message):
        """RELEASE: the enclave dropped a handle that had crossed `argument` times."""
        with self.counting:
            left = self.handles.get(message.id, 0) - message.argument
            if left < 0 or message.argument == 0:
                raise LinkCorrupt(f"the enclave released channel {message.id} more often than it got it")
            if left:
                self.handles[message.id] = left
            else:
                self.known(message.id).end_loan()
                del self.handles[message.id], self.channels[message.id]

    # -- operations ---------------------------------------------------------------------------------

    cpdef on_want(self, Message message):
        """WANT(op, ch): as `arrive` with one case, which is what most operations have."""
        cdef Outcome out = Outcome.__new__(Outcome)
        cdef Operation waiter
        cdef Node node
        cdef Chan channel
        self.new_op(message.id)
        channel = self.known(message.argument)
        if not channel.try_recv(out):
            waiter, node = self._operation(message.id, None)
            if not channel.try_recv(out):
                channel.receivers.push(node)
                return
            self._drop(waiter)
        if self.lender is not None and channel.room > 0:
            self.lender.lend(message.argument, channel)
        self.answer(message.id, 0, out.value, out.ok)

    def on_took(self, Message message):
        """TOOK(ch): of what was lent; how much is in the loan's own word. Nothing, if the handle is gone already."""
        channel = self.channels.get(message.id)
        if channel is not None:
            (<Chan> channel).look()

    cpdef int listen(self) except -1:
        """Before a wait: what the enclave puts into a channel from now on is told."""
        if self.spaces is not None:
            self.spaces.listen()
        return 0

    cpdef int check(self) except -1:
        """LinkCorrupt, or the like, if the enclave has put into a channel what cannot be."""
        if self.spaces is not None and self.spaces.broken is not None:
            raise self.spaces.broken
        return 0

    cdef bint lends(self) noexcept:
        """Whether anything is lent."""
        return self.lender is not None and len(self.lender.channels) > 0

    def look(self):
        """Act on what has been taken without a word so far: the enclave may compute for long before it says so."""
        if self.lends():
            self.lender.look()

    cpdef on_offer(self, Message message):
        """OFFER(op, ch, value): likewise."""
        cdef Operation waiter
        cdef Encoded value
        cdef Node node
        cdef Chan channel
        cdef bint sent
        self.new_op(message.id)
        channel = self.known(message.argument)
        try:
            value = self.validated(channel, message.payload, message.body)
        except BoundaryTypeError as error:
            self.error(message.id, "BoundaryTypeError", error)
            return
        sent = not channel.closed and channel.try_send(value)
        if not sent and not channel.closed:
            waiter, node = self._operation(message.id, value)
            sent = not channel.closed and channel.try_send(value)
            if not sent and not channel.closed:
                channel.senders.push(node)
                return
            self._drop(waiter)
        if sent and self.spaces is not None and channel.room > 0:
            self.spaces.lend(message.argument, channel)
        self.answer(message.id, 0, None, sent)

    cdef tuple _operation(self, uint64_t op, object value):
        """A waiter and its node, made before the last attempt: from that on no other thread comes in between."""
        cdef Operation waiter = Operation.__new__(Operation)
        waiter.what = "the other world"
        waiter.op = op
        waiter.home = self
        self.waiting[op] = waiter
        return waiter, waiter.add(0, value)

    cdef int _drop(self, Operation waiter) except -1:
        """It need not wait."""
        waiter.unlink_all()
        self.waiting.pop(waiter.op, None)
        return 0

    def on_select(self, Message message):
        """SELECT(op, nonblocking, cases)."""
        self.arrive(message.id, unpack_cases(message.payload, MOST_CASES), not message.argument)

    def on_cancel(self, Message message):
        """CANCEL(op): answered by CANCELLED, or not at all, because the operation's answer is on its way."""
        waiter = self.waiting.get(message.id)
        if waiter is None:
            if message.id > self.last_op:
                raise LinkCorrupt(f"the enclave cancelled operation {message.id}, which it never began")
        elif waiter.withdraw():
            self.waiting.pop(message.id, None)
            self.wire.post(CODE_CANCELLED, message.id)

    def on_close(self, Message message):
        """CLOSE(op, ch)."""
        self.new_op(message.id)
        try:
            self.known(message.argument).close()
        except ChannelClosed as error:
            self.error(message.id, "ChannelClosed", error)
        else:
            self.wire.post(CODE_OK, message.id)

    def on_length(self, Message message):
        """LEN(op, ch): answered with the length, and with the capacity, which a handle does not carry."""
        self.new_op(message.id)
        cdef Chan channel = self.known(message.argument)
        self.wire.post(CODE_LENGTH, message.id, len(channel), pack_capacity(channel.room))

    def end_loans(self):
        """While there still is shared memory: what the enclave took and put counts, and no more of it will."""
        for reference in self.numbers.keyrefs():
            channel = reference()
            if channel is not None:
                channel.end_loan()

    def lose(self):
        """The enclave is gone: its operations leave all queues, then its channels drain and raise EnclaveLost.

        These are all that have ever crossed: whether a handle had just been released is no difference to who waits here.
        """
        for waiter in list(self.waiting.values()):
            waiter.withdraw()
        self.waiting.clear()
        for reference in self.numbers.keyrefs():
            channel = reference()
            if channel is not None:
                channel.lose()
        self.channels.clear()
        self.handles.clear()

    cdef int new_op(self, uint64_t op) except -1:
        if op <= self.last_op:
            raise LinkCorrupt(f"the enclave used operation id {op} again")
        self.last_op = op
        return 0

    cdef int arrive(self, uint64_t op, list cases, bint wait) except -1:
        """An operation of the enclave: done at once, refused, or waiting beside our own."""
        cdef Operation waiter = None
        cdef Chan channel
        cdef list placed = []
        self.new_op(op)
        try:
            for number, value in cases:
                channel = self.known(number)
                placed.append((len(placed), channel, None if value is None else self.validated(channel, value)))
        except BoundaryTypeError as error:
            return self.error(op, "BoundaryTypeError", error)
        done = attempt(placed)
        if done is None and wait:
            waiter = Operation.__new__(Operation)
            waiter.what = "the other world"
            waiter.op = op
            waiter.home = self
            self.waiting[op] = waiter  # before it stands in a queue: another thread may fire it at once
            done = attempt(placed, waiter)
            if done is not None:
                self.waiting.pop(op, None)
        if done is not None:
            index, value, ok = done
            self.answer(op, index, value, ok)
        elif not wait:
            self.wire.post(CODE_NONE, op)
        return 0

    cdef Encoded validated(self, Chan channel, bytes value, bytes body=None):
        return (<ValueCodec?> channel.codec).received(value, body)   # every channel with a handle has crossed

    cdef int answer(self, uint64_t op, uint64_t case, Encoded value, bint ok) except -1:
        if not ok:
            return self.wire.post(CODE_CLOSED, op, case)
        if value is None:
            return self.wire.post(CODE_TAKEN, op, case)
        return self.wire.post_body(CODE_GRANT, op, case, self.crosses(value), (<Crossed> value.data).body)

    cdef int error(self, uint64_t op, str kind, object error) except -1:
        return self.wire.post(CODE_ERROR, op, 0, pack_error(kind, str(error)))
