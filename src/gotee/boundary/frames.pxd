from libc.stdint cimport int64_t, uint64_t

cdef enum:
    HEADER = 8   # bytes before each piece
    WHOLE = 1    # a frame that is one piece
    FIRST = 2    # the first piece of a larger frame; the header holds the size of the whole frame
    MORE = 3     # a further piece of the larger frame of this lane

cdef inline uint64_t pack(unsigned int kind, unsigned int lane, uint64_t size) noexcept nogil:
    return size | (<uint64_t> lane << 32) | (<uint64_t> kind << 40)


cdef enum:
    MOST_HEAD = 32   # bytes of a frame's head that an assembler may keep apart
    BODY = 5         # bytes before the contents of a large `bytes`: MessagePack's bin 32, and their number


cpdef Py_ssize_t left(int64_t waited=*)


cdef class Gather:
    cdef readonly Py_ssize_t size            # of the whole frame
    cdef unsigned char head[MOST_HEAD]
    cdef Py_ssize_t head_size
    cdef tuple parts
    cdef Py_buffer *views
    cdef Py_ssize_t count
    cdef bytes from_offset(self, Py_ssize_t offset)
    cdef int set_head(self, const unsigned char *head, Py_ssize_t size) except -1


cdef class Headed:
    cdef unsigned char head[MOST_HEAD]
    cdef Py_ssize_t head_size
    cdef readonly bytes rest


cdef class Assembler:
    cdef readonly Py_ssize_t piece
    cdef readonly Py_ssize_t max_frame
    cdef readonly Py_ssize_t lanes
    cdef Py_ssize_t head         # bytes at the beginning of a large frame of lane 0 that are kept apart, or 0
    cdef unsigned char kept[MOST_HEAD]
    cdef uint64_t bodies         # by their first byte: the large frames of lane 0 that may be one `bytes` behind their head
    cdef Py_ssize_t more         # BODY if the one that is filled is such, else 0: it is kept apart too
    cdef Py_ssize_t apart        # of the piece that `begin` has admitted: its first bytes that go to `kept`
    cdef list frames             # by lane: the frame being filled, or None
    cdef list filled             # by lane: how many bytes of it are there
    cdef unsigned int lane       # of the piece that `begin` has admitted
    cdef object frame            # the frame to which that piece belongs
    cdef Py_ssize_t length       # the bytes of that piece
    cdef Py_ssize_t offset       # and where they start in the frame
    cdef void look(self, Py_ssize_t total) noexcept
    cdef unsigned char *begin(self, uint64_t header) except NULL
    cdef object finish(self)
