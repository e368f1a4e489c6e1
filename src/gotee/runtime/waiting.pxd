cdef class WaitQueue:
    cdef Node head
    cdef Node tail
    cdef readonly Py_ssize_t length
    cdef void push(self, Node node)
    cdef Node first(self)        # the first that a partner may fire
    cdef int nudge(self) except -1
    cdef void unlink(self, Node node)


cdef class Node:
    cdef Waiter waiter
    cdef WaitQueue queue
    cdef Node previous
    cdef Node next
    cdef Py_ssize_t index
    cdef object value


cdef class Waiter:
    cdef readonly bint fired
    cdef readonly bint ok
    cdef readonly Py_ssize_t index
    cdef public object value
    cdef public object what      # the operation, in words
    cdef public object subject   # the channel, routine or cases it waits for
    cdef public object outside   # inside an enclave: what must take the operation back before a partner may have it
    cdef Node node
    cdef list nodes
    cdef object owner            # whom `wake` tells
    cdef Node add(self, Py_ssize_t index, object value)
    cdef void unlink_all(self)
    cdef void settle(self, Py_ssize_t index, object value, bint ok)
    cdef int fire(self, Py_ssize_t index, object value, bint ok) except -1
    cdef int wake(self) except -1
