# How bytes go into the shared memory, and out of it. Both worlds; `ring` uses it. What is copied is looked at once.
#
# A processor that reads what another one has just written waits for each line, which is still in the writer's cache. Where
# the two share a cache that is quick: a MiB takes 40 us, and 80 if it is stored past the cache. Where they do not, it takes
# 200 to 600 us, and 60 past the cache: that puts it where the reader's processor fetches ahead. A virtual machine is moved
# between such places without notice, so what copies take decides (nanoseconds, given by the caller): in a far place each
# store waits until the peer has let go of its line. And copies are loops: memcpy of the C library takes `rep movsb` for
# such sizes, which takes several times as long where target and source lie a few bytes apart in their pages.
# benchmarks/crossing.c measures all that.

from libc.stdint cimport int64_t
from libc.string cimport memcpy

from gotee.boundary.system cimport now_ns

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    #include <string.h>

    #if defined(__x86_64__)
    #include <emmintrin.h>

    #define GOTEE_COPY_LINES(STORE)                                                          \
        for (; size >= 64; target += 64, source += 64, size -= 64) {                         \
            const __m128i *from = (const __m128i *)source;                                   \
            __m128i *to = (__m128i *)target;                                                 \
            __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);                \
            __m128i c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);            \
            STORE(to, a), STORE(to + 1, b), STORE(to + 2, c), STORE(to + 3, d);              \
        }                                                                                    \
        memcpy(target, source, size)

    static inline void copy_cached(unsigned char *target, const unsigned char *source, size_t size) {
        GOTEE_COPY_LINES(_mm_storeu_si128);
    }

    /* All is where others see it when this returns: an index that is stored afterwards is seen after it. */
    static inline void copy_past(unsigned char *target, const unsigned char *source, size_t size) {
        size_t lead = -(uintptr_t)target & 63;
        memcpy(target, source, lead);
        target += lead, source += lead, size -= lead;
        GOTEE_COPY_LINES(_mm_stream_si128);
        _mm_sfence();
    }
    #else
    #define copy_cached(target, source, size) memcpy(target, source, size)
    #define copy_past(target, source, size) memcpy(target, source, size)
    #endif
    """
    void copy_cached(unsigned char *target, const unsigned char *source, size_t size) nogil
    void copy_past(unsigned char *target, const unsigned char *source, size_t size) nogil


cdef enum:
    WORTH = 4096                 # bytes from which on it matters
    OTHERWISE = 256              # one copy of so many goes the other way, to see what that takes now


cdef struct Copies:
    int64_t cached               # what a MiB took lately through the cache; 0: not known
    int64_t past                 # and past it
    unsigned int turn


cdef inline bint goes_past(Copies *copies) noexcept nogil:
    """Whether the next copy to the peer goes past the cache: where that takes this side less than half the time."""
    cdef bint far = copies.past != 0 and copies.cached > 2 * copies.past
    copies.turn += 1
    return far != (copies.turn % OTHERWISE == 2)


cdef inline void copy_took(Copies *copies, bint past, size_t size, int64_t time) noexcept nogil:
    """A copy of so many bytes has ended. One that took long counts little: its processor may have done something else."""
    cdef int64_t known = copies.past if past else copies.cached
    cdef int64_t cost = max(time * 1024 // <int64_t> (size >> 10), 1)
    if known != 0 and cost > known:
        cost = known + (min(cost, 4 * known) - known) // 4
    if past:
        copies.past = cost
    else:
        copies.cached = cost


cdef inline void copy_to_peer(
    Copies *copies, unsigned char *target, const unsigned char *source, size_t size
) noexcept nogil:
    cdef bint past
    cdef int64_t start
    if size < WORTH:
        memcpy(target, source, size)
        return
    past = goes_past(copies)
    start = now_ns()
    if past:
        copy_past(target, source, size)
    else:
        copy_cached(target, source, size)
    copy_took(copies, past, size, now_ns() - start)


cdef inline void copy_from_peer(unsigned char *target, const unsigned char *source, size_t size) noexcept nogil:
    if size < WORTH:
        memcpy(target, source, size)
    else:
        copy_cached(target, source, size)
