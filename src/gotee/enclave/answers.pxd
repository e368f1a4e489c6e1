from libc.stdint cimport int64_t


cdef class Check:
    cdef object of(self, bytes payload)


cdef class AtMost(Check):
    cdef Py_ssize_t most


cdef class Counted(Check):
    cdef int64_t least
    cdef int64_t most


cdef inline AtMost at_most(Py_ssize_t most):
    cdef AtMost check = AtMost.__new__(AtMost)
    check.most = most
    return check


cdef inline Counted counted(int64_t least, int64_t most):
    cdef Counted check = Counted.__new__(Counted)
    check.least, check.most = least, most
    return check
