cdef object running_loop()
cdef bint loops_possible() noexcept
