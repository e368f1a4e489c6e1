"""Two byte rings in one shared region, one for each direction, and the sleeping of their two sides.

Both worlds; `link_ring.RingLink` is its only user and makes region and descriptors. One producer and one consumer for
each direction. Everything in the region is hostile: the peer may write anything at any time. So our own two indices
live in private memory and are only published; the peer's index is loaded once for an operation and checked before
use; a header is loaded once; a payload is copied once and not read again.

The region is one page of indices and then places for `spaces`, then the bytes of direction 0 (from the side that created
it), then direction 1:

    0x000 + 0x400 * direction   tail: bytes ever put in, by the producer
    0x080 + 0x400 * direction   head: bytes ever taken out, by the consumer
    0x800 + 0x080 * side        sleep word of a side: 0 awake, 1 asleep, 1 + n asleep and wanting n bytes of room
    0x808 + 0x080 * side        1 + the processor on which that side last waited: a hint, for speed only
    0xA00                       1 while a host to whom values may be put waits: see gotee.boundary.spaces
    0xC00 + 0x010 * place       the word of a loan: see gotee.boundary.loans
    0x1000 + 0x4000 * place     the word of a space, and what is put there

Each but the last stands on a cache line (and its neighbour, which processors fetch too) of its own. Indices are multiples of 8.

Sleeping: a side stores its sleep word, fences, looks once more, sleeps. The other side stores its index, fences, reads
the word. Both fences are sequentially consistent: with acquire and release alone both reads may miss both stores,
and the wake-up is lost (`tests/link/test_wake_model.py` finds that trace).
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(list, Py_ssize_t)    # borrowed

from gotee.boundary.copying cimport Copies, copy_from_peer, copy_to_peer, copy_took, goes_past
from gotee.boundary.frames cimport BODY, FIRST, HEADER, MORE, WHOLE, Assembler, Gather, pack
from gotee.boundary.spinning cimport Spins, begin_spins, learn_wait, spin_allowed, spin_took
from gotee.boundary.system cimport (
    SHUT_RDWR,
    close_fd,
    fence,
    leave_cpu,
    load_acquire,
    load_relaxed,
    map_region,
    munmap,
    mute_bell,
    now_ns,
    pause_cpu,
    ring_bell,
    sched_getcpu,
    shared_u64,
    shutdown,
    sleep_ns,
    sleep_on,
    store_relaxed,
    store_release,
    swap,
)

import os

from gotee.boundary.frames import LinkClosed, LinkCorrupt, LinkError
from gotee.errors import Overloaded, UsageError


cdef enum:
    TAIL = 0x000
    HEAD = 0x080
    DIRECTION = 0x400
    SLEEP = 0x800
    SIDE = 0x080
    PLACE = 0x808
    LOAN = 0xC00
    LOAN_BYTES = 0x010
    LISTENS = 0xA00
    FIRST_SPACE = 0x1000
    INDICES = FIRST_SPACE + SPACES * SPACE_BYTES

cdef enum State:
    OPEN
    CLOSED
    POISONED
    CORRUPT

# Nanoseconds; `spinning` has those of the spin. The backstop bounds what any lost wake-up or signal can cost.
cdef int GLANCES = 64                  # looks before the first at the clock: two microseconds or so
cdef int64_t BRIEFLY = 50_000
cdef int CROWDED = 8                   # waits in a row on the peer's processor before one side leaves it
cdef int64_t LEAVE_AGAIN = 4_000_000   # after this time at the soonest, then after twice as much, up to
cdef int64_t LEAVE_LAST = 64_000_000
cdef int64_t BACKSTOP = 100_000_000
cdef Py_ssize_t LARGE = 32 << 10           # bytes: copies from here on are made without the GIL
cdef Py_ssize_t MOST_PIECE = 64 << 10      # bytes with its header: one is copied out while the next is copied in
cdef int64_t ROOM_SPIN = 60_000            # of a large frame that is being sent: how long it spins for room, what the
cdef int64_t ROOM_NAP = 50_000             # peer takes to begin and to copy half of a ring; then sleeps between two looks
cdef int64_t FOREVER = 0x7FFF_FFFF_FFFF_FFFF

MIN_CAPACITY = 4096
MAX_CAPACITY = 1 << 30
INDEX_BYTES = INDICES


def region_bytes(Py_ssize_t capacity) -> int:
    """The size of a region whose rings hold `capacity` bytes each: a power of two from 4 KiB to 1 GiB."""
    if not (MIN_CAPACITY <= capacity <= MAX_CAPACITY) or capacity & (capacity - 1):
        raise UsageError(f"the capacity of a ring is a power of two from 4 KiB to 1 GiB, not {capacity}")
    return INDICES + 2 * capacity


cdef class SpinBudget:
    """The rules of `spinning` by themselves, with times that are given (nanoseconds): for tests."""

    cdef Spins spins

    def __init__(self, bint useful, int64_t now):
        begin_spins(&self.spins, useful, now)

    def allowed(self, int64_t now):
        """How long a spin that begins now may take."""
        return spin_allowed(&self.spins, now)

    def took(self, int64_t time, bint found):
        """A spin has ended."""
        spin_took(&self.spins, time, found)

    def learn(self, int64_t waited, bint found):
        """A wait has ended."""
        learn_wait(&self.spins, waited, found)


cdef class CopyChoice:
    """The rules of `copying` by themselves, with times that are given (nanoseconds): for tests."""

    cdef Copies copies

    def past(self):
        """Whether the next copy goes past the cache."""
        return goes_past(&self.copies)

    def took(self, bint past, size_t size, int64_t time):
        """A copy has ended."""
        copy_took(&self.copies, past, size, time)


cdef class Ring:
    """One side of the rings: both directions, the two bells and the control socket.

    `bell` wakes this side, `peer_bell` the other one (eventfds). `control` is a stream socket whose end tells
    that the peer is gone; nothing is sent on it. The ring owns these three descriptors and closes them.
    """

    def __cinit__(self):
        self.bell = self.peer_bell = self.control = -1
        self.state = CLOSED

    def __init__(self, int region, Py_ssize_t capacity, bint creator, int bell, int peer_bell, int control,
                 *, Py_ssize_t max_frame, Py_ssize_t lanes):
        cdef int outward = 0 if creator else 1
        if self.base is not NULL:
            raise UsageError("a ring is initialised once")
        self.size = region_bytes(capacity)
        self.capacity = capacity
        self.piece = min(capacity // 4, MOST_PIECE) - HEADER
        self.assembler = Assembler(self.piece, max_frame, lanes)
        self.base = map_region(region, self.size)
        if self.base is NULL:
            raise LinkError("the shared memory cannot be mapped")
        self.out = self.base + INDICES + outward * capacity
        self.inward = self.base + INDICES + (1 - outward) * capacity
        self.out_tail = <shared_u64 *> (self.base + TAIL + outward * DIRECTION)
        self.out_head = <shared_u64 *> (self.base + HEAD + outward * DIRECTION)
        self.in_tail = <shared_u64 *> (self.base + TAIL + (1 - outward) * DIRECTION)
        self.in_head = <shared_u64 *> (self.base + HEAD + (1 - outward) * DIRECTION)
        self.own_sleep = <shared_u64 *> (self.base + SLEEP + outward * SIDE)
        self.peer_sleep = <shared_u64 *> (self.base + SLEEP + (1 - outward) * SIDE)
        self.own_place = <shared_u64 *> (self.base + PLACE + outward * SIDE)
        self.peer_place = <shared_u64 *> (self.base + PLACE + (1 - outward) * SIDE)
        self.listens = <shared_u64 *> (self.base + LISTENS)
        self.creator = creator
        self.leave_again = LEAVE_AGAIN
        self.bell, self.peer_bell, self.control = bell, peer_bell, control
        # On a single processor the peer cannot answer while we spin.
        begin_spins(&self.spins, len(os.sched_getaffinity(0)) > 1, now_ns())
        self.state = OPEN

    def __dealloc__(self):
        self.release()

    @property
    def max_frame(self):
        return self.assembler.max_frame

    @property
    def lanes(self):
        return self.assembler.lanes

    # ---- sending

    def try_send(self, frame, unsigned int lane=0):
        """Send a frame of at most `piece` bytes. False: there is no room now and nothing was sent."""
        return self.put_buffer(frame, 0, lane, True) >= 0

    def try_send_part(self, frame, Py_ssize_t offset, unsigned int lane):
        """Send the piece of a larger frame at `offset`; return the next offset, or `offset` if there is no room."""
        cdef Py_ssize_t after = self.put_buffer(frame, offset, lane, False)
        return offset if after < 0 else after

    def flush(self):
        """True: a ring takes a piece whole or not at all, so nothing is ever left to pass on."""
        if self.state != OPEN:
            self.refuse()
        return True

    cdef Py_ssize_t put_buffer(self, object frame, Py_ssize_t offset, unsigned int lane, bint whole) except -2:
        cdef Py_buffer view
        if PyBytes_CheckExact(frame):
            return self.put(<unsigned char *> PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), offset, lane, whole)
        PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
        try:
            return self.put(<unsigned char *> view.buf, view.len, offset, lane, whole)
        finally:
            PyBuffer_Release(&view)

    cdef Py_ssize_t put(self, unsigned char *frame, Py_ssize_t total, Py_ssize_t offset, unsigned int lane,
                        bint whole) except -2:
        """Put one piece into the ring; return the offset after it, or -1 if there is no room."""
        cdef Py_ssize_t length
        cdef uint64_t need, header
        if self.state != OPEN:
            self.refuse()
        if self.gone:
            raise LinkClosed("the peer is gone")
        if lane >= self.assembler.lanes:
            raise UsageError(f"lane {lane} of {self.assembler.lanes}")
        if total > self.assembler.max_frame:
            raise Overloaded(f"a frame of {total} bytes; the limit is {self.assembler.max_frame}")
        if whole != (total <= self.piece) or not (0 <= offset <= total):
            raise UsageError(f"a frame of {total} bytes at offset {offset}, with pieces of {self.piece} bytes")
        length = min(self.piece, total - offset)
        if whole:
            header = pack(WHOLE, lane, length)
        elif offset == 0:
            header = pack(FIRST, lane, total)
        else:
            header = pack(MORE, lane, length)
        need = HEADER + ((length + 7) & ~7)
        if self.room() < need:
            self.refresh_room()
            if self.room() < need:
                self.wanted = need
                return -1
        self.wanted = 0
        self.copy_out(header, frame + offset, length)
        self.publish(need)
        return offset + length

    cdef bint put_parts(
        self, const unsigned char *head, size_t head_size, const unsigned char *data, size_t size
    ) noexcept:
        """Put a frame of two parts as one piece, where it fits without a seam: what most messages are.

        False, with nothing done, in all other cases and states; `try_send` takes those, and says what is wrong.
        """
        cdef uint64_t length = head_size + size
        cdef uint64_t need = HEADER + ((length + 7) & ~7)
        cdef uint64_t at = self.tail & (self.capacity - 1)
        if self.state != OPEN or self.gone or length > <uint64_t> self.piece:
            return False
        if self.room() < need or at + need > <uint64_t> self.capacity:
            return False
        store_relaxed(<shared_u64 *> (self.out + at), pack(WHOLE, 0, length))
        memcpy(self.out + at + HEADER, head, head_size)
        copy_to_peer(&self.copies, self.out + at + HEADER + head_size, data, size)
        self.publish(need)
        return True

    cdef inline void publish(self, uint64_t need) noexcept:
        """The next `need` bytes are in their place: the peer may have them."""
        self.tail += need
        store_release(self.out_tail, self.tail)
        fence()
        if load_relaxed(self.peer_sleep) and swap(self.peer_sleep, 0):
            ring_bell(self.peer_bell)

    cdef shared_u64 *loan_word(self, Py_ssize_t place) noexcept:
        """The word of a loan, by its place; NULL when the region is gone."""
        if self.base is NULL:
            return NULL
        return <shared_u64 *> (self.base + LOAN + place * LOAN_BYTES)

    cdef shared_u64 *space_word(self, Py_ssize_t place) noexcept:
        """The word of a space, with which its memory begins, by its place; NULL when the region is gone."""
        if self.base is NULL:
            return NULL
        return <shared_u64 *> (self.base + FIRST_SPACE + place * SPACE_BYTES)

    cdef inline uint64_t room(self) noexcept nogil:
        return self.capacity - (self.tail - self.freed)

    cdef int refresh_room(self) except -1:
        cdef uint64_t head = load_acquire(self.out_head)
        if head - self.freed > self.tail - self.freed or head & 7:
            self.blame(f"the peer took {head} bytes of {self.tail}, after {self.freed}")
        self.freed = head
        return 0

    cdef void copy_out(self, uint64_t header, unsigned char *source, size_t length) noexcept nogil:
        store_relaxed(<shared_u64 *> (self.out + (self.tail & (self.capacity - 1))), header)
        self.write_at(self.tail + HEADER, source, length)

    cdef void write_at(self, uint64_t place, const unsigned char *source, size_t length) noexcept nogil:
        cdef uint64_t at = place & (self.capacity - 1)
        cdef size_t first = min(length, <size_t> (self.capacity - at))
        copy_to_peer(&self.copies, self.out + at, source, first)
        copy_to_peer(&self.copies, self.out, source + first, length - first)

    # ---- sending what is large, from where it lies

    cdef Py_ssize_t put_gather(self, Gather frame, Py_ssize_t offset) except -2:
        """Put the piece of a large frame at `offset`, without the GIL; the offset after it, or -1 if there is no room."""
        cdef Py_ssize_t length = min(self.piece, frame.size - offset)
        cdef uint64_t need = HEADER + ((length + 7) & ~7)
        cdef uint64_t header = pack(MORE, 0, length) if offset else pack(FIRST, 0, frame.size)
        if self.state != OPEN:
            self.refuse()
        if self.gone:
            raise LinkClosed("the peer is gone")
        if frame.size > self.assembler.max_frame:
            raise Overloaded(f"a frame of {frame.size} bytes; the limit is {self.assembler.max_frame}")
        if self.room() < need:
            self.refresh_room()
            if self.room() < need:
                return -1
        self.copying += 1
        with nogil:
            self.copy_gathered(header, frame, offset, length)
        self.end_copy()
        self.publish(need)
        return offset + length

    cdef void copy_gathered(self, uint64_t header, Gather frame, Py_ssize_t offset, Py_ssize_t length) noexcept nogil:
        cdef uint64_t place = self.tail + HEADER
        cdef const unsigned char *part = frame.head
        cdef Py_ssize_t size = frame.head_size
        cdef Py_ssize_t i = 0, some
        store_relaxed(<shared_u64 *> (self.out + (self.tail & (self.capacity - 1))), header)
        while length:
            if offset < size:
                some = min(length, size - offset)
                self.write_at(place, part + offset, some)
                place += some
                length -= some
                offset += some
            else:
                offset -= size
                part = <const unsigned char *> frame.views[i].buf
                size = frame.views[i].len
                i += 1

    cdef bint await_room(self, int64_t patience) noexcept:
        """Wait, without the GIL, until the peer has taken a piece; False if it takes none for `patience` ns.

        Besides the one thread that may be in `wait`, which has the bell: so this looks every now and then.
        """
        cdef int64_t start = now_ns(), now = start
        cdef bint found = False
        cdef bint stay = self.state == OPEN and not self.gone
        cdef int i
        self.copying += 1
        with nogil:
            while stay and not found and now - start < patience:
                if now - start < ROOM_SPIN and self.spins.most and not self.crowds():
                    for i in range(16):
                        pause_cpu()
                else:
                    sleep_ns(ROOM_NAP)
                found = load_acquire(self.out_head) != self.freed
                stay = self.state == OPEN and not self.gone
                now = now_ns()
        self.copying -= 1
        if self.state == CLOSED and not self.waiting and not self.copying:
            self.release()
        return found

    cdef int end_copy(self) except -1:
        """After a copy without the GIL: if another thread closed the link meanwhile, let go, and say so."""
        self.copying -= 1
        if self.state != OPEN:
            if self.state == CLOSED and not self.waiting and not self.copying:
                self.release()
            self.refuse()
        return 0

    # ---- receiving

    def try_recv(self):
        """Take the next whole frame, as private bytes, or None if none is complete yet.

        Raises LinkCorrupt if the peer broke the format; the link is of no more use then.
        """
        cdef object frame
        cdef bint looked = False
        if self.state != OPEN:
            self.refuse()
        while True:
            if self.head == self.arrived:
                if looked:  # once in one call: a peer that never pauses must not keep us here
                    return None
                self.refresh_arrived()
                looked = True
                if self.head == self.arrived:
                    return None
            frame = self.take()
            if frame is not None:
                return frame

    cdef int refresh_arrived(self) except -1:
        cdef uint64_t tail = load_acquire(self.in_tail)
        if tail - self.head > <uint64_t> self.capacity or tail & 7:
            self.blame(f"the peer put {tail} bytes into a ring of {self.capacity}, of which {self.head} were taken")
        self.arrived = tail
        return 0

    cdef object take(self):
        """Take one piece out; return the frame that it completes or None. At least 8 bytes have arrived."""
        cdef uint64_t header = load_relaxed(<shared_u64 *> (self.inward + (self.head & (self.capacity - 1))))
        cdef uint64_t need
        cdef Py_ssize_t length
        cdef unsigned char *target
        if header >> 32 == FIRST << 8:     # of lane 0
            self.look(<uint32_t> header)
        try:
            target = self.assembler.begin(header)
        except LinkCorrupt:
            self.state = CORRUPT
            raise
        need = HEADER + ((self.assembler.length + 7) & ~7)
        if need > self.arrived - self.head:
            self.blame(f"the peer announced a piece of {need} bytes and sent {self.arrived - self.head}")
        if self.assembler.apart and not self.assembler.more:
            self.keep_head(self.assembler.apart)
        length = self.assembler.length - self.assembler.apart
        if length < LARGE:
            self.read_at(self.head + HEADER + self.assembler.apart, target, length)
        else:
            self.copying += 1
            with nogil:
                self.read_at(self.head + HEADER + self.assembler.apart, target, length)
            self.end_copy()
        self.took(need)
        return self.assembler.finish()

    cdef Py_ssize_t whole_frame(self) noexcept:
        """The size of the next frame if it has arrived, as one piece without a seam; -1 in all other cases and states.

        Read once: what the peer writes there afterwards changes nothing. Every other header is loaded again, and judged,
        by `take`.
        """
        cdef uint64_t header, need
        cdef uint64_t at = self.head & (self.capacity - 1)
        cdef size_t size
        if self.state != OPEN or self.nothing():
            return -1
        header = load_relaxed(<shared_u64 *> (self.inward + at))
        size = <uint32_t> header
        need = HEADER + ((size + 7) & ~7)
        if header != pack(WHOLE, 0, size) or size > <size_t> self.piece:
            return -1
        if need > self.arrived - self.head or at + need > <uint64_t> self.capacity:
            return -1
        if PyList_GET_ITEM(self.assembler.frames, 0) is not <PyObject *> None:    # a larger one is being filled
            return -1
        return size

    cdef Py_ssize_t take_small(self, unsigned char *target, Py_ssize_t least, Py_ssize_t most) noexcept:
        """Copy the next frame to `target` if it is whole, and not shorter or longer than said; its size.

        -1, with nothing taken, in all other cases; `take_parts` or `try_recv` takes those.
        """
        cdef Py_ssize_t size = self.whole_frame()
        if size < least or size > most:
            return -1
        memcpy(target, self.inward + (self.head & (self.capacity - 1)) + HEADER, size)
        self.took(HEADER + ((size + 7) & ~7))
        return size

    cdef bytes take_parts(self, unsigned char *head, size_t head_size):
        """Take the next frame if it is one piece without a seam, of at least `head_size` bytes: these go to `head`,
        the others are returned. None, with nothing taken, in all other cases; `try_recv` takes those.
        """
        cdef Py_ssize_t size = self.whole_frame()
        cdef const unsigned char *source
        cdef bytes rest
        if size < <Py_ssize_t> head_size:
            return None
        rest = PyBytes_FromStringAndSize(NULL, size - head_size)
        source = self.inward + (self.head & (self.capacity - 1)) + HEADER
        memcpy(head, source, head_size)
        copy_from_peer(<unsigned char *> PyBytes_AS_STRING(rest), source + head_size, size - head_size)
        self.took(HEADER + ((size + 7) & ~7))
        return rest

    cdef bint nothing(self) noexcept:
        """Whether nothing can be taken, without a doubt: a doubt is settled by `try_recv`."""
        cdef uint64_t tail
        if self.state != OPEN:
            return False
        if self.head != self.arrived:
            return False
        tail = load_acquire(self.in_tail)
        if tail == self.head:
            return True
        if tail - self.head <= <uint64_t> self.capacity and not tail & 7:
            self.arrived = tail
        return False

    cdef inline void took(self, uint64_t need) noexcept:
        """The next `need` bytes are copied: the peer may use their place."""
        cdef uint64_t word
        self.head += need
        store_release(self.in_head, self.head)
        fence()
        word = load_relaxed(self.peer_sleep)
        if word > 1 and self.capacity - (self.arrived - self.head) >= word - 1 and swap(self.peer_sleep, 0):
            ring_bell(self.peer_bell)

    cdef void look(self, Py_ssize_t size) noexcept:
        """Have the assembler look at the beginning of a large frame. What it finds there is not read again."""
        cdef Py_ssize_t head = self.assembler.head + BODY
        self.assembler.more = 0
        if self.assembler.bodies and size > head and self.arrived - self.head >= <uint64_t> (HEADER + head):
            self.keep_head(head)
            self.assembler.look(size)

    cdef void keep_head(self, Py_ssize_t size) noexcept:
        self.read_at(self.head + HEADER, self.assembler.kept, size)

    cdef void read_at(self, uint64_t place, unsigned char *target, size_t length) noexcept nogil:
        cdef uint64_t at = place & (self.capacity - 1)
        cdef size_t first = min(length, <size_t> (self.capacity - at))
        copy_from_peer(target, self.inward + at, first)
        copy_from_peer(target + first, self.inward, length - first)

    # ---- waiting

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
                if not found and now_ns() >= deadline:
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
        self.set_asleep()
        return not self.ready()

    def disarm(self):
        """After sleeping elsewhere: no more bells."""
        if self.state != OPEN:
            self.refuse()
        self.set_awake(True)
        self.awake()

    def filenos(self):
        """The descriptors to poll for reading while armed: the bell and the control socket."""
        if self.state != OPEN:
            self.refuse()
        return self.bell, self.control

    # ---- the end

    @property
    def closed(self):
        """Whether this side is of no more use: closed, poisoned or corrupt."""
        return self.state != OPEN

    @property
    def peer_closed(self):
        """Whether the peer closed its side or died. What it sent before can still be received."""
        if not self.gone and self.control >= 0 and sleep_on(-1, self.control, 0) & 2:
            self.gone = True
        return self.gone

    def close(self):
        """End the link; a wait in progress returns. The peer still receives what was sent. From any thread."""
        if self.state == OPEN or self.state == CORRUPT:
            store_release(&self.woken, 1)
            ring_bell(self.bell)
            shutdown(self.control, SHUT_RDWR)
            self.state = CLOSED
            if not self.waiting and not self.copying:  # else the thread that waits, or copies, does it
                self.release()

    def poison(self):
        """In the child of a fork: unmap the region and let go; every later use raises LinkError."""
        if self.state != CLOSED:
            self.state = POISONED
        self.release()

    cdef void release(self) noexcept:
        if self.base is not NULL:
            munmap(self.base, self.size)
            self.base = self.listens = NULL
        if self.bell >= 0:
            close_fd(self.bell)
            close_fd(self.peer_bell)
            close_fd(self.control)
        self.bell = self.peer_bell = self.control = -1

    cdef int refuse(self) except -1:
        if self.state == POISONED:
            raise LinkError("the link belongs to the parent process")
        if self.state == CORRUPT:
            raise LinkCorrupt("the peer broke the rules of the link earlier")
        raise LinkClosed("the link is closed")

    cdef int blame(self, str message) except -1:
        self.state = CORRUPT
        raise LinkCorrupt(message)
