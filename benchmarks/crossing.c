/* How fast can 1 MiB go from one process to another at all, on this machine? Without Python, and without gotee.

       cc -O2 -o build/crossing benchmarks/crossing.c && build/crossing

   Two processes, each on a processor of its own, with a ring of 1 MiB between them, in pieces of 64 KiB, as gotee has it:
   the median of 100 times, for each way of copying in and out. `memcpy` is the C library's; `loop` loads and stores 16
   bytes at a time, and may fetch 8 KiB ahead; `past the cache` does so with stores that go to memory. The payload lies 8
   bytes behind the beginning of a line, behind a header; the target 32. Beside it: two memcpy by one processor, and how
   long a line takes there and back between the two processors. A virtual machine may move its processors: between two
   threads of one core (50 ns), two cores that share a cache, and others (300 to 1500 ns). */

#define _GNU_SOURCE
#include <emmintrin.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, PIECE = 64 << 10, AHEAD = 8 << 10, TIMES = 100, TURNS = 20000 };

typedef void copy(char *target, const char *source, size_t size);

struct shared {
    _Alignas(128) atomic_ulong put;
    _Alignas(128) atomic_ulong taken;
    _Alignas(128) atomic_ulong turn;
};

static void library(char *target, const char *source, size_t size) { memcpy(target, source, size); }

static void loop(char *target, const char *source, size_t size) {
    for (; size >= 64; target += 64, source += 64, size -= 64)
        for (int i = 0; i < 4; i++)
            _mm_storeu_si128((__m128i *)target + i, _mm_loadu_si128((const __m128i *)source + i));
    memcpy(target, source, size);
}

static void ahead(char *target, const char *source, size_t size) {
    for (; size >= 64 + AHEAD; target += 64, source += 64, size -= 64) {
        _mm_prefetch(source + AHEAD, _MM_HINT_T0);
        for (int i = 0; i < 4; i++)
            _mm_storeu_si128((__m128i *)target + i, _mm_loadu_si128((const __m128i *)source + i));
    }
    loop(target, source, size);
}

static void past(char *target, const char *source, size_t size) {
    size_t lead = -(uintptr_t)target & 63;
    memcpy(target, source, lead);
    target += lead, source += lead, size -= lead;
    for (; size >= 64; target += 64, source += 64, size -= 64)
        for (int i = 0; i < 4; i++)
            _mm_stream_si128((__m128i *)target + i, _mm_loadu_si128((const __m128i *)source + i));
    memcpy(target, source, size);
    _mm_sfence();
}

static const struct way { const char *name; copy *in, *out; } WAYS[] = {
    {"memcpy in, memcpy out", library, library},
    {"memcpy in, loop out", library, loop},
    {"loop in, loop out", loop, loop},
    {"loop in, loop that fetches ahead out", loop, ahead},
    {"past the cache in, memcpy out", past, library},
    {"past the cache in, loop out", past, loop},
    {"past the cache in, loop that fetches ahead out", past, ahead},
};

enum { MANY = sizeof WAYS / sizeof *WAYS };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times) {
    qsort(times, TIMES, sizeof *times, compare);
    return times[TIMES / 2];
}

/* Nanoseconds. */
static double there_and_back(struct shared *shared, int second) {
    unsigned long base = atomic_load(&shared->turn) & ~1UL;
    double start = now();
    for (unsigned long i = base; i < base + 2 * TURNS; i += 2) {
        while (atomic_load(&shared->turn) != i + second) ;
        atomic_store(&shared->turn, i + second + 1);
    }
    while (!second && atomic_load(&shared->turn) != base + 2 * TURNS) ;  /* or the next call takes it for half a turn */
    return (now() - start) * 1e3 / TURNS;
}

static void give(struct shared *shared, char *ring, const char *source, copy *in) {
    for (int at = 0; at < MIB; at += PIECE) {
        unsigned long put = atomic_load(&shared->put);
        while (put + PIECE - atomic_load_explicit(&shared->taken, memory_order_acquire) > MIB) ;
        in(ring + 8 + put % MIB, source + at, PIECE);
        atomic_store(&shared->put, put + PIECE);
    }
}

static void take(struct shared *shared, const char *ring, char *target, copy *out) {
    for (int at = 0; at < MIB; at += PIECE) {
        unsigned long taken = atomic_load(&shared->taken);
        while (atomic_load_explicit(&shared->put, memory_order_acquire) < taken + PIECE) ;
        out(target + at, ring + 8 + taken % MIB, PIECE);
        atomic_store(&shared->taken, taken + PIECE);
    }
}

static void *memory(size_t size, int flags) {
    void *found = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (found == MAP_FAILED)
        exit(1);
    return memset(found, 1, size);
}

static void stay_on(int processor) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof one, &one);
}

int main(void) {
    struct shared *shared = memory(4096, MAP_SHARED);
    char *ring = memory(MIB + 4096, MAP_SHARED);
    char *own = memory(4 * MIB, MAP_PRIVATE), *other = own + 2 * MIB;
    double times[TIMES];
    memset(shared, 0, sizeof *shared);
    int second = fork() == 0;
    stay_on(second);
    double line = there_and_back(shared, second);
    for (int way = 0; way < MANY; way++) {
        there_and_back(shared, second);
        for (int i = 0; i < TIMES; i++) {
            if (second) {
                take(shared, ring, own + 32, WAYS[way].out);
                continue;
            }
            double start = now();
            give(shared, ring, own, WAYS[way].in);
            while (atomic_load(&shared->taken) != atomic_load(&shared->put)) ;
            times[i] = now() - start;
        }
        if (!second)
            printf("1 MiB, %-30s %6.0f us\n", WAYS[way].name, median(times));
    }
    if (second)
        return 0;
    wait(NULL);
    for (int i = 0; i < TIMES; i++) {
        double start = now();
        memcpy(other, own, MIB);
        memcpy(own, other, MIB);
        times[i] = now() - start;
    }
    printf("two memcpy by one processor %16s %6.0f us\na line, there and back %21s %6.0f ns\n", "", median(times), "", line);
}
