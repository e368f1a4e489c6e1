from cpython.pythread cimport PyThread_type_lock


cdef class Wire:
    cdef object link
    cdef object frames           # queues what the link has no room for, and cuts what is large
    cdef object outgoing
    cdef list wanting            # to be told when there is room again
    cdef Py_ssize_t piece
    cdef PyThread_type_lock owner
    cdef bint queued             # `frames` has something to send
    cdef bint piled              # `frames` may have something that arrived
    cdef public bint ended
    cpdef int send(self, bytes frame) except -1
    cdef int hand_over(self) except -1
    cdef bint send_queued(self) except -1
    cdef int tell_room(self) except -1
    cdef int own(self) except -1
    cpdef bytes receive(self)
    cpdef bint wait(self, object seconds) except -1
