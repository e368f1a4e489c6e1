"""What goes over a link: frames, cut into pieces. The format of a piece, and the checked way back to frames.

Both worlds. The links use it (`ring`, `link_stream`); the layers above see whole frames only.

A piece is a header of 8 bytes (little endian) and its bytes:

    bits  0..31  size: of the piece (WHOLE, MORE) or of the whole frame (FIRST)
    bits 32..39  lane
    bits 40..47  kind: WHOLE, FIRST or MORE
    bits 48..63  zero

A frame of at most `piece` bytes goes as one WHOLE. A larger one goes as FIRST and MOREs, each of exactly `piece`
bytes but for the last. So the size of every piece is known before it arrives: a hostile peer has nothing to choose
but the size of the frame, and that is checked first. A lane has one frame in the making at most.

What is large is copied once on each side: a Gather is sent from where its parts lie, and a Headed frame has its payload
in memory of its own already.

Memory that nobody has touched yet costs more than the copy into it, and many times more in a virtual machine that hands
free memory back. So what the last large frame left is used again by the next, if that fits, and let go if none comes.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy
from posix.resource cimport RLIM_INFINITY, RLIMIT_AS, getrlimit, rlimit

from gotee.boundary.system cimport expect_large, now_ns

from gotee.errors import GoteeError, UsageError

HEADER_BYTES = HEADER
KIND_WHOLE = WHOLE
KIND_FIRST = FIRST
KIND_MORE = MORE
Buffer = bytes | bytearray | memoryview


class LinkError(GoteeError):
    """The link cannot be used."""


class LinkClosed(LinkError):
    """This side closed the link, or the peer did and something was to be sent."""


class LinkCorrupt(LinkError):
    """The peer broke the rules of the link; nothing more is read from it."""


def header(unsigned int kind, unsigned int lane, unsigned int size) -> bytes:
    """The header of one piece, for links that are written in Python."""
    cdef uint64_t packed = pack(kind, lane, size)
    cdef unsigned char out[HEADER]
    cdef int i
    for i in range(HEADER):
        out[i] = (packed >> (8 * i)) & 0xFF
    return out[:HEADER]


cdef class Gather:
    """Buffers that are one frame together, behind a head. They are read while it is sent, and not kept longer.

    >>> Gather((b"ab", bytearray(b"cd"))).join()
    b'abcd'
    """

    def __init__(self, tuple parts):
        cdef Py_ssize_t i
        if self.views is not NULL:
            raise UsageError("a frame is gathered once")
        self.views = <Py_buffer *> PyMem_Calloc(max(1, len(parts)), sizeof(Py_buffer))
        if self.views is NULL:
            raise MemoryError
        self.parts = parts
        for i in range(len(parts)):
            PyObject_GetBuffer(parts[i], &self.views[i], PyBUF_SIMPLE)
            self.count = i + 1
            self.size += self.views[i].len

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.count):
            PyBuffer_Release(&self.views[i])
        PyMem_Free(self.views)

    def __len__(self):
        return self.size

    cdef int set_head(self, const unsigned char *head, Py_ssize_t size) except -1:
        """Put a few bytes before the parts."""
        memcpy(self.head, head, size)
        self.head_size = size
        self.size += size
        return 0

    def join(self):
        """The frame as one."""
        return self.from_offset(0)

    cdef bytes from_offset(self, Py_ssize_t offset):
        """The frame as one, of which nothing before `offset` is of any use: that memory is never touched."""
        cdef bytes frame = PyBytes_FromStringAndSize(NULL, self.size)
        cdef unsigned char *out = <unsigned char *> PyBytes_AS_STRING(frame)
        cdef Py_ssize_t i, skip
        expect_large(out, self.size)
        if offset < self.head_size:
            memcpy(out, self.head, self.head_size)
        out += self.head_size
        offset -= self.head_size
        for i in range(self.count):
            skip = min(max(offset, 0), self.views[i].len)
            memcpy(out + skip, <unsigned char *> self.views[i].buf + skip, self.views[i].len - skip)
            out += self.views[i].len
            offset -= self.views[i].len
        return frame


cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *)
    void Py_SET_SIZE(PyObject *, Py_ssize_t)

cdef enum:
    LEAST_LEFT = 4 << 20         # bytes: what is smaller malloc keeps itself
    MOST_LEFT = 512 << 20
    PART_LEFT = 8                # of the address space, where it is bounded: the program needs the rest

cdef int64_t LEFT_FOR = 10_000_000_000    # nanoseconds
cdef bytes _left = None          # the memory of a large frame that nobody uses
cdef int64_t _left_at = 0        # since then


cdef int leave(bytes frame) except -1:
    """The memory of a frame is of no more use: nobody but the caller has it."""
    global _left, _left_at
    cdef rlimit bound
    cdef Py_ssize_t size = PyBytes_GET_SIZE(frame)
    if not LEAST_LEFT <= size <= MOST_LEFT or getrlimit(RLIMIT_AS, &bound) < 0:
        return 0
    if bound.rlim_cur == RLIM_INFINITY or <uint64_t> size <= bound.rlim_cur // PART_LEFT:
        _left = frame
        _left_at = now_ns()
    return 0


cdef bytes frame_of(Py_ssize_t size):
    """A frame of `size` bytes, to be filled."""
    global _left
    cdef bytes frame
    if _left is not None and size <= PyBytes_GET_SIZE(_left) <= size + size // 4:
        frame = _left
        _left = None
        Py_SET_SIZE(<PyObject *> frame, size)
        PyBytes_AS_STRING(frame)[size] = 0
        return frame
    frame = PyBytes_FromStringAndSize(NULL, size)
    expect_large(PyBytes_AS_STRING(frame), size)
    return frame


cpdef Py_ssize_t left(int64_t waited=0):
    """Bytes that are kept for the next large frame. Whoever waits asks: after ten seconds there are none any more.

    `waited`: nanoseconds that pass before that, for tests.
    """
    global _left
    if _left is not None and now_ns() + waited - _left_at > LEFT_FOR:
        _left = None
    return 0 if _left is None else PyBytes_GET_SIZE(_left)


cdef class Given:
    """A part of the memory of a frame that nobody else has any more, to be kept and changed in place.

    >>> view = memoryview(Given(bytes(4), 1, 2))
    >>> view[0] = 7
    >>> bytes(view)
    b'\\x07\\x00'
    """

    cdef bytes frame
    cdef Py_ssize_t start, size

    def __init__(self, bytes frame not None, Py_ssize_t start, Py_ssize_t size):
        if not 0 <= start <= start + size <= PyBytes_GET_SIZE(frame):
            raise UsageError("the bounds are outside of the frame")
        self.frame, self.start, self.size = frame, start, size

    def __dealloc__(self):
        if self.frame is not None and Py_REFCNT(<PyObject *> self.frame) == 1:
            leave(self.frame)

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, PyBytes_AS_STRING(self.frame) + self.start, self.size, False, flags)


cdef class Headed:
    """A large frame as it arrived: a few bytes of head, and `rest`, the payload."""

    def __len__(self):
        return self.head_size + PyBytes_GET_SIZE(self.rest)

    def join(self):
        """The frame as one."""
        return self.head[:self.head_size] + self.rest


cdef class Assembler:
    """Makes frames of pieces, for one direction of one link.

    `piece` is the largest piece, `max_frame` the largest frame, `lanes` the number of lanes, all in agreement with
    the peer. At most `lanes` frames are in the making; their memory is touched only as bytes arrive.
    """

    def __init__(self, Py_ssize_t piece, Py_ssize_t max_frame, Py_ssize_t lanes):
        if not (0 < piece <= max_frame <= 0xFFFFFFFF):
            raise UsageError(f"a frame may have {piece} (one piece) to {0xFFFFFFFF} bytes, not {max_frame}")
        if not (1 <= lanes <= 256):
            raise UsageError(f"a link has 1 to 256 lanes, not {lanes}")
        self.piece = piece
        self.max_frame = max_frame
        self.lanes = lanes
        self.frames = [None] * lanes
        self.filled = [0] * lanes

    cdef void look(self, Py_ssize_t size) noexcept:
        """Whether the large frame of `size` bytes that comes next, whose first bytes are in `kept`, is one `bytes`.

        Then memory is made for its contents alone: they are where they stay.
        """
        cdef const unsigned char *mark = self.kept + self.head
        cdef uint64_t length = <uint64_t> mark[1] << 24 | mark[2] << 16 | mark[3] << 8 | mark[4]
        cdef bint known = self.kept[0] < 64 and self.bodies >> self.kept[0] & 1
        self.more = BODY if known and mark[0] == 0xC6 and length == <uint64_t> (size - self.head - BODY) else 0

    cdef unsigned char *begin(self, uint64_t header) except NULL:
        """Check a header that is in private memory; return where the `self.length` bytes of the piece go."""
        cdef Py_ssize_t size = <uint32_t> header
        cdef unsigned int lane = (header >> 32) & 0xFF
        cdef uint64_t kind = header >> 40  # the 16 bits that must be zero included
        cdef Py_ssize_t head = self.head + self.more if lane == 0 else 0
        cdef object frame
        self.apart = 0
        if lane >= self.lanes:
            raise LinkCorrupt(f"the peer uses lane {lane}, but there are {self.lanes}")
        frame = self.frames[lane]
        if kind == MORE:
            if frame is None:
                raise LinkCorrupt(f"the peer continues a frame on lane {lane} that it has not begun")
            self.offset = self.filled[lane]
            self.length = min(self.piece, head + PyBytes_GET_SIZE(frame) - self.offset)
            if size != self.length:
                raise LinkCorrupt(f"the peer sent a piece of {size} bytes where {self.length} are due")
        elif kind == WHOLE or kind == FIRST:
            if frame is not None:
                raise LinkCorrupt(f"the peer begins a frame on lane {lane} within another")
            if kind == WHOLE and size > self.piece:
                raise LinkCorrupt(f"the peer sent a piece of {size} bytes; the limit is {self.piece}")
            if kind == FIRST and not (self.piece < size <= self.max_frame):
                raise LinkCorrupt(f"the peer announced a frame of {size} bytes; the limit is {self.max_frame}")
            if kind == FIRST:
                self.apart = head
            frame = frame_of(size - self.apart)
            self.offset = 0
            self.length = min(self.piece, size)
        else:
            raise LinkCorrupt(f"the peer sent a piece of unknown kind {kind}")
        self.lane = lane
        self.frame = frame
        return <unsigned char *> PyBytes_AS_STRING(frame) + (self.offset - head if self.offset else 0)

    cdef object finish(self):
        """The piece is in its place. Return the frame if that was its last one, else None."""
        cdef object frame = self.frame
        cdef Py_ssize_t filled = self.offset + self.length
        cdef Py_ssize_t head = self.head + self.more if self.lane == 0 and (self.offset or self.apart) else 0
        cdef Headed headed
        self.frame = None
        if filled == head + PyBytes_GET_SIZE(frame):
            if self.offset:
                self.frames[self.lane] = None
            if head == 0:
                return frame
            headed = Headed.__new__(Headed)
            memcpy(headed.head, self.kept, head)
            headed.head_size = head
            headed.rest = frame
            return headed
        self.frames[self.lane] = frame
        self.filled[self.lane] = filled
        return None

    def take(self, data, Py_ssize_t start, Py_ssize_t stop):
        """Use the piece at `data[start:stop]`: return (bytes used, the frame that it completes or None).

        (0, None) if the piece is not complete yet. `data` must be private memory.
        """
        cdef Py_buffer view
        cdef uint64_t packed = 0
        cdef unsigned char *source
        cdef unsigned char *target
        cdef int i
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if not (0 <= start <= stop <= view.len):
                raise UsageError("the bounds are outside of the buffer")
            if stop - start < HEADER:
                return 0, None
            source = <unsigned char *> view.buf + start
            for i in range(HEADER):
                packed |= <uint64_t> source[i] << (8 * i)
            target = self.begin(packed)
            if stop - start - HEADER < self.length:
                self.frame = None
                return 0, None
            memcpy(target, source + HEADER, self.length)
            return HEADER + self.length, self.finish()
        finally:
            PyBuffer_Release(&view)
