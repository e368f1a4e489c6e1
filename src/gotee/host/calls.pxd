from gotee.boundary.crossing cimport CallCodec
from gotee.boundary.messages cimport Message
from gotee.boundary.wire cimport Wire
from gotee.runtime.routine cimport Routine


cdef class SecuredRoutine(Routine):
    cdef CallCodec codec
    cdef Wire wire


cdef class Callee:
    cdef Calls calls
    cdef str name
    cdef Py_ssize_t number
    cdef CallCodec codec


cdef class Door:
    cdef object find
    cdef dict known


cdef class Calls:
    cdef Wire wire
    cdef dict running            # by number, but for
    cdef SecuredRoutine newest   # the call that began last, if it runs
    cdef Py_ssize_t last
    cdef object seat
    cdef readonly str lost
    cdef bint ignored
    cdef SecuredRoutine start(self, Callee callee, tuple args, dict kwargs)
    cdef SecuredRoutine begin(self, Callee callee, object arguments)
    cdef int on_result(self, Message message) except -1
    cdef SecuredRoutine ended(self, Message message)
