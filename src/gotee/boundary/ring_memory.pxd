from libc.stdint cimport int64_t, uint64_t

from gotee.boundary.system cimport shared_u64


cdef enum:
    LOANS = 64                   # places for loans, see gotee.boundary.loans
    SPACES = 16                  # places for spaces, see gotee.boundary.spaces
    SPACE_BYTES = 0x4000

cdef enum State:
    OPEN
    CLOSED
    POISONED
    CORRUPT


cdef class RingMemory:
    cdef unsigned char *base
    cdef size_t size
    cdef unsigned char *out
    cdef unsigned char *inward
    cdef shared_u64 *out_tail
    cdef shared_u64 *out_head
    cdef shared_u64 *in_tail
    cdef shared_u64 *in_head
    cdef shared_u64 *own_sleep
    cdef shared_u64 *peer_sleep
    cdef shared_u64 *own_place
    cdef shared_u64 *peer_place
    cdef shared_u64 *listens     # of spaces: the host waits
    cdef bint creator
    cdef readonly Py_ssize_t capacity
    cdef uint64_t tail           # ours, outward
    cdef uint64_t freed          # the peer's head as last checked
    cdef uint64_t head           # ours, inward
    cdef uint64_t given          # the same, as the peer has been told
    cdef uint64_t arrived        # the peer's tail as last checked
    cdef shared_u64 woken        # private: wake() was called and no wait has returned since
    cdef readonly bint waiting   # a thread is in `wait`
    cdef readonly bint gone      # the end of the peer has been noticed
    cdef int copying             # copies that are made without the GIL: the region stays mapped meanwhile
    cdef int state
    cdef int bell, peer_bell, control

    cdef int attach(self, int region, Py_ssize_t capacity, bint creator) except -1
    cdef shared_u64 *loan_word(self, Py_ssize_t place) noexcept
    cdef shared_u64 *space_word(self, Py_ssize_t place) noexcept
    cdef inline uint64_t room(self) noexcept nogil
    cdef int refresh_room(self) except -1
    cdef inline void publish(self, uint64_t need) noexcept
    cdef int refresh_arrived(self) except -1
    cdef bint nothing(self) noexcept
    cdef void give(self) noexcept
    cdef void release(self) noexcept
    cdef int refuse(self) except -1
    cdef int blame(self, str message) except -1
