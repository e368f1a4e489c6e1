# How bytes go into the shared memory, and out of it. Both worlds; `ring` uses it. What is copied is looked at once.
#
# A processor that reads what another one has just written waits for each line, which is still in the writer's cache. Where
# the two share a cache that is quick: a MiB takes 40 us, and 80 if it is stored past the cache. Where they do not, it takes
# 120 to 600 us, and 60 past the cache: that puts it where the reader can fetch ahead (35 us then; by 8 KiB, as processors
# by themselves stop at the end of a page). A virtual machine is moved between such places without notice, so what copies
# take decides (nanoseconds, given by the caller): in a far place each store waits until the peer has let go of its line.
# After copies past the cache it does so in a near place too, for a lap of the ring: a trial of the cache is a whole lap,
# and another one goes before it. And copies are loops: memcpy of the C library takes `rep movsb` for such sizes, which takes
# several times as long where target and source lie a few bytes apart in their pages. benchmarks/crossing.c measures that.

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

    #define GOTEE_AHEAD 8192

    #define GOTEE_COPY_LINES(STORE, LEFT, FIRST)                                             \
        for (; size >= 64 + (LEFT); target += 64, source += 64, size -= 64) {                \
            const __m128i *from = (const __m128i *)source;                                   \
            __m128i *to = (__m128i *)target;                                                 \
            FIRST;                                                                           \
            __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);                \
            __m128i c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);            \
            STORE(to, a), STORE(to + 1, b), STORE(to + 2, c), STORE(to + 3, d);              \
        }

    static inline void copy_cached(unsigned char *target, const unsigned char *source, size_t size) {
        GOTEE_COPY_LINES(_mm_storeu_si128, 0, )
        memcpy(target, source, size);
    }

    /* What lies behind the source is not asked for: its writer has not let it go yet. */
    static inline void copy_ahead(unsigned char *target, const unsigned char *source, size_t size) {
        GOTEE_COPY_LINES(_mm_storeu_si128, GOTEE_AHEAD, _mm_prefetch(source + GOTEE_AHEAD, _MM_HINT_T0))
        copy_cached(target, source, size);
    }

    /* All is where others see it when this returns: an index that is stored afterwards is seen after it. */
    static inline void copy_past(unsigned char *target, const unsigned char *source, size_t size) {
        size_t lead = -(uintptr_t)target & 63;
        memcpy(target, source, lead);
        target += lead, source += lead, size -= lead;
        GOTEE_COPY_LINES(_mm_stream_si128, 0, )
        memcpy(target, source, size);
        _mm_sfence();
    }
    #else
    #define copy_cached(target, source, size) memcpy(target, source, size)
    #define copy_ahead(target, source, size) memcpy(target, source, size)
    #define copy_past(target, source, size) memcpy(target, source, size)
    #endif
    """
    void copy_cached(unsigned char *target, const unsigned char *source, size_t size) nogil
    void copy_ahead(unsigned char *target, const unsigned char *source, size_t size) nogil
    void copy_past(unsigned char *target, const unsigned char *source, size_t size) nogil


cdef enum:
    WORTH = 4096                 # bytes from which on a loop is worth it
    CHOSEN = 16 << 10            # bytes from which on its way is chosen: what is smaller fits the caches of both
    LAP = 1 << 20                # of a ring: then each of its lines has gone to the peer and back
    TRIAL_BYTES = 256 << 10      # what goes past the cache to see what that takes now
    AGAIN = 512 << 20            # bytes after which both ways are tried again


cdef enum Way:                   # of the copies of now
    CACHED_ANEW                  # through the cache again, a lap that says nothing; the memory may be new, too
    TRIAL                        # past it, to see what that takes
    CACHED                       # through the cache
    PAST                         # past it


cdef struct Copies:
    Way way
    size_t moved                 # bytes, since this way was taken or its last lap ended
    size_t slow                  # of them, those that took more than twice of what a trial took
    size_t since                 # bytes since the trial
    int64_t past                 # nanoseconds that a MiB took in it, at best


cdef inline bint goes_past(Copies *copies) noexcept nogil:
    """Whether the next copy to the peer goes past the cache: where that takes this side less than half the time."""
    return copies.way == TRIAL or copies.way == PAST


cdef inline void copy_took(Copies *copies, size_t size, int64_t time) noexcept nogil:
    """That copy, of so many bytes, is made. Most of a lap decides: a few say what else their processor had to do."""
    cdef int64_t cost = max(time * 1024 // <int64_t> (size >> 10), 1)
    cdef bint slow
    if copies.way == TRIAL:
        copies.past = min(copies.past, cost) if copies.moved else cost
    elif cost > 2 * copies.past:
        copies.slow += size
    copies.moved += size
    copies.since += size
    if copies.moved < (TRIAL_BYTES if copies.way == TRIAL else AGAIN if copies.way == PAST else LAP):
        return
    slow = 2 * copies.slow > copies.moved
    copies.moved = copies.slow = 0
    if copies.way == TRIAL:
        copies.way = CACHED
        copies.since = 0
    elif copies.way == PAST:
        copies.way = CACHED_ANEW
    elif copies.way == CACHED and slow and copies.since < 2 * LAP:
        copies.way = PAST
    elif copies.way == CACHED_ANEW or slow or copies.since >= AGAIN:
        copies.way = TRIAL


cdef inline void copy_to_peer(
    Copies *copies, unsigned char *target, const unsigned char *source, size_t size
) noexcept nogil:
    cdef bint past
    cdef int64_t start
    if size < WORTH:
        memcpy(target, source, size)
        return
    if size < CHOSEN:
        copy_cached(target, source, size)
        return
    past = goes_past(copies)
    start = now_ns()
    if past:
        copy_past(target, source, size)
    else:
        copy_cached(target, source, size)
    copy_took(copies, size, now_ns() - start)


cdef inline void copy_from_peer(unsigned char *target, const unsigned char *source, size_t size) noexcept nogil:
    if size < WORTH:
        memcpy(target, source, size)
    else:
        copy_ahead(target, source, size)
