from libc.stdint cimport int64_t, uint64_t

from gotee.boundary.copying cimport Copies
from gotee.boundary.frames cimport Assembler, Gather
from gotee.boundary.spinning cimport Spins
from gotee.boundary.system cimport shared_u64


cdef enum:
    LOANS = 64                   # places for loans, see gotee.boundary.loans
    SPACES = 16                  # places for spaces, see gotee.boundary.spaces
    SPACE_BYTES = 0x4000


cdef class Ring:
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
    cdef uint64_t placed         # the processor as last published: the line is the peer's to read
    cdef int crowded             # waits in a row on the peer's processor
    cdef int64_t left            # when this side last left it
    cdef int64_t leave_again     # how long after that it may again
    cdef uint64_t tail           # ours, outward
    cdef uint64_t freed          # the peer's head as last checked
    cdef uint64_t head           # ours, inward
    cdef uint64_t arrived        # the peer's tail as last checked
    cdef uint64_t wanted         # bytes of room that the last failed send lacked, 0 if it did not fail
    cdef shared_u64 woken        # private: wake() was called and no wait has returned since
    cdef shared_u64 asleep       # private: the sleep word is set
    cdef readonly bint waiting   # a thread is in `wait`
    cdef readonly bint gone      # the end of the peer has been noticed
    cdef int copying             # copies that are made without the GIL: the region stays mapped meanwhile
    cdef int state
    cdef int bell, peer_bell, control
    cdef Spins spins             # how long waits may spin
    cdef Copies copies           # what copies to the peer take
    cdef int64_t looked          # when `spin_briefly` began in vain: the next wait has spun already; 0 if it has not
    cdef Assembler assembler
    cdef readonly Py_ssize_t missed   # sleeps that the backstop ended although there was reason to wake: about 0
    cdef readonly Py_ssize_t capacity
    cdef readonly Py_ssize_t piece

    cdef shared_u64 *loan_word(self, Py_ssize_t place) noexcept
    cdef shared_u64 *space_word(self, Py_ssize_t place) noexcept
    cdef bint put_parts(self, const unsigned char *head, size_t head_size, const unsigned char *data, size_t size) noexcept
    cdef Py_ssize_t put_gather(self, Gather frame, Py_ssize_t offset) except -2
    cdef bint await_room(self, int64_t patience) noexcept
    cdef void copy_gathered(self, uint64_t header, Gather frame, Py_ssize_t offset, Py_ssize_t length) noexcept nogil
    cdef void write_at(self, uint64_t place, const unsigned char *source, size_t length) noexcept nogil
    cdef void read_at(self, uint64_t place, unsigned char *target, size_t length) noexcept nogil
    cdef void look(self, Py_ssize_t size) noexcept
    cdef void keep_head(self, Py_ssize_t size) noexcept
    cdef int end_copy(self) except -1
    cdef Py_ssize_t whole_frame(self) noexcept
    cdef Py_ssize_t take_small(self, unsigned char *target, Py_ssize_t least, Py_ssize_t most) noexcept
    cdef bytes take_parts(self, unsigned char *head, size_t head_size)
    cdef bint nothing(self) noexcept
    cdef bint wait_for(self, double seconds) except -1
    cdef bint spin_briefly(self) except -1
    cdef int64_t begin_wait(self) except -1
    cdef void end_wait(self) noexcept

    cdef Py_ssize_t put_buffer(self, object frame, Py_ssize_t offset, unsigned int lane, bint whole) except -2
    cdef Py_ssize_t put(self, unsigned char *frame, Py_ssize_t total, Py_ssize_t offset, unsigned int lane,
                        bint whole) except -2
    cdef inline void publish(self, uint64_t need) noexcept
    cdef inline uint64_t room(self) noexcept nogil
    cdef int refresh_room(self) except -1
    cdef void copy_out(self, uint64_t header, unsigned char *source, size_t length) noexcept nogil
    cdef int refresh_arrived(self) except -1
    cdef object take(self)
    cdef inline void took(self, uint64_t need) noexcept
    cdef bint ready(self) noexcept nogil
    cdef void awake(self) noexcept
    cdef bint glance(self) noexcept nogil
    cdef bint spin(self, int64_t start, int64_t deadline) noexcept nogil
    cdef bint crowds(self) noexcept nogil
    cdef bint stay_away(self) noexcept nogil
    cdef bint sleep(self, int64_t deadline) noexcept nogil
    cdef void set_asleep(self) noexcept nogil
    cdef void set_awake(self, bint rung) noexcept nogil
    cdef void release(self) noexcept
    cdef int refuse(self) except -1
    cdef int blame(self, str message) except -1
