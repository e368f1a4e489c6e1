# How long a wait on a ring may spin. Both worlds; only `ring` uses it. It asks no clock: times are given, in nanoseconds.

from libc.stdint cimport int64_t

# Two sides that both sleep answer each other in 50 to 300 us, of which the work is 5: a side that waits SOON spins to find
# out. What a spin takes beyond CHEAP, which a sleep and its wake would take too, and all of one that fails, comes out of a
# credit of an eighth of the time and a millisecond beyond it. Another process that takes the processor in the middle of a
# spin uses up the credit as well.
cdef enum:
    SPIN_LEAST = 2_000
    SPIN_MOST = 400_000
    SOON = 400_000
    CHEAP = 60_000
    CREDIT_MOST = 1_000_000
    CREDIT_PART = 8


cdef struct Spins:
    int64_t length               # of the next spin
    int64_t most                 # 0 where spinning is of no use: a single processor
    int64_t credit               # what spins may still cost
    int64_t credited             # when credit was last added


cdef inline void begin_spins(Spins *spins, bint useful, int64_t now) noexcept nogil:
    spins.length = spins.most = SPIN_MOST if useful else 0
    spins.credit = CREDIT_MOST
    spins.credited = now


cdef inline int64_t spin_allowed(Spins *spins, int64_t now) noexcept nogil:
    """How long the spin that begins now may take; 0: sleep at once."""
    cdef int64_t credit = spins.credit + (now - spins.credited) // CREDIT_PART
    spins.credit = credit if credit < CREDIT_MOST else CREDIT_MOST
    spins.credited = now
    return spins.length if spins.credit >= spins.length else 0


cdef inline void spin_took(Spins *spins, int64_t time, bint found) noexcept nogil:
    """A spin has ended."""
    if not found:
        spins.credit -= time
    elif time > CHEAP:
        spins.credit -= time - CHEAP


cdef inline void learn_wait(Spins *spins, int64_t waited, bint found) noexcept nogil:
    """A wait has ended: spin as long as answers have lately taken, and not at all when they do not come soon."""
    cdef int64_t wanted = 2 * waited + SPIN_LEAST
    if waited > SOON:
        spins.length //= 2
        if spins.length < SPIN_LEAST:
            spins.length = 0
    elif found:
        spins.length -= spins.length >> 5
        if spins.length < wanted:
            spins.length = wanted if wanted < spins.most else spins.most
