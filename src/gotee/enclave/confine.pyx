"""The system calls with which an enclave confines itself, one function each. Enclave world; `sandbox` calls them.

Python has no names for these calls, and ctypes would cost more at start than all of them together. Each raises OSError.
"""

from cpython.buffer cimport PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.errno cimport EINTR, errno
from libc.signal cimport SIG_DFL
from libc.signal cimport signal as c_signal
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

cdef extern from *:
    """
    #include <errno.h>
    #include <sched.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <signal.h>
    #include <stdint.h>
    #include <sys/mman.h>
    #include <sys/mount.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>
    #include <sys/wait.h>
    #include <unistd.h>

    /* Numbers of calls that are younger than some of the headers we are built with; the same on every machine. */
    #define GOTEE_LANDLOCK_CREATE 444
    #define GOTEE_LANDLOCK_ADD 445
    #define GOTEE_LANDLOCK_RESTRICT 446
    #define GOTEE_MOUNT_SETATTR 442
    #define GOTEE_OPEN_TREE 428
    #define GOTEE_MOVE_MOUNT 429
    #define GOTEE_MEMFD_SECRET 447

    struct gotee_landlock { uint64_t fs, net, scoped; };
    struct __attribute__((packed)) gotee_path { uint64_t allowed; int32_t parent; };
    struct gotee_attributes { uint64_t set, clear, propagation, user; };
    struct gotee_filter { unsigned short length; const void *program; };
    struct gotee_cap_header { uint32_t version; int pid; };

    /* One packet with its descriptors, at most GOTEE_MOST; one that has more, or is longer, is none. */
    #define GOTEE_MOST 253  /* of the kernel */
    static ssize_t gotee_receive(int number, char *data, size_t most, int *found, int *count)
    {
        union { char room[CMSG_SPACE(GOTEE_MOST * sizeof(int))]; struct cmsghdr align; } rights;
        struct iovec piece = { data, most };
        struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1,
                                  .msg_control = rights.room, .msg_controllen = sizeof(rights.room) };
        ssize_t got;
        *count = 0;
        do got = recvmsg(number, &message, MSG_CMSG_CLOEXEC); while (got < 0 && errno == EINTR);
        if (got < 0)
            return got;
        for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
            size_t bytes = head->cmsg_len - CMSG_LEN(0);
            if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
                continue;
            if (*count + bytes / sizeof(int) > GOTEE_MOST)
                break;
            memcpy(found + *count, CMSG_DATA(head), bytes);
            *count += (int) (bytes / sizeof(int));
        }
        if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
            errno = EMSGSIZE;
            return -1;
        }
        return got;
    }

    /* The child begins on this processor, which is its as soon as we wait. The kernel may put it on another one, where
       it waited two milliseconds for other processes, while this one had nothing to do. */
    static pid_t gotee_fork_here(void)
    {
        cpu_set_t all, here;
        int processor = sched_getcpu();
        int bound = processor >= 0 && processor < CPU_SETSIZE && !sched_getaffinity(0, sizeof(all), &all);
        CPU_ZERO(&here);
        if (bound) {
            CPU_SET(processor, &here);
            bound = !sched_setaffinity(0, sizeof(here), &here);
        }
        pid_t child = fork();
        int error = errno;
        if (bound)
            sched_setaffinity(0, sizeof(all), &all);
        errno = error;
        return child;
    }
    """
    enum:
        SYS_seccomp
        SYS_pivot_root
        SYS_capset
        GOTEE_LANDLOCK_CREATE
        GOTEE_LANDLOCK_ADD
        GOTEE_LANDLOCK_RESTRICT
        GOTEE_MOUNT_SETATTR
        GOTEE_OPEN_TREE
        GOTEE_MOVE_MOUNT
        GOTEE_MEMFD_SECRET
        PROT_READ
        PROT_WRITE
        MAP_SHARED
        MADV_DONTFORK
        GOTEE_MOST
    struct gotee_landlock:
        uint64_t fs
        uint64_t net
        uint64_t scoped
    struct gotee_path:
        uint64_t allowed
        int parent
    struct gotee_attributes:
        uint64_t set
        uint64_t clear
        uint64_t propagation
        uint64_t user
    struct gotee_filter:
        unsigned short length
        const void *program
    struct gotee_cap_header:
        uint32_t version
        int pid
    long syscall(long number, ...) nogil
    int c_prctl "prctl"(int option, ...) nogil
    int c_unshare "unshare"(int flags) nogil
    int c_mount "mount"(const char *source, const char *target, const char *kind, unsigned long flags,
                        const void *data) nogil
    int c_umount2 "umount2"(const char *target, int flags) nogil
    int c_sethostname "sethostname"(const char *name, size_t length) nogil
    int gotee_fork_here() nogil
    int c_waitpid "waitpid"(int pid, int *status, int options) nogil
    int c_kill "kill"(int pid, int signal) nogil
    int c_getpid "getpid"() nogil
    void c_exit "_exit"(int status) nogil
    int WIFSIGNALED(int status) nogil
    int WTERMSIG(int status) nogil
    int WEXITSTATUS(int status) nogil
    void *c_mmap "mmap"(void *address, size_t length, int protection, int flags, int descriptor, long offset) nogil
    int c_madvise "madvise"(void *address, size_t length, int advice) nogil
    int c_ftruncate "ftruncate"(int descriptor, long length) nogil
    int c_close "close"(int descriptor) nogil
    Py_ssize_t gotee_receive(int number, char *data, size_t most, int *found, int *count) nogil
    void *MAP_FAILED

