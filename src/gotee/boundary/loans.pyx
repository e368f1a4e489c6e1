"""Loans: values of a buffered channel that the enclave takes without asking for each. Both worlds, same code.

`home` lends what stands in a buffer behind the value that it grants, `outside` takes of it. What is lent stays in the
buffer, and in its length, until it is taken. A loan has a word in the ring's shared page: in its upper half a turn, which
says of what loan it is, in its lower half how many values were taken. To take is to raise the word by one, if it is as it
was; to end the loan is to swap in the next turn. So each value has one taker, nobody waits for the other world to agree,
and how much was taken is known at any time: that a value is lent can be seen by nobody.

The word is hostile memory. The enclave holds copies of the values, checked as any other value is; a host that changes the
word can keep them from it or give them to others too, as it can with any value of its own channels. The host believes no
number beyond what it lent, nor one that falls.
"""

from _collections import deque

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from gotee.boundary.crossing cimport Crossed
from gotee.boundary.messages cimport CODE_LEND
from gotee.boundary.ring cimport Ring
from gotee.boundary.ring_memory cimport LOANS
from gotee.boundary.system cimport compare_swap, load_acquire, shared_u64, store_release, swap
from gotee.boundary.wire cimport Wire
from gotee.runtime.channel cimport Chan, Encoded, Loan

from gotee.boundary.frames import LinkCorrupt

cdef enum:
    MOST_VALUES = 256
    MOST_BYTES = 32_768          # of the payload: what is large costs more to move than to ask for
    SIZE = 4                     # bytes of the length before each value
    TURNS = 32                   # bits of a turn
    PLACES = 8                   # bits of a place, in what names a loan


cdef class Lender:
    """The loans of one enclave, on the side of the host."""

    def __init__(self, Wire wire):
        self.wire = wire
        self.free = list(range(LOANS))
        self.turns = [0] * LOANS
        self.channels = {}

    cdef int lend(self, uint64_t number, Chan channel) except -1:
        """LEND what the buffer begins with, if there is a place for a loan. The channel has none.

        Not while somebody watches the messages: each operation is to be seen.
        """
        cdef list values = []
        cdef Py_ssize_t size = 0, length
        cdef Encoded value = None
        cdef Crossed crossed
        cdef Lent loan
        cdef shared_u64 *word
        if not self.free or self.wire.tap is not None:
            return 0
        for value in channel.buffer:
            crossed = value.data
            length = SIZE + PyBytes_GET_SIZE(crossed.payload)
            if crossed.channels or crossed.body is not None or size + length > MOST_BYTES or len(values) == MOST_VALUES:
                break
            values.append(crossed.payload)
            size += length
        if not values:
            return 0
        cdef bytes payload = _joined(values, size)
        loan = Lent.__new__(Lent)
        # From here on nothing is called that could let anybody else at the channel; before, collecting garbage could.
        if channel.loan is not None or len(channel.buffer) < len(values):
            return 0
        if (<Crossed> (<Encoded> channel.buffer[0]).data).payload is not values[0]:
            return 0
        loan.lender = self
        loan.place = self.free.pop()
        word = self.wire.ring.loan_word(loan.place)
        if word is NULL:
            return 0
        loan.turn = self.turns[loan.place] = (self.turns[loan.place] + 1) & 0xFFFFFFFF
        loan.count = len(values)
        store_release(word, loan.turn << TURNS)
        channel.loan = loan
        self.channels[loan.place] = channel
        return self.wire.post(CODE_LEND, number, loan.turn << PLACES | <uint64_t> loan.place, payload)

    def look(self):
        """Let senders in where there is room by now."""
        for channel in list(self.channels.values()):
            (<Chan> channel).look()


cdef class Lent(Loan):
    """One loan: the first `count - known` values of a buffer."""

    cdef Py_ssize_t taken(self, bint end) except -1:
        cdef shared_u64 *word = self.lender.wire.ring.loan_word(self.place)
        cdef uint64_t now = self.turn << TURNS
        cdef Py_ssize_t before = self.known
        if end:
            self.lender.channels.pop(self.place, None)
            self.lender.free.append(self.place)
            if word is not NULL:
                now = swap(word, (self.turn + 1) << TURNS)
        elif word is not NULL:
            now = load_acquire(word)
        if now >> TURNS == self.turn:
            self.known = max(self.known, min(self.count, <Py_ssize_t> <uint32_t> now))
        return self.known - before


cdef bytes _joined(list values, Py_ssize_t size):
    cdef bytes payload = PyBytes_FromStringAndSize(NULL, size)
    cdef char *out = PyBytes_AS_STRING(payload)
    cdef uint32_t length
    cdef bytes value
    for value in values:
        length = <uint32_t> PyBytes_GET_SIZE(value)
        memcpy(out, &length, SIZE)
        memcpy(out + SIZE, PyBytes_AS_STRING(value), length)
        out += SIZE + length
    return payload


cdef class Borrowed:
    """One loan, on the side of the enclave."""

    cdef bytes take(self):
        """The next value; None if there is none, or the loan is over."""
        cdef shared_u64 *word
        if not self.values:
            return None
        word = self.ring.loan_word(self.place)
        if word is NULL or not compare_swap(word, self.word, self.word + 1):
            self.values.clear()
            return None
        self.word += 1
        return self.values.popleft()


cdef Borrowed borrowed(Ring ring, uint64_t argument, bytes payload):
    """What LEND says; LinkCorrupt if it has no such form."""
    cdef Borrowed loan = Borrowed.__new__(Borrowed)
    cdef const char *data = PyBytes_AS_STRING(payload)
    cdef Py_ssize_t left = PyBytes_GET_SIZE(payload)
    cdef uint32_t length
    loan.ring = ring
    loan.place = argument & ((1 << PLACES) - 1)
    loan.word = argument >> PLACES << TURNS
    loan.values = deque()
    if ring is None or loan.place >= LOANS or argument >> (PLACES + TURNS) or left > MOST_BYTES:
        raise LinkCorrupt("a loan without a place")
    while left:
        if left < SIZE or len(loan.values) == MOST_VALUES:
            raise LinkCorrupt("malformed loan")
        memcpy(&length, data, SIZE)
        if length > left - SIZE:
            raise LinkCorrupt("malformed loan")
        loan.values.append(data[SIZE : SIZE + length])
        data += SIZE + length
        left -= SIZE + length
    loan.half = len(loan.values) // 2
    return loan
