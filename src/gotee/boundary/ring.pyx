"""Two byte rings in one shared region, one for each direction, and the sleeping of their two sides.

Both worlds; `link_ring.RingLink` is its only user and makes region and descriptors. One producer and one consumer for
each direction. Everything in the region is hostile: the peer may write anything at any time. So our own two indices
live in private memory and are only published; the peer's index is loaded once for an operation and checked before
use; a header is loaded once; a payload is copied once and not read again.

Where everything lies is said in `ring_memory`, how a side sleeps and wakes the other in `ring_sleep`, how frames are put
into a ring in `ring_send`; here is how they are taken out.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(list, Py_ssize_t)    # borrowed

from gotee.boundary.copying cimport Copies, copy_from_peer, copy_took, goes_past
from gotee.boundary.frames cimport BODY, FIRST, HEADER, WHOLE, Assembler, pack
from gotee.boundary.spinning cimport Spins, begin_spins, learn_wait, spin_allowed, spin_took
from gotee.boundary.system cimport load_relaxed, shared_u64

from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.ring_memory import INDEX_BYTES, MAX_CAPACITY, MIN_CAPACITY, region_bytes

cdef Py_ssize_t LARGE = 32 << 10           # bytes: copies from here on are made without the GIL
cdef Py_ssize_t MOST_PIECE = 64 << 10      # bytes with its header: one is copied out while the next is copied in


cdef class Ring(RingSend):
    """One side of the rings: both directions, the two bells and the control socket.

    `bell` wakes this side, `peer_bell` the other one (eventfds). `control` is a stream socket whose end tells
    that the peer is gone; nothing is sent on it. The ring owns these three descriptors and closes them.
    """

    def __init__(self, int region, Py_ssize_t capacity, bint creator, int bell, int peer_bell, int control,
                 *, Py_ssize_t max_frame, Py_ssize_t lanes):
        self.attach(region, capacity, creator)
        self.piece = min(capacity // 4, MOST_PIECE) - HEADER
        self.assembler = Assembler(self.piece, max_frame, lanes)
        self.begin_waits()
        self.bell, self.peer_bell, self.control = bell, peer_bell, control
        self.state = OPEN

    @property
    def max_frame(self):
        return self.assembler.max_frame

    @property
    def lanes(self):
        return self.assembler.lanes

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

    cdef inline void took(self, uint64_t need) noexcept:
        """The next `need` bytes are copied: the peer may use their place. While it has most of the ring it hears of that
        later: when this side has nothing to do.
        """
        self.head += need
        if self.arrived - self.given >= <uint64_t> self.capacity // 4:
            self.give()

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

    def took(self, size_t size, int64_t time):
        """That copy has ended."""
        copy_took(&self.copies, size, time)
