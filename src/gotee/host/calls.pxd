from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from gotee.boundary.crossing cimport CallCodec
from gotee.boundary.messages cimport Message
from gotee.boundary.wire cimport Wire
from gotee.runtime.routine cimport Place, Routine


cdef class SecuredRoutine(Routine):
    cdef CallCodec codec
    cdef Wire wire


cdef class Callee:
    cdef Calls calls
    cdef str name
    cdef Py_ssize_t number
    cdef CallCodec codec


cdef class Door(Place):
    cdef object find
    cdef dict known
    cdef object last             # the function that was started last, and its
    cdef Callee callee
    cdef Callee called(self, object f)


cdef class Calls:
    cdef Wire wire
    cdef dict running            # by number, but for
    cdef SecuredRoutine spare    # made before it is needed: while the other side works
    cdef SecuredRoutine past     # the last that has ended, if its result was small: let go while the other side works
    cdef SecuredRoutine newest   # the call that began last, if it runs
    cdef Py_ssize_t last
    cdef object seat
    cdef readonly str lost
    cdef bint ignored
    cdef SecuredRoutine start(self, Callee callee, tuple args, dict kwargs)
    cdef int ready(self) except -1
    cdef SecuredRoutine start_small(self, Callee callee, PyObject *const *args, Py_ssize_t count)
    cdef SecuredRoutine made(self, Callee callee)
    cdef SecuredRoutine begin(self, Callee callee, object arguments)
    cdef bint on_small_result(self, const unsigned char *frame, Py_ssize_t size) except -1
    cdef int on_result(self, Message message) except -1
    cdef SecuredRoutine ended(self, uint64_t number)
