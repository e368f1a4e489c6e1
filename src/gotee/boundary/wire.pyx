"""One end of a link, for any number of senders and one receiver. Both worlds.

A link has one owner at a time, and senders never wait for it: a frame is queued in order, and whoever has the link, or
gets it, sends what is queued. One thread, the receiver, calls receive, wait and drain.
"""

from _collections import deque

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.pythread cimport (
    NOWAIT_LOCK,
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_release_lock,
    WAIT_LOCK,
)

from libc.stdint cimport int64_t, uint64_t

from gotee.boundary.frames cimport Gather, Headed
from gotee.boundary.messages cimport (
    CODE_GRANT, CODE_OFFER, CODE_RESULT, HEAD, Message, pack, read_parts, unpack, whole, write_head,
)
from gotee.boundary.ring cimport Ring

from gotee.boundary.frames import LinkClosed
from gotee.boundary.link import FrameLink

cdef int64_t PATIENCE = 20_000_000   # ns without room after which the rest of a large frame waits in a copy


cdef class Wire:
    """A link that any thread may send on."""

    def __cinit__(self):
        self.owner = PyThread_allocate_lock()
        if self.owner is NULL:
            raise MemoryError

    def __init__(self, link):
        self.link = link
        self.ring = link if isinstance(link, Ring) else None
        self.frames = FrameLink(link)
        self.outgoing = deque()
        self.wanting = []
        self.piece = link.piece
        if self.ring is not None:
            self.ring.assembler.head = HEAD
            self.ring.assembler.bodies = (
                <uint64_t> 1 << CODE_GRANT | <uint64_t> 1 << CODE_OFFER | <uint64_t> 1 << CODE_RESULT
            )

    def __dealloc__(self):
        if self.owner is not NULL:
            PyThread_free_lock(self.owner)

    cpdef int send(self, bytes frame) except -1:
        """Send a frame, now or as soon as there is room; frames are delivered in the order of the calls."""
        cdef Message message
        if self.ahead is not None:
            self.go_ahead()
        if self.tap is not None:
            message = unpack(frame, frame[0] >> 5)
            self.tap(True, message.code, message.id, message.argument, message.payload)
        return self.push(frame)

    cdef int push(self, bytes frame) except -1:
        self.outgoing.append(frame)
        self.pending = True
        return self.hand_over()

    cdef int go_ahead(self) except -1:
        """Have sent what has to come before the next message."""
        ahead, self.ahead = self.ahead, None
        ahead()
        return 0

    cpdef int post(self, int kind, uint64_t id=0, uint64_t argument=0, bytes payload=b"") except -1:
        """Send a message as `send(pack(...))` does, without making a frame of it where it goes through a ring."""
        cdef unsigned char head[HEAD]
        cdef Gather gather
        if self.ahead is not None:
            self.go_ahead()
        if self.tap is not None:
            self.tap(True, kind, id, argument, payload)
        if self.ring is not None and not self.queued and not self.pending:
            write_head(head, kind, id, argument)
            if PyBytes_GET_SIZE(payload) + HEAD > self.piece:
                gather = Gather((payload,))
                gather.set_head(head, HEAD)
                return self.put_large(gather)
            # It lets nobody else in while it has the ring: enough that nobody has it now.
            if not self.owned and self.ring.put_parts(
                head, HEAD, <const unsigned char *> PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload)
            ):
                return 0
        return self.push(pack(kind, id, argument, payload))

    cdef bint post_small(
        self, int kind, uint64_t id, uint64_t argument, const unsigned char *data, Py_ssize_t size
    ) except -1:
        """`post` of a payload that is not an object, if it can go at once; False, with nothing done, if not."""
        cdef unsigned char head[HEAD]
        write_head(head, kind, id, argument)
        return self.post_parts(head, HEAD, data, size)

    cdef bint post_parts(
        self, const unsigned char *head, Py_ssize_t head_size, const unsigned char *data, Py_ssize_t size
    ) except -1:
        """The same, with the message's header and the beginning of its payload in `head`."""
        if self.ring is None or self.queued or self.pending or self.owned or self.tap is not None:
            return False
        if self.ahead is not None:
            self.go_ahead()
            return False
        return self.ring.put_parts(head, head_size, data, size)

    cpdef int post_gather(self, int kind, uint64_t id, uint64_t argument, Gather payload) except -1:
        """`post`, of a payload whose parts others may change as soon as this returns."""
        cdef unsigned char head[HEAD]
        if self.ring is None or self.tap is not None or payload.size + HEAD <= self.piece:
            return self.post(kind, id, argument, payload.join())
        if self.ahead is not None:
            self.go_ahead()
        write_head(head, kind, id, argument)
        payload.set_head(head, HEAD)
        return self.put_large(payload)

    cdef int post_body(self, int kind, uint64_t id, uint64_t argument, bytes payload, bytes body) except -1:
        """`post`, of a payload that goes on with the contents of one large `bytes`, if that is not None."""
        if body is None:
            return self.post(kind, id, argument, payload)
        return self.post_gather(kind, id, argument, Gather((payload, body)))

    cdef int put_large(self, Gather frame) except -1:
        """Send a frame of several pieces from where its parts lie; queue a copy if it is not its turn."""
        cdef bint stuck
        if self.queued or self.pending or not self.try_own():
            return self.push(frame.join())
        try:
            stuck = self.put_pieces(frame)
        except LinkClosed:
            self.outgoing.clear()
            self.pending = False
            self.queued = stuck = False
        finally:
            self.disown()
        if self.wanting:
            self.tell_room()
        if stuck or self.piled:
            self.link.wake()
        return self.hand_over()

    cdef bint put_pieces(self, Gather frame) except -1:
        """True if a part of it had to be queued. The caller owns the link.

        As in `FrameLink.pump`: a side that waits for room empties its inbound, or two that send would wait for ever.
        """
        cdef Py_ssize_t offset = 0, after
        while offset < frame.size:
            after = self.ring.put_gather(frame, offset)
            if after >= 0:
                offset = after
                continue
            if not self.ring.nothing() and self.frames.take_in():
                self.piled = True
            if not self.ring.await_room(PATIENCE):
                self.frames.go_on(frame.from_offset(offset), offset)
                self.queued = not self.frames.flush()
                return self.queued
        return False

    cdef int hand_over(self) except -1:
        """Give the link what is queued. Who finds the link taken leaves it to its owner, who looks again."""
        cdef bint stuck
        while self.outgoing and self.try_own():
            try:
                stuck = self.send_queued()
            finally:
                self.disown()
            if self.wanting:
                self.tell_room()
            if stuck:
                self.link.wake()  # the receiver is to wait for room as well
        return 0

    cdef bint send_queued(self) except -1:
        """Send what is queued; True if something is left for want of room. The caller owns the link."""
        cdef bytes frame
        try:
            while self.outgoing:
                frame = self.outgoing.popleft()
                self.pending = len(self.outgoing) > 0
                if self.queued or PyBytes_GET_SIZE(frame) > self.piece or not self.link.try_send(frame):
                    self.frames.send(frame)
                    self.queued = not self.frames.flush()
            return self.queued
        except LinkClosed:
            self.outgoing.clear()
            self.pending = False
            self.queued = False
            self.tell_room()
            return False

    @property
    def queued_bytes(self):
        """What waits here for room on the link, in bytes."""
        return self.frames.queued_bytes if self.queued else 0

    @property
    def full(self):
        """Whether so much waits that new operations should (see `when_room`)."""
        return self.queued and not self.ended and self.frames.full

    @property
    def blocks(self):
        """The link's shared memory for what is large, or None."""
        return self.link.blocks

    @property
    def taken(self):
        """Whether somebody has the link at this moment: on a process's only thread, code that this call cut into."""
        if PyThread_acquire_lock(self.owner, NOWAIT_LOCK):
            PyThread_release_lock(self.owner)
            return False
        return True

    def when_room(self, call):
        """Call `call(None)` once, as soon as much less waits or the link has ended. From any thread."""
        self.wanting.append(call)
        if not self.full:
            self.tell_room()

    cdef int tell_room(self) except -1:
        cdef list wanting
        if self.wanting and not (self.queued and not self.ended and self.frames.half_full):
            wanting = self.wanting
            self.wanting = []
            for call in wanting:
                call(None)
        return 0

    cdef int own(self) except -1:
        """Become the link's owner; its owner of the moment is a sender, and soon done."""
        if not PyThread_acquire_lock(self.owner, NOWAIT_LOCK):
            with nogil:
                PyThread_acquire_lock(self.owner, WAIT_LOCK)
        self.owned = True
        return 0

    cdef bint try_own(self) noexcept:
        """Become the link's owner, if it has none."""
        if not PyThread_acquire_lock(self.owner, NOWAIT_LOCK):
            return False
        self.owned = True
        return True

    cdef void disown(self) noexcept:
        """Be its owner no longer."""
        self.owned = False
        PyThread_release_lock(self.owner)

    cpdef object receive(self):
        """The next frame, or None if there is none now; sets `ended` when there never will be one again.

        A large one that came through a ring is Headed.
        """
        cdef object frame
        cdef bint gone
        self.own()
        try:
            gone = self.link.gone   # before the look at what has arrived: what came before the end still counts
            frame = self.frames.recv() if self.piled else self.link.try_recv()
            if frame is None:
                self.piled = False
                if gone:
                    self.ended = True
                    self.tell_room()
        finally:
            self.disown()
        if self.pending:
            self.hand_over()
        return frame

    cdef bint still(self) noexcept:
        """Whether `next` would find nothing, where that is known at once."""
        return (
            self.ring is not None and not self.piled and not self.pending and not self.ring.gone and self.ring.nothing()
        )

    cdef Py_ssize_t take_small(self, unsigned char *frame) except -2:
        """Copy the next frame to `frame`, which has SMALL bytes, if it fits and nothing is in the way; its size.

        It has a message's header, which nobody has looked at. -1, with nothing taken, in all other cases: for `next`.
        """
        if self.ring is None or self.piled or self.pending or self.owned or self.ring.gone or self.tap is not None:
            return -1
        return self.ring.take_small(frame, HEAD, SMALL)

    cdef Message next(self, int sender):
        """The next message of that world, or None, as `receive`; LinkCorrupt if it is not one that world sends."""
        cdef Message message = self.take(sender)
        if self.tap is not None and message is not None:
            self.tap(False, message.code, message.id, message.argument, whole(message))
        return message

    cdef Message take(self, int sender):
        cdef unsigned char head[HEAD]
        cdef bytes payload
        cdef bint nothing
        if self.ring is None or self.piled or self.ring.gone or self.pending:
            return self.next_by_frame(sender)
        if self.ring.nothing():
            return None
        if self.owned:             # by a sender, who is soon done
            self.own()
            self.disown()
        payload = self.ring.take_parts(head, HEAD)   # lets nobody else in
        nothing = payload is None and self.ring.nothing()
        if payload is not None:
            return read_parts(head, payload, sender)
        return None if nothing else self.next_by_frame(sender)

    cdef Message next_by_frame(self, int sender):
        cdef object frame = self.receive()
        cdef Headed headed
        cdef Message message
        if not isinstance(frame, Headed):
            return None if frame is None else unpack(frame, sender)
        headed = frame
        if headed.head_size == HEAD:
            return read_parts(headed.head, headed.rest, sender)
        message = read_parts(headed.head, headed.head[HEAD:headed.head_size], sender)
        message.body = headed.rest
        return message

    def wait(self, seconds):
        """Wait until a frame may have come, room may have come, or `wake`; False after `seconds` without any."""
        return self.wait_for(-1.0 if seconds is None else max(seconds, 0.0))

    cdef bint spin_briefly(self) except -1:
        """The part of `wait` that costs no sleep, if the link has one; False if nothing came."""
        if self.ring is None or self.queued or self.pending:
            return False
        return self.ring.spin_briefly()

    cdef bint wait_for(self, double seconds) except -1:
        """`wait`, with a negative number for as long as it takes."""
        if self.queued:
            self.own()
            try:
                self.queued = not self.frames.pump()
                self.piled = True   # it may have made room here for what the peer sends meanwhile
            except LinkClosed:
                return True
            finally:
                self.disown()
            self.tell_room()
            if self.frames.arrived:
                return True
        if self.pending:
            self.hand_over()
        if self.ring is not None:
            return self.ring.wait_for(seconds)
        return self.link.wait(None if seconds < 0 else seconds)

    def wake(self):
        """End a `wait` early; from any thread."""
        self.link.wake()

    def drain(self):
        """Wait until everything queued is sent, or the link has ended."""
        self.hand_over()
        try:
            while not self.frames.pump() and not self.link.peer_closed:
                self.link.wait(None)
        except LinkClosed:
            pass

    def close(self):
        """Close our end."""
        self.ended = True
        self.link.close()
        self.tell_room()

    def poison(self):
        """After a fork, in the child: this link is the parent's."""
        self.ended = True
        self.outgoing.clear()
        self.pending = False
        self.link.poison()
        self.tell_room()
