from cpython.object cimport PyObject


cdef int code_of(object cls) except -1
cdef enum:
    ROOM = 512        # bytes of a frame made here


cdef Py_ssize_t write_scalars(
    unsigned char *frame, PyObject *const *values, const int *codes, Py_ssize_t count, bint many
) except -2
cdef object read_scalars(const unsigned char *data, Py_ssize_t size, const int *codes, Py_ssize_t count, bint many)
cdef object UNUSUAL