cdef enum:
    PR_SET_PDEATHSIG = 1
    PR_GET_DUMPABLE = 3
    PR_SET_DUMPABLE = 4
    PR_CAPBSET_READ = 23
    PR_CAPBSET_DROP = 24
    PR_SET_NO_NEW_PRIVS = 38
    PR_GET_NO_NEW_PRIVS = 39
    PR_CAP_AMBIENT = 47
    PR_CAP_AMBIENT_CLEAR_ALL = 4
    SECCOMP_SET_MODE_FILTER = 1
    LANDLOCK_CREATE_RULESET_VERSION = 1
    LANDLOCK_RULE_PATH_BENEATH = 1
    CAPABILITY_VERSION_3 = 0x20080522
    AT_FDCWD = -100
    AT_RECURSIVE = 0x8000
    MNT_DETACH = 2
    OPEN_TREE_CLONE = 1
    OPEN_TREE_CLOEXEC = 0o2000000
    MOVE_MOUNT_F_EMPTY_PATH = 4
    LAST_CAPABILITY = 63


cdef long checked(long answer) except -1:
    if answer < 0:
        raise OSError(errno, _reason(errno))
    return answer


def _reason(int number):
    from os import strerror

    return strerror(number)


# -- the floor ------------------------------------------------------------------------------------------


def no_new_privs():
    """From now on no exec can give this process more rights than it has."""
    checked(c_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def not_dumpable():
    """No core dumps, and no ptrace or /proc/PID/mem for processes of the same user that come later.

    exec undoes it, so it is called after that. A descriptor of /proc/PID/mem that was opened before keeps working.
    """
    checked(c_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))


def load_filter(bytes program not None):
    """Load a seccomp filter: an array of struct sock_filter."""
    cdef gotee_filter filter
    filter.length = <unsigned short> (len(program) // 8)
    filter.program = <const void *> <const char *> program
    if syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0:
        raise OSError(errno, f"the kernel takes no seccomp filter: {_reason(errno)}")


def drop_capabilities():
    """Give up every capability, also those that a later exec could give back."""
    cdef gotee_cap_header header
    cdef uint32_t sets[6]
    cdef int number
    for number in range(LAST_CAPABILITY + 1):
        if c_prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1:
            c_prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # fails without CAP_SETPCAP, and is not needed then
    c_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header.version = CAPABILITY_VERSION_3
    header.pid = 0
    memset(sets, 0, sizeof(sets))
    checked(syscall(SYS_capset, &header, sets))


def die_with_parent(int signal):
    """Get `signal` when the thread that made this process ends."""
    checked(c_prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0))


def state():
    """(no new privileges, dumpable), as the kernel says it."""
    return c_prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, c_prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1


# -- Landlock -------------------------------------------------------------------------------------------


def landlock_abi():
    """The version of Landlock that answers here; OSError if none does."""
    return checked(syscall(GOTEE_LANDLOCK_CREATE, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION))


def landlock_create(uint64_t fs, uint64_t net, uint64_t scoped):
    """A set of rules that forbids these accesses; its descriptor. Fields that the kernel is too old for must be 0."""
    cdef gotee_landlock handled
    cdef size_t size = 24 if scoped else 16 if net else 8
    handled.fs, handled.net, handled.scoped = fs, net, scoped
    return checked(syscall(GOTEE_LANDLOCK_CREATE, &handled, size, 0))


