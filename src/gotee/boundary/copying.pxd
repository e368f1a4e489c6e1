# How bytes go into the shared memory, and out of it. Both worlds; `ring` uses it. What is copied is looked at once.
#
# A processor that reads what another one has just written waits for each line, which is still in the writer's cache: so a
# MiB took 200 to 500 us, where the two cores do not share a cache, and a copy from memory takes 25. Stores that go past
# the cache put it where the reader's processor fetches ahead. And both copies are loops: memcpy of the C library takes
# `rep movsb` for such sizes, which takes twice as long where target and source lie a few bytes apart in their pages.
# benchmarks/crossing.c measures all that.

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    #include <string.h>

    #if defined(__x86_64__)
    #include <emmintrin.h>

    enum { GOTEE_LINE = 64, GOTEE_WORTH = 4096 };  /* bytes: of a line, and from where on it is worth it */

    /* All is where others see it when this returns: an index that is stored afterwards is seen after it. */
    static inline void copy_to_peer(unsigned char *target, const unsigned char *source, size_t size) {
        size_t lead = -(uintptr_t)target & (GOTEE_LINE - 1);
        if (size < GOTEE_WORTH) {
            memcpy(target, source, size);
            return;
        }
        memcpy(target, source, lead);
        target += lead, source += lead, size -= lead;
        for (; size >= GOTEE_LINE; target += GOTEE_LINE, source += GOTEE_LINE, size -= GOTEE_LINE) {
            const __m128i *from = (const __m128i *)source;
            __m128i *to = (__m128i *)target;
            __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
            __m128i c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
            _mm_stream_si128(to, a);
            _mm_stream_si128(to + 1, b);
            _mm_stream_si128(to + 2, c);
            _mm_stream_si128(to + 3, d);
        }
        memcpy(target, source, size);
        _mm_sfence();
    }

    static inline void copy_from_peer(unsigned char *target, const unsigned char *source, size_t size) {
        if (size >= GOTEE_WORTH)
            for (; size >= GOTEE_LINE; target += GOTEE_LINE, source += GOTEE_LINE, size -= GOTEE_LINE) {
                const __m128i *from = (const __m128i *)source;
                __m128i *to = (__m128i *)target;
                __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
                __m128i c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
                _mm_storeu_si128(to, a);
                _mm_storeu_si128(to + 1, b);
                _mm_storeu_si128(to + 2, c);
                _mm_storeu_si128(to + 3, d);
            }
        memcpy(target, source, size);
    }
    #else
    #define copy_to_peer(target, source, size) memcpy(target, source, size)
    #define copy_from_peer(target, source, size) memcpy(target, source, size)
    #endif
    """
    void copy_to_peer(unsigned char *target, const unsigned char *source, size_t size) nogil
    void copy_from_peer(unsigned char *target, const unsigned char *source, size_t size) nogil
