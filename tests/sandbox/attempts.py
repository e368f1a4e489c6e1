"""Ways out of an enclave: each a system call with arguments that would work without a sandbox. Test world only.

They run as `python attempts.py FOLDER WHAT OFF`, each in a process that has shut itself in as an enclave does, but for
the parts named in OFF. Prints JSON: for each attempt the kernel's answer, or the signal that ended the process.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import marshal
import os
import select
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gotee.enclave import confine, layers, sandbox
from gotee.enclave.layers import Layer
from gotee.platform import sandbox as planned
from gotee.platform.numbers import numbers

N = numbers(os.uname().machine)
HERE = -100 & 0xFFFFFFFFFFFFFFFF  # AT_FDCWD


class World:
    """What there is to reach: made before, outside."""

    def __init__(self, folder: Path) -> None:
        self.file = str(folder / "precious").encode()
        Path(os.fsdecode(self.file)).write_bytes(b"precious")
        Path(os.fsdecode(self.file)).chmod(0o666)
        self.new = str(folder / "new").encode()
        self.folder = str(folder).encode()
        folder.chmod(0o777)
        self.victim = 0
        self.renew()
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.abstract = b"gotee-test-" + os.urandom(8).hex().encode()
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(b"\0" + self.abstract)
        self.unix.listen()
        self.path = str(folder / "socket").encode()
        self.named = socket.socket(socket.AF_UNIX)
        self.named.bind(self.path)
        self.named.listen()
        os.chmod(self.path, 0o777)
        self.tcp_address, self.udp_address = internet(self.tcp), internet(self.udp)
        self.memory = os.memfd_create("gotee-test", os.MFD_ALLOW_SEALING)  # as a link's: neither empty nor sealed
        os.truncate(self.memory, 4096)
        self.pair = socket.socketpair()
        self.pair[1].setblocking(False)

    def renew(self) -> None:
        """A process of the same user, to be attacked."""
        self.end()
        self.victim = os.fork()
        if self.victim == 0:
            signal.pause()
            os._exit(0)

    def end(self) -> None:
        if self.victim:
            os.kill(self.victim, signal.SIGKILL)
            os.waitpid(self.victim, 0)


def internet(to: socket.socket) -> bytes:
    port = struct.pack(">H", to.getsockname()[1])
    return struct.pack("<H", socket.AF_INET) + port + socket.inet_aton("127.0.0.1") + bytes(8)


def local(name: bytes) -> bytes:
    return struct.pack("<H", socket.AF_UNIX) + name


def pointer(data: bytes | bytearray) -> int:
    """Its address; the caller keeps it alive."""
    kept.append(data)
    return (
        ctypes.addressof(ctypes.c_char.from_buffer(data))
        if isinstance(data, bytearray)
        else (ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0)
    )


# Calls that no list of the filter names: x86_64 and aarch64.
_UNNAMED = """
add_watch=254/27 cachestat=451/451 copy_file_range=326/285 epoll_old=214/- fallocate=285/47 fanotify_mark=301/263
fchmodat2=452/452 file_getattr=468/468 fsetxattr=190/7 futex_requeue=456/456 futex_wake=454/454 io_destroy=207/1
io_pgetevents=333/292 io_submit=209/2 ioprio_set=251/30 landlock_add_rule=445/445 listmount=458/458 listxattr=194/11
lsm_set_self_attr=460/460 map_shadow_stack=453/453 mlockall=151/230 mq_notify=244/184 mq_timedsend=242/182
mq_unlink=241/181 mseal=462/462 msgsnd=69/189 open_tree_attr=467/467 pkey_alloc=330/289 process_mrelease=448/448
quotactl_fd=443/443 remap_file_pages=216/234 removexattrat=466/466 sched_rr_get_interval=148/127 semop=65/193
set_mempolicy_home_node=450/450 setfsuid=122/151 setxattrat=463/463 shmctl=31/195 shmdt=67/197 statmount=457/457
swapcontext=-/- sysfs=139/- sysctl=156/- tee=276/77 timer_settime=223/110 uprobe=336/- uretprobe=335/- uselib=134/-
ustat=136/- waitid=247/95
"""
for _word in _UNNAMED.split():
    _name, _, _both = _word.partition("=")
    _number = _both.split("/")[os.uname().machine == "aarch64"]
    N.setdefault(_name, int(_number) if _number != "-" else 4001)

kept: list[Any] = []
TABLED = "tabled"
"""Stands for all of `tabled_attempts`, none of which does any harm without a sandbox."""
Call = Callable[..., int]


def connecting(call: Call, family: int, kind: int, address: bytes) -> int:
    """connect(2) needs a socket first; either may fail."""
    made = call(N["socket"], family, kind, 0)
    return made if made < 0 else call(N["connect"], made, address, len(address))


def vector(data: bytearray) -> bytes:
    return struct.pack("<QQ", pointer(data), len(data))


def all_attempts(w: World, raw: Any) -> dict[str, Callable[[], int]]:
    """Name to attempt. Those of one group are told apart by what stands behind the name."""
    c: Call = raw.call
    own = bytearray(64)
    zero = bytes(128)
    queued = struct.pack("<iii", signal.SIGKILL, 0, -1) + bytes(116)  # si_code SI_QUEUE
    x86 = os.uname().machine == "x86_64"
    how = struct.pack("<QQQ", 0, 0, 0)
    found: dict[str, Callable[[], int]] = {
        # files
        "openat a file": lambda: c(N["openat"], HERE, w.file, 0),
        "openat to write": lambda: c(N["openat"], HERE, w.file, os.O_WRONLY),
        "openat a folder": lambda: c(N["openat"], HERE, b"/", os.O_RDONLY | os.O_DIRECTORY),
        "openat by O_PATH": lambda: c(N["openat"], HERE, w.file, os.O_PATH),
        "openat2": lambda: c(N["openat2"], HERE, w.file, how, len(how)),
        "openat a new file": lambda: c(N["openat"], HERE, w.new, os.O_CREAT | os.O_RDONLY, 0o666),
        "openat a nameless file": lambda: c(N["openat"], HERE, w.folder, os.O_TMPFILE | os.O_RDWR, 0o666),
        "openat through /proc/1/root": lambda: c(N["openat"], HERE, b"/proc/1/root" + w.file, 0),
        "openat through /proc/self/fd/..": lambda: c(N["openat"], HERE, b"/proc/self/fd/../root" + w.file, 0),
        "openat memory of others": lambda: c(N["openat"], HERE, b"/proc/%d/mem" % w.victim, os.O_RDONLY),
        "openat environment of others": lambda: c(N["openat"], HERE, b"/proc/%d/environ" % w.victim, 0),
        "openat a terminal": lambda: c(N["openat"], HERE, b"/dev/tty", os.O_RDONLY),
        "openat the kernel's memory": lambda: c(N["openat"], HERE, b"/dev/mem", os.O_RDONLY),
        "truncate": lambda: c(N["truncate"], w.file, 0),
        "unlinkat": lambda: c(N["unlinkat"], HERE, w.file, 0),
        "renameat2": lambda: c(N["renameat2"], HERE, w.file, HERE, w.new, 0),
        "linkat": lambda: c(N["linkat"], HERE, w.file, HERE, w.new, 0),
        "symlinkat": lambda: c(N["symlinkat"], w.file, HERE, w.new),
        "mkdirat": lambda: c(N["mkdirat"], HERE, w.new, 0o777),
        "mknodat": lambda: c(N["mknodat"], HERE, w.new, 0o010666, 0),
        "fchmodat": lambda: c(N["fchmodat"], HERE, w.file, 0o777),
        "fchownat": lambda: c(N["fchownat"], HERE, w.file, -1, -1, 0),
        "utimensat": lambda: c(N["utimensat"], HERE, w.file, 0, 0),
        "setxattr": lambda: c(N["setxattr"], w.file, b"user.x", b"x", 1, 0),
        "name_to_handle_at": lambda: c(N["name_to_handle_at"], HERE, w.file, own, own, 0) if x86 else -38,
        "open_by_handle_at": lambda: c(N["open_by_handle_at"], HERE, own, 0) if x86 else -38,
        "inotify": lambda: c(N["inotify_init1"], 0),
        "fanotify": lambda: c(N["fanotify_init"], 0, 0),
        "quotactl": lambda: c(N["quotactl"], 0x80000101, 0, 0, own),
        # the network and other sockets
        "socket TCP": lambda: connecting(c, 2, socket.SOCK_STREAM, w.tcp_address),
        "socket UDP": lambda: connecting(c, 2, socket.SOCK_DGRAM, w.udp_address),
        "socket UDP, sendto": lambda: c(N["sendto"], w.pair[0].fileno(), b"x", 1, 0, w.udp_address, 16),
        "socket raw": lambda: c(N["socket"], 2, socket.SOCK_RAW, 1),
        "socket packet": lambda: c(N["socket"], 17, socket.SOCK_RAW, 768),
        "socket netlink": lambda: c(N["socket"], 16, socket.SOCK_RAW, 0),
        "socket vsock": lambda: c(N["socket"], 40, socket.SOCK_STREAM, 0),
        "socket alg": lambda: c(N["socket"], 38, socket.SOCK_SEQPACKET, 0),
        "socket bluetooth": lambda: c(N["socket"], 31, socket.SOCK_RAW, 1),
        "socket abstract": lambda: connecting(c, 1, socket.SOCK_STREAM, local(b"\0" + w.abstract)),
        "socket by path": lambda: connecting(c, 1, socket.SOCK_STREAM, local(w.path + b"\0")),
        "socketpair of datagrams": lambda: c(N["socketpair"], 1, socket.SOCK_DGRAM, 0, own),
        "bind": lambda: c(N["bind"], w.pair[0].fileno(), local(b"\0x"), 4),
        "listen": lambda: c(N["listen"], w.pair[0].fileno(), 1),
        "recvmsg of descriptors": lambda: c(N["recvmsg"], w.pair[0].fileno(), message(own), 0x40),
        "recvmmsg of descriptors": lambda: c(N["recvmmsg"], w.pair[0].fileno(), message(own) + bytes(8), 1, 0x40, 0),
        # other programs and processes
        "execve": lambda: c(N["execve"], b"/bin/true", struct.pack("<QQ", pointer(b"true\0"), 0), 0),
        "execveat of memory": lambda: c(N["execveat"], 0, b"", struct.pack("<Q", 0), 0, 0x1000),
        "memfd_create": lambda: c(N["memfd_create"], b"x", 0),
        "clone a process": lambda: c(N["clone"], signal.SIGCHLD, 0, 0, 0, 0),
        "clone with vfork's flags": lambda: c(N["clone"], 0x4000 | signal.SIGCHLD, 0, 0, 0, 0),
        "clone into namespaces": lambda: c(N["clone"], 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0),
        "clone3": lambda: c(N["clone3"], struct.pack("<QQQQQQQQ", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64),
        "kill another": lambda: c(N["kill"], w.victim, signal.SIGKILL),
        "kill a group": lambda: c(N["kill"], 0, signal.SIGCONT),
        "kill everybody": lambda: c(N["kill"], -1, signal.SIGCONT),
        "tkill": lambda: c(N["tkill"], w.victim, signal.SIGKILL),
        "tgkill": lambda: c(N["tgkill"], w.victim, w.victim, signal.SIGKILL),
        "rt_sigqueueinfo": lambda: c(N["rt_sigqueueinfo"], w.victim, signal.SIGKILL, queued),
        "rt_tgsigqueueinfo": lambda: c(N["rt_tgsigqueueinfo"], w.victim, w.victim, signal.SIGKILL, queued),
        "pidfd_open": lambda: c(N["pidfd_open"], w.victim, 0),
        "pidfd_getfd": lambda: c(N["pidfd_getfd"], 0, 0, 0),
        "pidfd_send_signal": lambda: c(N["pidfd_send_signal"], 0, signal.SIGKILL, 0, 0),
        "ptrace": lambda: c(N["ptrace"], 16, w.victim, 0, 0),
        "ptrace, to be traced": lambda: c(N["ptrace"], 0, 0, 0, 0),
        "process_vm_readv": lambda: c(N["process_vm_readv"], w.victim, vector(own), 1, vector(own), 1, 0),
        "process_vm_writev": lambda: c(N["process_vm_writev"], w.victim, vector(own), 1, vector(own), 1, 0),
        "process_madvise": lambda: c(N["process_madvise"], 0, vector(own), 1, 21, 0),
        "kcmp": lambda: c(N["kcmp"], w.victim, w.victim, 0, 0, 0),
        "prlimit of another": lambda: c(N["prlimit64"], w.victim, 7, 0, own),
        "prlimit to set": lambda: c(N["prlimit64"], 0, 7, zero, 0),
        "setrlimit": lambda: c(N["setrlimit"], 7, zero),
        "sched_setaffinity of another": lambda: c(N["sched_setaffinity"], w.victim, 8, b"\1" + bytes(7)),
        "sched_setscheduler of another": lambda: c(N["sched_setscheduler"], w.victim, 0, zero),
        "setpriority of another": lambda: c(N["setpriority"], 0, w.victim, 19),
        "move_pages": lambda: c(N["move_pages"], w.victim, 0, 0, 0, 0, 0),
        "migrate_pages": lambda: c(N["migrate_pages"], w.victim, 8, zero, zero),
        "fcntl F_SETOWN": lambda: c(N["fcntl"], w.pair[0].fileno(), fcntl.F_SETOWN, w.victim),
        "fcntl F_SETOWN_EX": lambda: c(N["fcntl"], w.pair[0].fileno(), 15, struct.pack("<ii", 1, w.victim)),
        "fcntl F_SETSIG": lambda: c(N["fcntl"], w.pair[0].fileno(), 10, signal.SIGKILL),
        "fcntl F_NOTIFY": lambda: c(N["fcntl"], w.pair[0].fileno(), 1026, 1),
        "fcntl F_SETLEASE": lambda: c(N["fcntl"], w.pair[0].fileno(), 1024, 0),
        "fcntl F_SETPIPE_SZ": lambda: c(N["fcntl"], w.pair[0].fileno(), 1031, 1 << 20),
        "fcntl F_ADD_SEALS": lambda: c(N["fcntl"], 0, 1033, 1),
        "ioctl TIOCSTI": lambda: c(N["ioctl"], 0, 0x5412, b"x"),
        "ioctl TIOCLINUX": lambda: c(N["ioctl"], 0, 0x541C, b"\2"),
        "ioctl FIOASYNC": lambda: c(N["ioctl"], w.pair[0].fileno(), 0x5452, b"\1\0\0\0"),
        "ioctl FIOSETOWN": lambda: c(N["ioctl"], w.pair[0].fileno(), 0x8901, struct.pack("<i", w.victim)),
        "timer_create with a signal": lambda: c(N["timer_create"], 0, struct.pack("<Qii", 0, 9, 0) + zero, own),
        # the kernel
        "io_uring_setup": lambda: c(N["io_uring_setup"], 1, bytearray(120)),
        "io_setup": lambda: c(N["io_setup"], 1, bytearray(8)),
        "bpf": lambda: c(N["bpf"], 0, bytearray(128), 128),
        "perf_event_open": lambda: c(N["perf_event_open"], bytearray(128), 0, -1, -1, 0),
        "keyctl": lambda: c(N["keyctl"], 0, -3, 1),
        "add_key": lambda: c(N["add_key"], b"user", b"x", b"x", 1, -3),
        "request_key": lambda: c(N["request_key"], b"user", b"x", 0, -3),
        "userfaultfd": lambda: c(N["userfaultfd"], 1),
        "syslog": lambda: c(N["syslog"], 10, 0, 0),
        "personality": lambda: c(N["personality"], 0x0400000),
        "modules": lambda: c(N["init_module"], b"x", 1, b""),
        "modules by file": lambda: c(N["finit_module"], 0, b"", 0),
        "kexec": lambda: c(N["kexec_load"], 0, 0, 0, 0),
        "reboot": lambda: c(N["reboot"], 0xFEE1DEAD, 672274793, 0, 0),
        "acct": lambda: c(N["acct"], 0),
        "swapon": lambda: c(N["swapon"], w.file, 0),
        "settimeofday": lambda: c(N["settimeofday"], 0, zero),
        "adjtimex": lambda: c(N["adjtimex"], bytearray(256)),
        "sethostname": lambda: c(N["sethostname"], b"x", 1),
        # namespaces, mounts, roots
        "mount": lambda: c(N["mount"], b"none", b"/", b"tmpfs", 0, 0),
        "umount2": lambda: c(N["umount2"], b"/", 2),
        "fsopen": lambda: c(N["fsopen"], b"tmpfs", 0),
        "open_tree": lambda: c(N["open_tree"], HERE, b"/", 1),
        "move_mount": lambda: c(N["move_mount"], HERE, b"/", HERE, b"/proc", 0),
        "mount_setattr": lambda: c(N["mount_setattr"], HERE, b"/", 0, zero, 32),
        "pivot_root": lambda: c(N["pivot_root"], b"/", b"/proc"),
        "chroot": lambda: c(N["chroot"], b"/"),
        "chdir": lambda: c(N["fchdir"], 0),
        "unshare users": lambda: c(N["unshare"], 0x10000000),
        "unshare files": lambda: c(N["unshare"], 0x400),
        "setns": lambda: c(N["setns"], 0, 0),
        # what shuts in
        "prctl dumpable": lambda: c(N["prctl"], 4, 1, 0, 0, 0),
        "prctl seccomp": lambda: c(N["prctl"], 22, 1, 0, 0, 0),
        "prctl parent-death signal": lambda: c(N["prctl"], 1, 0, 0, 0, 0),
        "prctl tracer": lambda: c(N["prctl"], 0x59616D61, -1, 0, 0, 0),
        "prctl memory map": lambda: c(N["prctl"], 35, 14, zero, 104, 0),
        "seccomp": lambda: c(N["seccomp"], 1, 0, struct.pack("<HHIQ", 0, 0, 0, 0)),
        "capset": lambda: c(N["capset"], struct.pack("<Ii", 0x20080522, 0), b"\xff" * 24),
        "setuid": lambda: c(N["setuid"], 0),
        "setresuid": lambda: c(N["setresuid"], 0, 0, 0),
        "setgroups": lambda: c(N["setgroups"], 0, 0),
        "mmap to write and run": lambda: c(N["mmap"], 0, 4096, 7, 0x22, -1, 0),
        "mmap to run": lambda: c(N["mmap"], 0, 4096, 5, 0x22, -1, 0),
        "mprotect to run": lambda: c(N["mprotect"], c(N["mmap"], 0, 4096, 3, 0x22, -1, 0), 4096, 5),
        "pkey_mprotect to run": lambda: c(N["pkey_mprotect"], c(N["mmap"], 0, 4096, 3, 0x22, -1, 0), 4096, 5, -1),
        # queues and memory with names
        "System V memory": lambda: c(N["shmget"], 0x607EE, 4096, 0o1666),
        "System V semaphores": lambda: c(N["semget"], 0x607EE, 1, 0o1666),
        "System V messages": lambda: c(N["msgget"], 0x607EE, 0o1666),
        "POSIX messages": lambda: c(N["mq_open"], b"gotee-test", 0o100, 0o666, 0),
        # numbers of other machines
        "a call that does not exist": lambda: c(4000),
        "vmsplice": lambda: c(N["vmsplice"], 1, vector(own), 1, 0),
        "splice": lambda: c(N["splice"], 0, 0, 1, 0, 1, 0),
        "sendfile": lambda: c(N["sendfile"], 1, 0, 0, 1),
    }
    if x86:
        found |= {
            "open": lambda: c(N["open"], w.file, os.O_RDONLY),
            "open to write": lambda: c(N["open"], w.file, os.O_RDWR),
            "creat": lambda: c(N["creat"], w.new, 0o666),
            "unlink": lambda: c(N["unlink"], w.file),
            "rename": lambda: c(N["rename"], w.file, w.new),
            "fork": lambda: c(N["fork"]),
            "vfork": lambda: c(N["vfork"]),
            "iopl": lambda: c(N["iopl"], 3),
            "ioperm": lambda: c(N["ioperm"], 0x80, 1, 1),
            "int 0x80": lambda: raw.int80(20),  # getpid of i386
            "int 0x80, open": lambda: raw.int80(5, 0, 0, 0),
            "x32": lambda: c(0x40000000 | N["getpid"]),
            "modify_ldt": lambda: c(154, 0, own, 16),
            "arch_prctl": lambda: c(N["arch_prctl"], 0x1003, own),
        }
    return found


def more_attempts(w: World, raw: Any) -> dict[str, Callable[[], int]]:
    """Less common ways: newer calls, magic links, arguments with high bits, and what reaches others by their number."""
    c: Call = raw.call
    own = bytearray(256)
    zero = bytes(256)
    near = w.pair[0].fileno()
    beneath = struct.pack("<QQQ", 0, 0, 0x08 | 0x02)  # RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS
    arguments = struct.pack("<QQ", pointer(b"x\0"), 0)
    high = 1 << 32
    lease = bytearray(struct.pack("<iiii", 0, 0, 0, 0))
    found: dict[str, Callable[[], int]] = {
        # files
        "openat2 beneath": lambda: c(N["openat2"], HERE, b"proc/self/fd/0", beneath, len(beneath)),
        "openat /proc/self/root": lambda: c(N["openat"], HERE, b"/proc/self/root" + w.file, 0),
        "openat /proc/self/cwd": lambda: c(N["openat"], HERE, b"/proc/self/cwd" + w.file, 0),
        "openat own memory": lambda: c(N["openat"], HERE, b"/proc/self/mem", os.O_RDWR),
        "openat own memory by thread": lambda: c(N["openat"], HERE, b"/proc/thread-self/mem", 0),
        "openat own map files": lambda: c(N["openat"], HERE, b"/proc/self/map_files", os.O_DIRECTORY),
        "openat a pipe's other end": lambda: c(N["openat"], HERE, b"/proc/self/fd/1", os.O_WRONLY),
        "openat with high bits": lambda: c(N["openat"], HERE, w.file, high),
        "openat /dev/shm": lambda: c(N["openat"], HERE, b"/dev/shm", os.O_DIRECTORY),
        "openat /dev/userfaultfd": lambda: c(N["openat"], HERE, b"/dev/userfaultfd", 0),
        "openat /dev/fuse": lambda: c(N["openat"], HERE, b"/dev/fuse", 0),
        "openat /dev/kvm": lambda: c(N["openat"], HERE, b"/dev/kvm", 0),
        "openat /dev/urandom": lambda: c(N["openat"], HERE, b"/dev/urandom", 0),
        "openat /sys": lambda: c(N["openat"], HERE, b"/sys", os.O_DIRECTORY),
        "openat control groups": lambda: c(N["openat"], HERE, b"/sys/fs/cgroup/cgroup.procs", 0),
        "stat a file": lambda: c(N["newfstatat"], HERE, w.file, own, 0),
        "statx a file": lambda: c(N["statx"], HERE, w.file, 0, 0x7FF, own),
        "faccessat a file": lambda: c(N["faccessat"], HERE, w.file, 0),
        "readlinkat of another's root": lambda: c(N["readlinkat"], HERE, b"/proc/%d/root" % w.victim, own, 64),
        "listxattr": lambda: c(N["listxattr"], w.file, own, 64),
        "fallocate": lambda: c(N["fallocate"], near, 0, 0, 4096),
        "copy_file_range": lambda: c(N["copy_file_range"], 0, 0, 1, 0, 1, 0),
        "fchmodat2": lambda: c(N["fchmodat2"], HERE, w.file, 0o777, 0),
        "file_getattr": lambda: c(N["file_getattr"], HERE, w.file, own, 24, 0),
        "setxattrat": lambda: c(N["setxattrat"], HERE, w.file, 0, b"user.x", own, 16),
        "fanotify_mark": lambda: c(N["fanotify_mark"], 0, 1, 1, HERE, b"/"),
        "inotify_add_watch": lambda: c(N["add_watch"], 0, b"/", 0xFFF),
        "cachestat": lambda: c(N["cachestat"], 0, own, own, 0),
        "quotactl_fd": lambda: c(N["quotactl_fd"], 0, 0x80000101, 0, own),
        "tee": lambda: c(N["tee"], 0, 1, 1, 0),
        # sockets
        "socketpair of packets": lambda: c(N["socketpair"], 1, socket.SOCK_SEQPACKET, 0, own),
        "socketpair raw": lambda: c(N["socketpair"], 1, socket.SOCK_RAW, 0, own),
        "socketpair TIPC": lambda: c(N["socketpair"], 30, socket.SOCK_STREAM, 0, own),
        "socket XDP": lambda: c(N["socket"], 44, socket.SOCK_RAW, 0),
        "socket CAN": lambda: c(N["socket"], 29, socket.SOCK_RAW, 1),
        "socket of keys": lambda: c(N["socket"], 15, socket.SOCK_RAW, 2),
        "socket of audit": lambda: c(N["socket"], 16, socket.SOCK_RAW, 9),
        "sendto an abstract name": lambda: c(N["sendto"], near, b"x", 1, 0, local(b"\0" + w.abstract), 20),
        "sendto with a high address": lambda: c(N["sendto"], near, b"x", 1, 0, high, 2),
        "sendmsg as somebody else": lambda: c(N["sendmsg"], near, claiming(1, 0, 0), 0),
        "sendmsg to a name": lambda: c(N["sendmsg"], near, addressed(local(w.path + b"\0")), 0),
        "sendmmsg": lambda: c(N["sendmmsg"], near, message(own) + bytes(8), 1, 0),
        "getsockopt, a handle of the peer": lambda: c(N["getsockopt"], near, 1, 77, own, struct.pack("<I", 4)),
        "getsockopt, who the peer is": lambda: c(N["getsockopt"], near, 1, 17, own, struct.pack("<I", 12)),
        "setsockopt, a filter": lambda: c(N["setsockopt"], near, 1, 26, struct.pack("<QQ", 1, 0), 16),
        "ioctl SIOCUNIXFILE": lambda: c(N["ioctl"], near, 0x89E0, 0),
        "ioctl SIOCGIFCONF": lambda: c(N["ioctl"], near, 0x8912, own),
        "ioctl NS_GET_USERNS": lambda: c(N["ioctl"], 0, 0xB701, 0),
        "ioctl TIOCSCTTY": lambda: c(N["ioctl"], 0, 0x540E, 1),
        "ioctl FICLONE": lambda: c(N["ioctl"], 1, 0x40049409, 0),
        "fcntl F_SETLK": lambda: c(N["fcntl"], near, 6, zero),
        "fcntl F_OFD_SETLK": lambda: c(N["fcntl"], near, 37, zero),
        "fcntl F_SETOWN with high bits": lambda: c(N["fcntl"], near, fcntl.F_SETOWN | high, w.victim),
        # processes
        "clone with high bits": lambda: c(N["clone"], high | signal.SIGCHLD, 0, 0, 0, 0),
        "clone a brother": lambda: c(N["clone"], 0x8000 | signal.SIGCHLD, 0, 0, 0, 0),
        "clone a thread without its memory": lambda: c(N["clone"], 0x3D0E00, 0, 0, 0, 0),
        "clone a thread in a network": lambda: c(N["clone"], 0x3D0F00 | 0x40000000, own, 0, 0, 0),
        "clone a traced thread": lambda: c(N["clone"], 0x3D0F00 | 0x2000, own, 0, 0, 0),
        "clone3 into a control group": lambda: c(N["clone3"], struct.pack("<11Q", 0x200000000, *[0] * 10), 88),
        "execve of a descriptor": lambda: c(N["execve"], b"/proc/self/fd/0", arguments, 0),
        "execveat of a path": lambda: c(N["execveat"], HERE, b"/bin/true", arguments, 0, 0),
        "kill with high bits": lambda: c(N["kill"], high | w.victim, signal.SIGKILL),
        "kill the parent": lambda: c(N["kill"], os.getppid() or 1 << 30, signal.SIGKILL),
        "pidfd_open of a thread": lambda: c(N["pidfd_open"], w.victim, os.O_EXCL),
        "process_mrelease": lambda: c(N["process_mrelease"], 0, 0),
        "waitid of another": lambda: c(N["waitid"], 1, w.victim, own, 4 | 0x01000000, 0),
        "get_robust_list of another": lambda: c(N["get_robust_list"], w.victim, bytearray(8), bytearray(8)),
        "getpriority of another": lambda: c(N["getpriority"], 0, w.victim),
        "sched_getparam of another": lambda: c(N["sched_getparam"], w.victim, own),
        "sched_getaffinity of another": lambda: c(N["sched_getaffinity"], w.victim, 128, own),
        "sched_rr_get_interval of another": lambda: c(N["sched_rr_get_interval"], w.victim, own),
        "getsid of another": lambda: c(N["getsid"], w.victim),
        "getpgid of another": lambda: c(N["getpgid"], w.victim),
        "ioprio_set of another": lambda: c(N["ioprio_set"], 1, w.victim, 0),
        "timer_settime": lambda: c(N["timer_settime"], 0, 0, zero, 0),
        "timer_create with another's thread": lambda: c(
            N["timer_create"], 0, struct.pack("<Qiii", 0, 9, 4, w.victim) + zero, own
        ),
        # the kernel
        "io_uring_register": lambda: c(N["io_uring_register"], 0, 0, 0, 0),
        "io_uring_enter": lambda: c(N["io_uring_enter"], 0, 1, 0, 0, 0, 0),
        "io_submit": lambda: c(N["io_submit"], 0, 1, own),
        "landlock_add_rule": lambda: c(N["landlock_add_rule"], 0, 1, own, 0),
        "listmount": lambda: c(N["listmount"], own, own, 8, 0),
        "statmount": lambda: c(N["statmount"], own, own, 64, 0),
        "open_tree_attr": lambda: c(N["open_tree_attr"], HERE, b"/", 1, own, 32),
        "lsm_set_self_attr": lambda: c(N["lsm_set_self_attr"], 100, own, 64, 0),
        "unshare time": lambda: c(N["unshare"], 0x80),
        "unshare nothing": lambda: c(N["unshare"], 0),
        "setns of a process": lambda: c(N["setns"], near, 0x20000000),
        "setfsuid": lambda: c(N["setfsuid"], 0),
        "prctl keep capabilities": lambda: c(N["prctl"], 8, 1, 0, 0, 0),
        "prctl ambient capabilities": lambda: c(N["prctl"], 47, 2, 21, 0, 0),
        "prctl securebits": lambda: c(N["prctl"], 28, 0, 0, 0, 0),
        "prctl subreaper": lambda: c(N["prctl"], 36, 1, 0, 0, 0),
        "prctl share a core with another": lambda: c(N["prctl"], 62, 2, w.victim, 0, 0),
        "prctl user dispatch": lambda: c(N["prctl"], 59, 1, 0, 0, 0),
        "prctl speculation": lambda: c(N["prctl"], 53, 0, 0, 0, 0),
        "prctl dumpable with high bits": lambda: c(N["prctl"], high | 4, 1, 0, 0, 0),
        # memory
        "mmap a file to write and run": lambda: c(N["mmap"], 0, 4096, 6, 2, 0, 0),
        "mmap a shared file to run": lambda: c(N["mmap"], 0, 4096, 5, 1, 0, 0),
        "mmap to run, growing": lambda: c(N["mmap"], 0, 4096, 5, 0x122, -1, 0),
        "mprotect all to run": lambda: c(N["mprotect"], c(N["mmap"], 0, 4096, 3, 0x22, -1, 0), 4096, 7),
        "mprotect, growing, to run": lambda: c(N["mprotect"], 0, 4096, 0x01000004),
        "remap_file_pages": lambda: c(N["remap_file_pages"], 0, 4096, 0, 0, 0),
        "pkey_alloc": lambda: c(N["pkey_alloc"], 0, 0),
        "map_shadow_stack": lambda: c(N["map_shadow_stack"], 0, 4096, 0),
        "mlockall": lambda: c(N["mlockall"], 3),
        "madvise to poison a page": lambda: c(N["madvise"], c(N["mmap"], 0, 4096, 3, 0x22, -1, 0), 4096, 100),
        "madvise to merge pages": lambda: c(N["madvise"], c(N["mmap"], 0, 4096, 3, 0x22, -1, 0), 4096, 12),
        "memory for secrets": lambda: c(N["memfd_secret"], 0),
        # queues
        "System V, detach": lambda: c(N["shmdt"], 0),
        "System V, all memory": lambda: c(N["shmctl"], 0, 13, own),
        "System V, send": lambda: c(N["msgsnd"], 0, own, 1, 0),
        "POSIX messages, send": lambda: c(N["mq_timedsend"], 0, own, 1, 0, 0),
        "POSIX messages, remove": lambda: c(N["mq_unlink"], b"gotee-test"),
    }
    if os.uname().machine == "x86_64":
        found |= {
            "uprobe": lambda: c(N["uprobe"]),
            "uretprobe": lambda: c(N["uretprobe"]),
            "uselib": lambda: c(N["uselib"], w.file),
            "sysfs": lambda: c(N["sysfs"], 3),
            "modify_ldt, write": lambda: c(154, 1, lease, 16),
            "set_thread_area": lambda: c(205, own),
            "arch_prctl, more state": lambda: c(N["arch_prctl"], 0x1023, 18),
            "int 0x80, ptrace": lambda: raw.int80(26, 16, 1, 0),
            "x32, ptrace": lambda: c(0x40000000 | 521, 16, 1, 0, 0),
        }
    return found


# What could be opened, were there anything; W stands for the victim's number.
_PATHS = """
/etc/passwd /proc/self/exe /proc/self/maps /proc/self/environ /proc/self/ns/user /proc/self/ns/net /proc/self/task
/proc/self/cgroup /proc/self/mountinfo /proc/self/oom_score_adj /proc/self/clear_refs /proc/self/pagemap
/proc/self/coredump_filter /proc/self/setgroups /proc/self/fdinfo /proc/thread-self/fd /proc/W/maps /proc/W/fd
/proc/W/ns/mnt /proc/W/cwd /proc/W/root/etc/passwd /proc/W/task/W/mem /proc/1/maps /proc/sys/kernel/core_pattern
/proc/sysrq-trigger /proc/kcore /proc/kallsyms /proc/keys /proc/locks /proc/net/unix /proc/self/net/tcp
/dev /dev/null /dev/zero /dev/full /dev/ptmx /dev/pts/0 /dev/console /dev/net/tun /dev/vsock /dev/kmsg /dev/random
/dev/vhost-vsock /dev/uinput /dev/loop-control /sys/kernel/security /sys/kernel/debug /sys/kernel/tracing
/sys/fs/cgroup /sys/firmware /run /tmp /home /root /var/tmp
"""
# Of descriptors that an enclave has: its own socket (S) and its standard input (I).
_IOCTLS = """
TIOCGPTPEER=I/0x5441 TIOCSETD=I/0x5423 TIOCNOTTY=I/0x5422 TIOCSPGRP=I/0x5410 TIOCGSID=I/0x5429 TCSETS=I/0x5402
SIOCATMARK=S/0x8905 SIOCGIFNAME=S/0x8910 SIOCSPGRP=S/0x8902 SIOCGSTAMP=S/0x8906 FIOQSIZE=I/0x5460
FIGETBSZ=I/2 FIBMAP=I/1 FS_IOC_GETFLAGS=I/0x80086601 FS_IOC_FIEMAP=I/0xC020660B FIDEDUPERANGE=I/0xC0189436
NS_GET_PARENT=I/0xB702 NS_GET_MNTNS_ID=I/0x8008B705 PIDFD_GET_INFO=S/0xC040FF0B
TFD_IOC_SET_TICKS=I/0x40085400 UFFDIO_API=I/0xC018AA3F SECCOMP_RECV=I/0xC0502100 KVM_CREATE_VM=I/0xAE01
PERF_ENABLE=I/0x2400 RANDOM_ADD=I/0x40085203
"""
_FCNTLS = """
F_SETLKW=7 F_GETOWN=9 F_GETSIG=11 F_GETOWN_EX=16 F_GETOWNER_UIDS=17 F_OFD_SETLKW=38 F_GETLEASE=1025
F_DUPFD_QUERY=1027 F_CREATED_QUERY=1028 F_GETPIPE_SZ=1032 F_GET_RW_HINT=1035 F_SET_RW_HINT=1036
F_SET_FILE_RW_HINT=1038 F_GETDELEG=1039 F_SETDELEG=1040
"""
_PRCTLS = """
SET_UNALIGN=6 SET_FPEMU=10 SET_TIMING=14 GET_SECCOMP=21 CAPBSET_READ=23 CAPBSET_DROP=24 SET_TSC=26 GET_SECUREBITS=27
SET_TIMERSLACK=29 TASK_PERF_DISABLE=31 TASK_PERF_ENABLE=32 MCE_KILL=33 GET_CHILD_SUBREAPER=37 SET_NO_NEW_PRIVS=38
SET_THP_DISABLE=41 MPX_ENABLE=43 PAC=54 TAGGED_ADDR=55 SET_MDWE=65 GET_MDWE=66 SET_MEMORY_MERGE=67
RISCV=71 PPC_DEXCR=73 TIMER_CREATE_RESTORE=77 FUTEX_HASH=78 RSEQ_SLICE=79 GET_AUXV=0x41555856 PTRACER=0x59616D61
"""
_SOCKOPTS = "PEERNAME=28 PEERSEC=31 PEERGROUPS=59 COOKIE=57 PASSCRED=16 PASSPIDFD=76 GET_FILTER=26 MEMINFO=55"


def tabled_attempts(w: World, raw: Any) -> dict[str, Callable[[], int]]:
    """What differs by one word only; then the quotas, which are used up, and what goes between two descriptors."""
    c: Call = raw.call
    near = w.pair[0].fileno()
    own = bytearray(4096)
    found: dict[str, Callable[[], int]] = {}
    for path in _PATHS.split():
        found[f"open {path}"] = lambda path=path: c(  # type: ignore[misc]
            N["openat"], HERE, path.replace("W", str(w.victim)).encode(), 0
        )
    for word in _IOCTLS.split():
        name, _, rest = word.partition("=")
        number, request = near if rest[0] == "S" else 0, int(rest[2:], 0)
        found[f"ioctl {name}"] = lambda number=number, request=request: c(N["ioctl"], number, request, own)  # type: ignore[misc]
    for call, table in (("fcntl", _FCNTLS), ("prctl", _PRCTLS)):
        for word in table.split():
            name, _, value = word.partition("=")
            before = (near,) if call == "fcntl" else ()
            words = (*before, int(value, 0), 0, 0, 0, 0)[: 3 if before else 5]
            found[f"{call} {name}"] = lambda call=call, words=words: c(N[call], *words)  # type: ignore[misc]
    for word in _SOCKOPTS.split():
        name, _, value = word.partition("=")
        found[f"getsockopt {name}"] = lambda value=value: c(  # type: ignore[misc]
            N["getsockopt"], near, 1, int(value), own, struct.pack("<I", 64)
        )
    found |= {
        "sendto out of band": lambda: c(N["sendto"], near, b"x", 1, 1, 0, 0),
        "recvfrom out of band": lambda: c(N["recvfrom"], near, own, 1, 1, 0, 0),
        "sendmsg of a descriptor": lambda: c(N["sendmsg"], near, passing(near), 0),
        "clone a thread that is no thread": lambda: c(N["clone"], 0x3D0F00 & ~0x10000, 0, 0, 0, 0),
        "open beside the descriptors": lambda: c(
            N["openat"], c(N["openat"], HERE, b"/proc/self/fd", os.O_PATH), b"../mem", os.O_RDONLY
        ),
        "open above the root": lambda: c(N["openat"], HERE, b"/../../../etc/passwd", 0),
        "threads without memory of their own": lambda: c(N["clone"], 0x3D0F00 & ~0x100, 0, 0, 0, 0),
        "write into a file of memory": lambda: c(N["pwrite64"], w.memory, b"x", 1, 0),
        "the size of a file of memory": lambda: c(N["ftruncate"], w.memory, 1 << 20),
        "memory of a file to write and run": lambda: c(N["mmap"], 0, 4096, 7, 1, w.memory, 0),
        "seals of a file of memory": lambda: c(N["fcntl"], w.memory, 1033, 2),
    }
    return found


def passing(descriptor: int) -> bytes:
    """A message with a descriptor."""
    control = bytearray(struct.pack("<Qiii", 20, 1, 1, descriptor) + bytes(4))  # SCM_RIGHTS
    return struct.pack("<QIIQQQQII", 0, 0, 0, pointer(vector(bytearray(1))), 1, pointer(control), 24, 0, 0)


def claiming(pid: int, user: int, group: int) -> bytes:
    """A message whose sender says that it is another process."""
    control = bytearray(struct.pack("<QiiIIII", 28, 1, 2, pid, user, group, 0))  # SCM_CREDENTIALS
    return struct.pack("<QIIQQQQII", 0, 0, 0, pointer(vector(bytearray(1))), 1, pointer(control), 32, 0, 0)


def addressed(to: bytes) -> bytes:
    """A message to a name."""
    data = vector(bytearray(1))
    return struct.pack("<QIIQQQQII", pointer(to), len(to), 0, pointer(data), 1, 0, 0, 0, 0)


def message(data: bytearray) -> bytes:
    """A struct msghdr with room for descriptors."""
    return struct.pack("<QIIQQQQII", 0, 0, 0, pointer(vector(data)), 1, pointer(bytearray(64)), 64, 0, 0)


def switched(off: set[str]) -> None:
    """Leave parts of the sandbox out, in this process."""
    if "filter" in off:
        confine.load_filter = lambda program: None  # type: ignore[assignment]
    if "landlock" in off:
        layers.landlock = list
    if "root" in off:
        layers.empty_root = lambda mounts: Layer("root")
    if "namespaces" in off:
        layers.namespaces = lambda stay_behind: [Layer("userns", "off"), Layer("mountns", "off")]
    if "capabilities" in off:
        confine.drop_capabilities = lambda: None
    if "close" in off:
        sandbox._close_others = lambda keep: None


def outcomes(attempts: dict[str, Callable[[], int]], keep: set[int], off: set[str]) -> dict[str, str]:
    """Try them one after the other in a child that has shut itself in, until one ends the child, or does something.

    For each that was tried: `done`, the name of an error, or of the signal that ended the child.
    """
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            switched(off)
            if "all" not in off:
                plan = planned.plan()
                sandbox.shut(marshal.loads(os.pread(plan, 1 << 20, 0)), {0, 1, 2, tell, *keep})
            own = os.getpid()
            for attempt in attempts.values():
                answer = attempt()
                if os.getpid() != own:  # in a child that an attempt has made
                    break
                os.write(tell, b"%d " % answer)
                if answer >= 0 or off:
                    break
        except BaseException as error:
            os.write(tell, repr(error).encode())
        os._exit(0)
    os.close(tell)
    said = b""
    while select.select([told], [], [], 60)[0] and (more := os.read(told, 1 << 16)):
        said += more
    os.close(told)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    answers = [int(word) for word in said.split()]
    found = ["done" if answer >= 0 else errno.errorcode.get(-answer, str(answer)) for answer in answers]
    if status < 0:
        found.append(signal.Signals(-status).name)
    return dict(zip(attempts, found, strict=False))


def main(folder: str, what: str, off: str) -> None:
    import raw

    parts = set(filter(None, off.split(",")))
    wanted = set() if what == TABLED else set(filter(None, what.split(";")))
    with tempfile.TemporaryDirectory(dir=folder) as place:
        world = World(Path(place))
        try:
            tabled = tabled_attempts(world, raw)
            attempts = tabled if what == TABLED else all_attempts(world, raw) | more_attempts(world, raw) | tabled
            # recvmsg shall find a message with a descriptor
            for _ in range(2):
                socket.send_fds(world.pair[1], [b"x"], [world.tcp.fileno()])
            left = {name: attempt for name, attempt in attempts.items() if not wanted or name in wanted}
            answers: dict[str, str] = {}
            while left:
                world.renew()
                found = outcomes(left, {world.pair[0].fileno(), world.memory}, parts)
                assert found, f"{next(iter(left))} has no answer"
                answers |= found
                for name in found:
                    del left[name]
            print(json.dumps(answers))
        finally:
            world.end()


if __name__ == "__main__":
    main(*sys.argv[1:4])
