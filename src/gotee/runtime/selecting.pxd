from gotee.runtime.waiting cimport Waiter

cdef Py_ssize_t below(Py_ssize_t limit)
cpdef int enqueue(tuple cases, Waiter waiter) except -1
