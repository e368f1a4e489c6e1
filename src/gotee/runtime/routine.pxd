from cpython.object cimport PyObject

from gotee.runtime.ready cimport G
from gotee.runtime.waiting cimport Waiter, WaitQueue

cdef class Unasked:
    cdef str name
    cdef Py_ssize_t number
    cdef object exception
    cdef object translate
    cdef readonly bint observed
    cdef object __weakref__


cdef class Routine(G):
    cdef object function
    cdef tuple args
    cdef dict kwargs
    cdef object translate
    cdef readonly Py_ssize_t number
    cdef readonly str name
    cdef object value
    cdef readonly object exception
    cdef bint finished
    cdef readonly bint cancelled
    cdef readonly bint observed
    cdef Unasked unasked         # while nobody has asked for its failure
    cdef WaitQueue watchers
    cdef int stopped(self, object stop) except -1
    cdef int complete(self, object value, object exception) except -1
    cdef int keep_unasked(self) except -1
    cdef object settled(self)
    cpdef bint watch(self, Waiter waiter) except -1


cdef class Place:
    cdef object begin(self, PyObject *const *args, Py_ssize_t count)


cdef tuple tuple_of(PyObject *const *items, Py_ssize_t count)
cdef Py_ssize_t next_number() noexcept
