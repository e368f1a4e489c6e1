from gotee.runtime.waiting cimport Waiter

cpdef int enqueue(tuple cases, Waiter waiter) except -1
