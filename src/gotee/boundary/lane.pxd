from cpython.object cimport PyObject

cdef enum:
    MOST_CODES = 15


cdef class FastLane:
    cdef object _annotation      # what msgspec is told
    cdef object _decode          # None until it is needed
    cdef object _exact
    cdef tuple _classes
    cdef bint _many              # `_classes` are those of a tuple
    cdef bint _plain             # `_codes` says it all, and `scalars` does it
    cdef int _codes[MOST_CODES]
    cdef Py_ssize_t _count
    cdef bint _fixed
    cdef bint _header
    cdef object _limits          # those that the next two are of
    cdef Py_ssize_t _frame_bytes
    cdef Py_ssize_t _items

    cdef bint is_exact(self, object value) except -1
    cdef Py_ssize_t write(self, PyObject *const *values, Py_ssize_t count, limits, unsigned char *frame, str where) except -2
    cdef object read(self, const unsigned char *data, Py_ssize_t size, limits, str where)
    cpdef bytes encode(self, value, limits, str where)
    cdef bint is_bytes(self) noexcept
    cdef int check_size(self, Py_ssize_t size, limits, str where) except -1
    cdef bint are_exact(self, PyObject *const *values, Py_ssize_t count) noexcept
    cdef int check(self, bytes data, limits, str where) except -1
    cpdef object decode(self, bytes data, limits, str path, str where)
