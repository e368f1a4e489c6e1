"""The shared memory of a ring, seen from one side: where everything lies, the indices, the bell of the peer, the end.

Both worlds; `ring` says what it is for. Everything in the region is hostile: the peer may write anything at any time.

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
"""

from libc.stdint cimport int64_t, uint64_t

from gotee.boundary.system cimport (
    SHUT_RDWR,
    close_fd,
    fence,
    load_acquire,
    load_relaxed,
    map_region,
    munmap,
    ring_bell,
    shared_u64,
    shutdown,
    sleep_on,
    store_release,
    swap,
)

from gotee.boundary.frames import LinkClosed, LinkCorrupt, LinkError
from gotee.errors import UsageError

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

MIN_CAPACITY = 4096
MAX_CAPACITY = 1 << 30
INDEX_BYTES = INDICES


def region_bytes(Py_ssize_t capacity) -> int:
    """The size of a region whose rings hold `capacity` bytes each: a power of two from 4 KiB to 1 GiB."""
    if not (MIN_CAPACITY <= capacity <= MAX_CAPACITY) or capacity & (capacity - 1):
        raise UsageError(f"the capacity of a ring is a power of two from 4 KiB to 1 GiB, not {capacity}")
    return INDICES + 2 * capacity


cdef class RingMemory:
    """One side of the memory that two share, with the two bells and the control socket, which it owns and closes."""

    def __cinit__(self):
        self.bell = self.peer_bell = self.control = -1
        self.state = CLOSED

    cdef int attach(self, int region, Py_ssize_t capacity, bint creator) except -1:
        """Map the region, and find what is in it."""
        cdef int outward = 0 if creator else 1
        if self.base is not NULL:
            raise UsageError("a ring is initialised once")
        self.size = region_bytes(capacity)
        self.capacity = capacity
        self.creator = creator
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
        return 0

    def __dealloc__(self):
        self.release()

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

    # ---- the indices

    cdef inline uint64_t room(self) noexcept nogil:
        return self.capacity - (self.tail - self.freed)

    cdef int refresh_room(self) except -1:
        cdef uint64_t head = load_acquire(self.out_head)
        if head - self.freed > self.tail - self.freed or head & 7:
            self.blame(f"the peer took {head} bytes of {self.tail}, after {self.freed}")
        self.freed = head
        return 0

    cdef inline void publish(self, uint64_t need) noexcept:
        """The next `need` bytes are in their place: the peer may have them."""
        self.tail += need
        store_release(self.out_tail, self.tail)
        fence()
        if load_relaxed(self.peer_sleep) and swap(self.peer_sleep, 0):
            ring_bell(self.peer_bell)

    cdef int refresh_arrived(self) except -1:
        cdef uint64_t tail = load_acquire(self.in_tail)
        if tail - self.head > <uint64_t> self.capacity or tail & 7:
            self.blame(f"the peer put {tail} bytes into a ring of {self.capacity}, of which {self.head} were taken")
        self.arrived = tail
        return 0

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

    cdef void give(self) noexcept:
        """Tell the peer what has been taken."""
        cdef uint64_t word
        self.given = self.head
        store_release(self.in_head, self.head)
        fence()
        word = load_relaxed(self.peer_sleep)
        if word > 1 and self.capacity - (self.arrived - self.head) >= word - 1 and swap(self.peer_sleep, 0):
            ring_bell(self.peer_bell)

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
