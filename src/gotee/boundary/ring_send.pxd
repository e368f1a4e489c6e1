from libc.stdint cimport int64_t, uint64_t

from gotee.boundary.copying cimport Copies
from gotee.boundary.frames cimport Assembler, Gather
from gotee.boundary.ring_memory cimport CLOSED, OPEN
from gotee.boundary.ring_sleep cimport RingSleep


cdef class RingSend(RingSleep):
    cdef Copies copies           # what copies to the peer take
    cdef Assembler assembler     # of what arrives; its limits hold for what is sent, too
    cdef readonly Py_ssize_t piece

    cdef Py_ssize_t put_buffer(self, object frame, Py_ssize_t offset, unsigned int lane, bint whole) except -2
    cdef Py_ssize_t put(self, unsigned char *frame, Py_ssize_t total, Py_ssize_t offset, unsigned int lane,
                        bint whole) except -2
    cdef bint put_parts(self, const unsigned char *head, size_t head_size, const unsigned char *data, size_t size) noexcept
    cdef void copy_out(self, uint64_t header, unsigned char *source, size_t length) noexcept nogil
    cdef void write_at(self, uint64_t place, const unsigned char *source, size_t length) noexcept nogil
    cdef Py_ssize_t put_gather(self, Gather frame, Py_ssize_t offset) except -2
    cdef void copy_gathered(self, uint64_t header, Gather frame, Py_ssize_t offset, Py_ssize_t length) noexcept nogil
    cdef bint await_room(self, int64_t patience) noexcept
    cdef int end_copy(self) except -1
