from libc.stdint cimport uint64_t

cdef enum:
    HEADER = 8   # bytes before each piece
    WHOLE = 1    # a frame that is one piece
    FIRST = 2    # the first piece of a larger frame; the header holds the size of the whole frame
    MORE = 3     # a further piece of the larger frame of this lane

cdef inline uint64_t pack(unsigned int kind, unsigned int lane, uint64_t size) noexcept nogil:
    return size | (<uint64_t> lane << 32) | (<uint64_t> kind << 40)


cdef class Assembler:
    cdef readonly Py_ssize_t piece
    cdef readonly Py_ssize_t max_frame
    cdef readonly Py_ssize_t lanes
    cdef list frames             # by lane: the frame being filled, or None
    cdef list filled             # by lane: how many bytes of it are there
    cdef unsigned int lane       # of the piece that `begin` has admitted
    cdef object frame            # the frame to which that piece belongs
    cdef Py_ssize_t length       # the bytes of that piece
    cdef Py_ssize_t offset       # and where they start in the frame
    cdef unsigned char *begin(self, uint64_t header) except NULL
    cdef object finish(self)
