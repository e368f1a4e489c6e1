from gotee.boundary.messages cimport Message
from gotee.boundary.wire cimport Wire
from gotee.runtime.routine cimport Routine


cdef class SecuredRoutine(Routine):
    cdef object codec
    cdef Wire wire


cdef class Calls:
    cdef Wire wire
    cdef dict running
    cdef Py_ssize_t last
    cdef int on_result(self, Message message) except -1
    cdef SecuredRoutine ended(self, Message message)
