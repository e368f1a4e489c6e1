# The C11 atomics and the system calls under `ring`. Both worlds; nothing else uses them.

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    #include <poll.h>
    #include <sched.h>
    #include <stdatomic.h>
    #include <stdint.h>
    #include <sys/mman.h>
    #include <sys/socket.h>
    #include <time.h>
    #include <unistd.h>

    /* A place in the shared region. `volatile` besides `_Atomic`: a load may be neither repeated nor left out. */
    typedef volatile _Atomic uint64_t shared_u64;

    #define load_acquire(place) atomic_load_explicit(place, memory_order_acquire)
    #define load_relaxed(place) atomic_load_explicit(place, memory_order_relaxed)
    #define store_release(place, value) atomic_store_explicit(place, value, memory_order_release)
    #define store_relaxed(place, value) atomic_store_explicit(place, value, memory_order_relaxed)
    #define swap(place, value) atomic_exchange_explicit(place, value, memory_order_acq_rel)

    static inline int compare_swap(shared_u64 *place, uint64_t known, uint64_t value) {
        return atomic_compare_exchange_strong_explicit(
            place, &known, value, memory_order_acq_rel, memory_order_acquire);
    }

    #define fence() atomic_thread_fence(memory_order_seq_cst)

    #if defined(__x86_64__)
    #define pause_cpu() __builtin_ia32_pause()
    #elif defined(__aarch64__)
    #define pause_cpu() __asm__ volatile("yield")
    #else
    #define pause_cpu() ((void)0)
    #endif

    static inline int64_t now_ns(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    }

    /* Have the scheduler put this thread on another processor, if there is one; it may come back later. */
    static inline void leave_cpu(void) {
        cpu_set_t all, others;
        if (sched_getaffinity(0, sizeof all, &all) < 0)
            return;
        others = all;
        CPU_CLR(sched_getcpu(), &others);
        if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0)
            sched_setaffinity(0, sizeof all, &all);
    }

    /* Sleep until the bell rings (1), the peer hangs up (2) or the time is over. Data on the control socket does not
       end the sleep: else the peer could keep this side busy with it. */
    static inline int sleep_on(int bell, int control, int64_t ns) {
        struct pollfd fds[2] = {{bell, POLLIN, 0}, {control, POLLRDHUP, 0}};
        struct timespec t = {ns / 1000000000, ns % 1000000000};
        if (ppoll(fds, 2, &t, NULL) <= 0)
            return 0;
        return (fds[0].revents ? 1 : 0) | (fds[1].revents ? 2 : 0);
    }

    /* The bells do not block. A peer may change that and fill one: then a signal ends the call. */
    static inline void ring_bell(int bell) {
        uint64_t one = 1;
        if (write(bell, &one, 8) < 0) { /* already rung to the limit */ }
    }

    static inline void mute_bell(int bell) {
        uint64_t count;
        if (read(bell, &count, 8) < 0) { /* not rung */ }
    }

    /* Memory that will soon be filled: in large pages, where the system gives some, it is faulted in 512 times fewer
       times. Only a hint, for what is worth a system call. */
    static inline void expect_large(void *start, size_t size) {
        uintptr_t page = 2 << 20, first = ((uintptr_t)start + page - 1) & ~(page - 1);
        uintptr_t end = ((uintptr_t)start + size) & ~(page - 1);
        if (size >= 2 * page && end > first)
            madvise((void *)first, end - first, MADV_HUGEPAGE);
    }

    static inline void sleep_ns(int64_t ns) {
        struct timespec t = {0, ns};
        nanosleep(&t, NULL);
    }

    static inline unsigned char *map_region_at(int fd, size_t offset, size_t size) {
        void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
        return base == MAP_FAILED ? NULL : base;
    }

    static inline unsigned char *map_region(int fd, size_t size) {
        return map_region_at(fd, 0, size);
    }
    """
    ctypedef uint64_t shared_u64
    uint64_t load_acquire(shared_u64 *place) nogil
    uint64_t load_relaxed(shared_u64 *place) nogil
    void store_release(shared_u64 *place, uint64_t value) nogil
    void store_relaxed(shared_u64 *place, uint64_t value) nogil
    uint64_t swap(shared_u64 *place, uint64_t value) nogil
    bint compare_swap(shared_u64 *place, uint64_t known, uint64_t value) nogil
    void fence() nogil
    void pause_cpu() nogil
    int sched_getcpu() nogil
    int sched_yield() nogil
    void leave_cpu() nogil
    int64_t now_ns() nogil
    int sleep_on(int bell, int control, int64_t ns) nogil
    void ring_bell(int bell) nogil
    void mute_bell(int bell) nogil
    void expect_large(void *start, size_t size)
    void sleep_ns(int64_t ns) nogil
    unsigned char *map_region(int fd, size_t size)
    unsigned char *map_region_at(int fd, size_t offset, size_t size)
    int munmap(void *base, size_t size)
    int shutdown(int fd, int how)
    int close_fd "close" (int fd)
    int SHUT_RDWR
