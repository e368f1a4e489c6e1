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
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

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

    cdef unsigned char *begin(self, uint64_t header) except NULL:
        """Check a header that is in private memory; return where the `self.length` bytes of the piece go."""
        cdef Py_ssize_t size = header & 0xFFFFFFFF
        cdef unsigned int lane = (header >> 32) & 0xFF
        cdef uint64_t kind = header >> 40  # the 16 bits that must be zero included
        cdef object frame
        if lane >= self.lanes:
            raise LinkCorrupt(f"the peer uses lane {lane}, but there are {self.lanes}")
        frame = self.frames[lane]
        if kind == MORE:
            if frame is None:
                raise LinkCorrupt(f"the peer continues a frame on lane {lane} that it has not begun")
            self.offset = self.filled[lane]
            self.length = min(self.piece, PyBytes_GET_SIZE(frame) - self.offset)
            if size != self.length:
                raise LinkCorrupt(f"the peer sent a piece of {size} bytes where {self.length} are due")
        elif kind == WHOLE or kind == FIRST:
            if frame is not None:
                raise LinkCorrupt(f"the peer begins a frame on lane {lane} within another")
            if kind == WHOLE and size > self.piece:
                raise LinkCorrupt(f"the peer sent a piece of {size} bytes; the limit is {self.piece}")
            if kind == FIRST and not (self.piece < size <= self.max_frame):
                raise LinkCorrupt(f"the peer announced a frame of {size} bytes; the limit is {self.max_frame}")
            frame = PyBytes_FromStringAndSize(NULL, size)
            self.offset = 0
            self.length = min(self.piece, size)
        else:
            raise LinkCorrupt(f"the peer sent a piece of unknown kind {kind}")
        self.lane = lane
        self.frame = frame
        return <unsigned char *> PyBytes_AS_STRING(frame) + self.offset

    cdef object finish(self):
        """The piece is in its place. Return the frame if that was its last one, else None."""
        cdef object frame = self.frame
        cdef Py_ssize_t filled = self.offset + self.length
        self.frame = None
        if filled == PyBytes_GET_SIZE(frame):
            if self.offset:
                self.frames[self.lane] = None
            return frame
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
