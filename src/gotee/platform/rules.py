"""Which system calls an enclave may make, and with what arguments: the list, and why. Platform world.

Three answers to what is not allowed. KILL, for what no honest program inside tries: the attempt ends the enclave.
EPERM, for what libraries probe and live without. ENOSYS, for everything that the lists do not name, new calls of later
kernels included: the C library then takes its older way.

The page docs/explanation/sandbox.md explains the list; a test compares the two.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NamedTuple
else:
    from gotee.records import Record as NamedTuple


class Test(NamedTuple):
    """(the low 32 bits of argument number `argument`) & `mask` == `value`; `high`: of the high 32 bits."""

    argument: int
    mask: int
    value: int
    high: bool = False


Rule = tuple[tuple[Test, ...], ...]
"""Allowed if every test of one of the rows holds."""

ALL: Final = 0xFFFFFFFF
OWN_PID: Final = 0x7FFFFFFF
"""Stands for the enclave's own process number, which it puts in before it loads the filter."""

# Asked for by every Python program, or harmless: they see and change nothing but the process's own memory, time, and
# descriptors that it already has.
_ALLOWED = """
    access alarm brk clock_getres clock_gettime clock_nanosleep close close_range dup dup2 dup3 epoll_create
    epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 exit exit_group faccessat faccessat2
    fadvise64 fstat fstatfs futex futex_waitv get_robust_list getcpu getcwd getdents64 getegid geteuid getgid getgroups
    getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrusage getsid
    getsockname gettid gettimeofday getuid lseek lstat membarrier mlock mlock2 mremap msync munlock
    munmap nanosleep newfstatat pause pipe pipe2 poll ppoll pread64 preadv preadv2 pselect6 pwrite64 read readlink
    readlinkat readv restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend
    rt_sigtimedwait sched_get_priority_max sched_get_priority_min sched_getparam sched_getscheduler sched_yield select
    set_robust_list set_tid_address setitimer shutdown sigaltstack stat statfs statx sysinfo time
    timerfd_create timerfd_gettime timerfd_settime times umask uname wait4 waitid write writev
"""
ALLOWED: Final = _ALLOWED.split()

# What the parent of an enclave's process namespace needs: wait for the enclave, and end as it has ended.
_WAITER = "exit exit_group getpid restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn wait4"
WAITER: Final = _WAITER.split()
WAITER_CHECKED: Final = ("kill",)  # itself

# What only code that has been taken over asks for: other processes' memory, the kernel's inside, other namespaces.
_KILLED = """
    acct add_key adjtimex bpf capset chroot clock_adjtime clock_settime delete_module fanotify_init finit_module
    fsconfig fsmount fsopen fspick init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie
    mount mount_setattr move_mount move_pages migrate_pages name_to_handle_at open_by_handle_at open_tree
    perf_event_open pidfd_getfd pivot_root process_madvise process_vm_readv process_vm_writev ptrace quotactl reboot
    request_key setdomainname setgid setgroups sethostname setns setregid setresgid setresuid setreuid settimeofday
    setuid swapoff swapon syslog umount2 unshare userfaultfd vhangup
"""
KILLED: Final = _KILLED.split()

# Refused and survived: what a library may try in good faith. Not here and not above: ENOSYS.
_REFUSED = """
    accept accept4 bind chmod chown connect creat execve execveat fchdir fchmod fchmodat fchown fchownat fdatasync flock
    fork fsync ftruncate futimesat get_mempolicy getxattr inotify_init inotify_init1 io_setup io_uring_enter
    io_uring_register io_uring_setup link linkat listen mbind memfd_create memfd_secret mincore mkdir mkdirat mknod
    mknodat mq_open msgget personality pidfd_open pidfd_send_signal pkey_mprotect recvmmsg recvmsg rename renameat
    renameat2 rmdir rt_sigqueueinfo rt_tgsigqueueinfo sched_setattr sched_setparam sched_setscheduler seccomp semget
    sendfile sendmmsg sendmsg set_mempolicy setpgid setpriority setrlimit setsid setsockopt setxattr shmat shmget
    signalfd signalfd4 socket splice symlink symlinkat sync timer_create tkill truncate unlink unlinkat utime utimensat
    utimes vfork vmsplice
"""
REFUSED: Final = _REFUSED.split()

_WRITES = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000 | 0o20000000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, __O_TMPFILE
_PROT_WRITE, _PROT_EXEC = 2, 4
_MAP_TYPE, _MAP_PRIVATE, _MAP_ANONYMOUS = 0xF, 0x2, 0x20
_OOB = 1  # MSG_OOB
_STREAM = 1  # SOCK_STREAM; with or without SOCK_NONBLOCK and SOCK_CLOEXEC
_PTHREAD = 0x3D0F00  # the flags of pthread_create: shares memory, files and signal handlers, and nothing else is new
_DETACHED = 0x400000  # CLONE_DETACHED, which the kernel ignores and other C libraries set

_FCNTL = (0, 1, 2, 3, 4, 1030, 1034)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_GET_SEALS
_IOCTL = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS (isatty), FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_PRCTL = (3, 15, 16, 0x53564D41)  # PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_SET_VMA (malloc names its memory)

