from libc.stdint cimport uint64_t

from gotee.boundary.ring_memory cimport CORRUPT, OPEN
from gotee.boundary.ring_send cimport RingSend


cdef class Ring(RingSend):
    cdef object take(self)
    cdef Py_ssize_t whole_frame(self) noexcept
    cdef Py_ssize_t take_small(self, unsigned char *target, Py_ssize_t least, Py_ssize_t most) noexcept
    cdef bytes take_parts(self, unsigned char *head, size_t head_size)
    cdef inline void took(self, uint64_t need) noexcept
    cdef void look(self, Py_ssize_t size) noexcept
    cdef void keep_head(self, Py_ssize_t size) noexcept
    cdef void read_at(self, uint64_t place, unsigned char *target, size_t length) noexcept nogil
