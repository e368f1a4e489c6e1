"""Spaces: room in a buffered channel that the enclave fills without asking for each value. Both worlds, same code.

The other direction of `loans`. When an OFFER was taken and there is room for more, `home` lends it: so many values may be
put into a place of the shared memory. A place begins with a word: in its upper half the turn of the loan, in its lower half
how many values were put. `outside` writes a value, its length before it, and then raises the word by one, if it is as it was;
the host ends the loan by swapping in the next turn. So each send has happened or has not, at one moment, for both worlds:
what was put counts as buffered from then on, for whoever looks at the channel looks at the word first. Who sends outside, or
closes, ends the loan.

A host that waits says in a word of its own that it does, and then looks once more. Who has put something and finds that word
set clears it and tells: TOOK. Between the two steps of either side is a sequentially consistent fence, as for the sleep of a
ring: else both might see nothing.

All of it is hostile memory. The enclave only writes, where it keeps count itself, and has nothing to believe but the turn: a
host that changes that can refuse or lose what was sent to its own channel, as it can anyhow. The host reads each length and
each value once, believes no number beyond what it lent, and checks a value as any other; what cannot be ends the enclave.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from gotee.boundary.crossing cimport ValueCodec
from gotee.boundary.messages cimport CODE_SPACE
from gotee.boundary.ring cimport Ring
from gotee.boundary.ring_memory cimport SPACE_BYTES, SPACES
from gotee.boundary.system cimport compare_swap, fence, load_acquire, load_relaxed, shared_u64, store_relaxed, swap
from gotee.boundary.wire cimport Wire
from gotee.runtime.channel cimport Chan, Space

from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.limits import FrameError
from gotee.errors import BoundaryTypeError, Overloaded

cdef enum:
    FIRST = 64                   # bytes before the first value
    MOST_VALUES = 1024
    SIZE = 8                     # bytes of the length before each value, which stands at a multiple of that
    TURNS = 32                   # bits of a turn
    PLACES = 8                   # bits of a place, in what names a loan
    COUNT = TURNS + PLACES       # where the number of values stands there


cdef inline Py_ssize_t taken_by(Py_ssize_t size) noexcept:
    """How many bytes a value of so many takes."""
    return SIZE + ((size + SIZE - 1) & ~(<Py_ssize_t> SIZE - 1))


cdef class SpaceLender:
    """The spaces that are lent to one enclave, on the side of the host."""

    def __init__(self, Wire wire):
        self.wire = wire
        self.free = list(range(SPACES))
        self.turns = [0] * SPACES
        self.channels = {}

    cdef int lend(self, uint64_t number, Chan channel) except -1:
        """Lend the room of a channel, if there is some that nobody waits for, and a place for it.

        Not while somebody watches the messages: each operation is to be seen. Nor where more is demanded of a value than
        the enclave knows of: then the sender is to be told.
        """
        cdef LentSpace space = LentSpace.__new__(LentSpace)
        cdef ValueCodec codec = channel.codec
        # From here on nothing is called that could let anybody else at the channel.
        cdef Py_ssize_t room = min(channel.room - len(channel.buffer), <Py_ssize_t> MOST_VALUES)
        cdef shared_u64 *word
        if room <= 0 or channel.closed or channel.space is not None or channel.senders.head is not None:
            return 0
        if not self.free or self.wire.tap is not None or not codec.plain():
            return 0
        space.place = self.free[-1]
        word = self.wire.ring.space_word(space.place)
        if word is NULL:
            return 0
        self.free.pop()
        space.turn = self.turns[space.place] = (self.turns[space.place] + 1) & 0xFFFFFFFF
        space.lender, space.codec, space.count, space.offset = self, codec, room, FIRST
        swap(word, space.turn << TURNS)
        channel.space = space
        self.channels[space.place] = channel
        return self.wire.post(
            CODE_SPACE, number, <uint64_t> room << COUNT | space.turn << PLACES | <uint64_t> space.place
        )

    cdef int listen(self) except -1:
        """Before a wait: have the enclave tell when it puts something, and look what it has put until now."""
        cdef shared_u64 *word
        if not self.channels:
            return 0
        word = self.wire.ring.listens
        if word is NULL or self.wire.ended:
            return 0
        store_relaxed(word, 1)
        fence()
        for channel in list(self.channels.values()):
            (<Chan> channel).collect(False)
        return 0


cdef class LentSpace(Space):
    """One loan of room. `known` values of it are in the buffer."""

    cdef list arrived(self, bint end):
        """What was put and is not known, or None; with `end` nothing more can be. May be called again for the same."""
        cdef shared_u64 *word = self.lender.wire.ring.space_word(self.place)
        cdef uint64_t now
        if self.lender.broken is not None:
            return None
        if end and not self.over:
            now = self.turn << TURNS if word is NULL else swap(word, (self.turn + 1) << TURNS)
            self.over, self.final = True, self.counted(now)
        now = self.final
        if not self.over:
            now = self.known if word is NULL else self.counted(load_acquire(word))
        if now == <uint64_t> self.known or word is NULL:
            return None
        try:
            return self.read(<unsigned char *> word, now - self.known)
        except (LinkCorrupt, FrameError, BoundaryTypeError, Overloaded) as error:
            self.lender.broken = error
            self.lender.wire.wake()    # whoever leads says so, and ends the enclave
            return None

    cdef uint64_t counted(self, uint64_t word) noexcept:
        """How many values a word says were put; none beyond what is known, if it cannot be."""
        cdef uint64_t count = <uint32_t> word
        return count if word >> TURNS == self.turn and self.known <= count <= self.count else self.known

    cdef list read(self, unsigned char *place, uint64_t count):
        """The next values. Each byte is read once; `behind` is where they end."""
        cdef Py_ssize_t offset = self.offset
        cdef uint64_t size
        cdef bytes payload
        cdef list values = []
        while count:
            size = SPACE_BYTES if offset > SPACE_BYTES - SIZE else load_relaxed(<shared_u64 *> (place + offset))
            if size > <uint64_t> (SPACE_BYTES - SIZE - offset):
                raise LinkCorrupt("the enclave put more into a space than it holds")
            payload = PyBytes_FromStringAndSize(<const char *> place + offset + SIZE, size)
            offset += taken_by(size)
            values.append(self.codec.received_plain(payload))
            count -= 1
        self.behind = offset
        return values

    cdef int keep(self, Py_ssize_t count, bint end) except -1:
        """So many more of them are in the buffer; with `end` there will be none after these."""
        self.known += count
        if count:
            self.offset = self.behind
        if end:
            self.lender.channels.pop(self.place, None)
            self.lender.free.append(self.place)
        return 0


cdef class BorrowedSpace:
    """One loan of room, on the side of the enclave."""

    cdef bint put(self, bytes payload) except -1:
        """Send a value; False if the loan is over, or it has no room for this one: then it is to be offered."""
        cdef shared_u64 *word = self.ring.space_word(self.place)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(payload)
        cdef char *target
        # Another loan may have this place by now: then nothing may be written.
        if word is NULL or not self.left or load_acquire(word) != self.word:
            return False
        if size > SPACE_BYTES - SIZE - self.offset:
            return False
        target = <char *> word + self.offset
        store_relaxed(<shared_u64 *> target, size)
        memcpy(target + SIZE, PyBytes_AS_STRING(payload), size)
        if not compare_swap(word, self.word, self.word + 1):
            return False
        self.word += 1
        self.left -= 1
        self.offset += taken_by(size)
        return True

    cdef bint listened(self) noexcept:
        """Whether the host waits and is to be told; once for each time that it says so."""
        cdef shared_u64 *word = self.ring.listens
        fence()
        return word is not NULL and load_relaxed(word) and swap(word, 0)


cdef BorrowedSpace borrowed_space(Ring ring, uint64_t argument):
    """What SPACE says; LinkCorrupt if it has no such form."""
    cdef BorrowedSpace space = BorrowedSpace.__new__(BorrowedSpace)
    space.ring = ring
    space.place = argument & ((1 << PLACES) - 1)
    space.word = <uint64_t> <uint32_t> (argument >> PLACES) << TURNS
    space.left = argument >> COUNT
    space.offset = FIRST
    if ring is None or space.place >= SPACES or space.left > MOST_VALUES:
        raise LinkCorrupt("a space without a place")
    return space
