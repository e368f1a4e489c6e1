cdef int code_of(object cls) except -1
cdef bytes encode_scalars(object value, const int *codes, Py_ssize_t count, bint many)
cdef object decode_scalars(bytes data, const int *codes, Py_ssize_t count, bint many)
cdef object UNUSUAL