_GETSOCKOPT = (3, 4, 7, 8, 30, 38, 39)  # SO_TYPE, _ERROR, _SNDBUF, _RCVBUF, _ACCEPTCONN, _PROTOCOL, _DOMAIN
# NORMAL to DONTNEED, FREE, DONTFORK, DOFORK, (NO)HUGEPAGE, DONTDUMP, DODUMP, WIPE- and KEEPONFORK, COLD, PAGEOUT,
# POPULATE_READ and _WRITE, COLLAPSE, GUARD_INSTALL and _REMOVE
_MADVISE = (0, 1, 2, 3, 4, 8, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 25, 102, 103)


def _one_of(argument: int, values: tuple[int, ...]) -> Rule:
    return tuple((Test(argument, ALL, value),) for value in values)


def _null(argument: int) -> tuple[Test, Test]:
    return Test(argument, ALL, 0), Test(argument, ALL, 0, high=True)


CHECKED: Final[dict[str, Rule]] = {
    # Files are opened for reading only; which ones is Landlock's and the mount namespace's business.
    "open": ((Test(1, _WRITES, 0),),),
    "openat": ((Test(2, _WRITES, 0),),),
    # Memory that can run comes from a file, privately: never from bytes that the process wrote itself.
    "mmap": (
        (Test(2, _PROT_EXEC, 0),),
        (
            Test(2, _PROT_EXEC | _PROT_WRITE, _PROT_EXEC),
            Test(3, _MAP_TYPE | _MAP_ANONYMOUS, _MAP_PRIVATE),
        ),
    ),
    "mprotect": ((Test(2, _PROT_EXEC, 0),),),
    # A thread, as pthread_create makes it, or nothing. clone3 hides its flags behind a pointer: ENOSYS.
    "clone": ((Test(0, ALL & ~_DETACHED, _PTHREAD),),),
    # Signals go to the enclave itself. F_SETOWN and F_SETSIG, the other way to send one, are not in _FCNTL.
    "kill": ((Test(0, ALL, OWN_PID),),),
    "tgkill": ((Test(0, ALL, OWN_PID),),),
    "fcntl": _one_of(1, _FCNTL),
    "ioctl": _one_of(1, _IOCTL),
    "prctl": _one_of(0, _PRCTL),
    # A pair of stream sockets, for an event loop's own wake-ups. Datagram ones could send to any path.
    "socketpair": ((Test(0, ALL, 1), Test(1, 0xF, _STREAM)),),
    # Without an address. Out-of-band bytes are nobody's need, and a corner of the kernel that led out of sandboxes
    # before (CVE-2025-38236). sendmsg and recvmsg hide flags and descriptors behind a pointer: refused.
    "sendto": ((*_null(4), Test(3, _OOB, 0)),),
    "recvfrom": ((Test(3, _OOB, 0),),),
    # What kind of socket one's own is; not a handle of the process at its other end (SO_PEERPIDFD), nor who that is.
    "getsockopt": tuple((Test(1, ALL, 1), Test(2, ALL, option)) for option in _GETSOCKOPT),
    # Not MADV_MERGEABLE: pages are shared with other processes, and time tells which are equal. Nor faults of memory.
    "madvise": _one_of(2, _MADVISE),
    # Limits are read, not changed, and only one's own.
    "prlimit64": ((Test(0, ALL, 0), *_null(2)),),
    "sched_getaffinity": _one_of(0, (0, OWN_PID)),
    "sched_setaffinity": _one_of(0, (0, OWN_PID)),
}

# -- what root puts on an enclave's process at level service before anything of the image runs -----------------------

_SET_ID = 0o6000  # S_ISUID, S_ISGID
_UNIX = 1  # AF_UNIX
_MAKES = 0o100 | 0o20000000  # O_CREAT, __O_TMPFILE

LEAVING: Final[dict[str, Rule]] = {
    # A file that runs as its owner would outlive the enclave: whoever started it then would be the enclave's user,
    # which another enclave has next.
    "chmod": ((Test(1, _SET_ID, 0),),),
    "fchmod": ((Test(1, _SET_ID, 0),),),
    "fchmodat": ((Test(2, _SET_ID, 0),),),
    "fchmodat2": ((Test(2, _SET_ID, 0),),),
    "creat": ((Test(1, _SET_ID, 0),),),
    "open": ((Test(1, _MAKES, 0),), (Test(2, _SET_ID, 0),)),
    "openat": ((Test(2, _MAKES, 0),), (Test(3, _SET_ID, 0),)),
    "mknod": ((Test(1, _SET_ID, 0),),),
    "mknodat": ((Test(2, _SET_ID, 0),),),
    # It hides what it does behind a pointer.
    "openat2": (),
    # A network of one's own does not hold every family: vsock reaches the machine below this one.
    "socket": ((Test(0, ALL, _UNIX),),),
}
"""The calls that can leave a file with a set-user-ID bit, or lead into a network, and how they may be used."""

_SHUTS_IN = "capset mount mount_setattr move_mount open_tree pivot_root setresgid setresuid sethostname umount2 unshare"
_PASSES = "io_uring_enter io_uring_register io_uring_setup recvmmsg recvmsg sendmmsg sendmsg"
NEVER: Final = [*(name for name in KILLED if name not in _SHUTS_IN.split()), *_PASSES.split()]
"""What no image needs, not even to shut itself in. The calls of _PASSES take and give descriptors. With one of a
host's own file system an enclave's end could be held up, and in a host's io_uring its user would be left behind
(IORING_REGISTER_PERSONALITY): the host could open files as that user when another enclave has it. ptrace, among the
first, can hold a process at its exit. recvmsg is left to an interpreter that is kept for the next enclave: it runs the
verified base and nothing of an image until it has refused itself the same (gotee.enclave.sandbox)."""
