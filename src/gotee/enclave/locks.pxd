cdef class Lock:
    cdef bint held
    cdef object waiting          # tickets, in order; None until somebody has waited
    cdef object __weakref__
    cdef bint take(self) noexcept
    cdef bint wait(self, double timeout) except -1