def landlock_allow(int ruleset, uint64_t allowed, int path):
    """Except for these, beneath the file or folder of which `path` is a descriptor."""
    cdef gotee_path rule
    rule.allowed, rule.parent = allowed, path
    checked(syscall(GOTEE_LANDLOCK_ADD, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))


def landlock_restrict(int ruleset):
    """From now on the rules hold for this process."""
    checked(syscall(GOTEE_LANDLOCK_RESTRICT, ruleset, 0))


# -- namespaces -----------------------------------------------------------------------------------------


def unshare(int flags):
    """unshare(2)."""
    checked(c_unshare(flags))


def mount(bytes source not None, bytes target not None, bytes kind not None, unsigned long flags, bytes data not None):
    """mount(2)."""
    checked(c_mount(source, target, kind, flags, <const char *> data))


def mount_attributes(bytes target not None, uint64_t attributes):
    """Set attributes of a mount and of all mounts below it: mount_setattr(2)."""
    cdef gotee_attributes wanted
    wanted.set, wanted.clear, wanted.propagation, wanted.user = attributes, 0, 0, 0
    checked(syscall(GOTEE_MOUNT_SETATTR, AT_FDCWD, <const char *> target, AT_RECURSIVE, &wanted, sizeof(wanted)))


def pivot_root(bytes new not None, bytes old not None):
    """pivot_root(2)."""
    checked(syscall(SYS_pivot_root, <const char *> new, <const char *> old))


def unmount(bytes target not None):
    """Take a mount and all below it out of this namespace."""
    checked(c_umount2(target, MNT_DETACH))


def open_tree(bytes path not None):
    """A descriptor (close-on-exec) of a copy of the mount at `path`, which is mounted nowhere: open_tree(2)."""
    return checked(syscall(GOTEE_OPEN_TREE, AT_FDCWD, <const char *> path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC))


def move_mount(int tree, bytes target not None):
    """Mount what `open_tree` gave: move_mount(2)."""
    checked(syscall(GOTEE_MOVE_MOUNT, tree, <const char *> b"", AT_FDCWD, <const char *> target,
                    MOVE_MOUNT_F_EMPTY_PATH))


def set_host_name(bytes name not None):
    """sethostname(2)."""
    checked(c_sethostname(name, len(name)))


# -- processes ------------------------------------------------------------------------------------------


def fork():
    """A copy of this process, which has one thread; no handlers of the interpreter run."""
    return checked(gotee_fork_here())


def end_as(int child, bytes program not None):
    """Load a filter, wait for the child, and end as it ends: with its status, or of its signal.

    One function, so that the filter needs to allow nothing that the interpreter does.
    """
    cdef int status = 0
    load_filter(program)
    while c_waitpid(child, &status, 0) < 0:
        if errno != EINTR:
            c_exit(127)
    if WIFSIGNALED(status):
        c_signal(WTERMSIG(status), SIG_DFL)
        c_kill(c_getpid(), WTERMSIG(status))
        c_exit(128 + WTERMSIG(status))
    c_exit(WEXITSTATUS(status))


# -- memory ---------------------------------------------------------------------------------------------


def secret_memory(size_t size):
    """Memory that only this process can read, not even the kernel by accident: memfd_secret(2); a memoryview.

    It is never in a core dump, in swap, or in what ptrace and /proc/PID/mem give. It lives as long as the process.
    """
    cdef int descriptor = checked(syscall(GOTEE_MEMFD_SECRET, 0))
    cdef void *place
    try:
        checked(c_ftruncate(descriptor, <long> size))
        place = c_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        if place == MAP_FAILED:
            checked(-1)
    finally:
        c_close(descriptor)
    c_madvise(place, size, MADV_DONTFORK)
    return PyMemoryView_FromMemory(<char *> place, <Py_ssize_t> size, PyBUF_WRITE)


# -- what is handed over --------------------------------------------------------------------------------


def receive(int number, size_t most):
    """One packet of a socket, at most so many bytes, and the descriptors that came with it, which close at exec.

    Empty if nobody sends any more. The sandbox refuses this once it is complete.
    """
    cdef int found[GOTEE_MOST]
    cdef int count
    cdef Py_ssize_t got
    cdef bytearray data = bytearray(most)
    cdef char *place = data
    with nogil:
        got = gotee_receive(number, place, most, found, &count)
    checked(got)
    return bytes(data[:got]), [found[at] for at in range(count)]
