"""The layers of the sandbox above its floor, one function each. Enclave world; `sandbox` calls them in order.

Each is tried, and says whether it holds: a machine that lacks one runs enclaves too, unless GOTEE_REQUIRE asks for it.
Trying is the only honest test. A kernel that has a system call may be forbidden to answer it.
"""

from __future__ import annotations

import errno
import os
import resource
from _signal import SIGKILL  # type: ignore[import-not-found]  # `signal` imports `enum` to name it

from gotee.enclave import confine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NamedTuple
else:
    from gotee.records import Record as NamedTuple

INSIDE_ID = 1000  # what user and group of an enclave are called inside
_UNUSED_IDS = 2_000_000_000  # above this no system gives ids to anybody; plus a process number, which is below 2**22

# linux/landlock.h: what rules can forbid, with the version of Landlock that can.
_FILES = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_FILES_COMPLETE = 3  # without the last bit, ioctl on devices, nothing is lost: none can be opened
_TCP = (4, 0b11)  # bind and connect
_SCOPES = (6, 0b11)  # abstract Unix sockets, and signals

# linux/sched.h, in the order in which they are entered: the first gives the rights for the others.
_USER = 0x10000000
_NAMESPACES = (
    ("mountns", 0x20000),
    ("netns", 0x40000000),
    ("ipcns", 0x08000000),
    ("utsns", 0x04000000),
    ("cgroupns", 0x02000000),
    ("pidns", 0x20000000),
)
_LIMITS = {"mountns": "mnt"}  # as the settings of limits call them, where that is not the name without `ns`
_ALLOWING = "a kernel and a container that allow it"
_NAMING = "no seccomp filter around gotee that refuses sethostname (ProtectHostname= of systemd has one)"
_USERS_ALLOWING = "a kernel, container or security module that lets users make user namespaces, and no chroot"

# Switches of distributions: what they are set to where users may make no namespaces, and what allows it.
_SETTINGS = "/proc/sys"
_SWITCHES = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("user/max_user_namespaces", "0", "1000"),
)

# linux/mount.h
_PRIVATE_RECURSIVE = 0x4000 | 0x40000
_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_ATTRIBUTES = 1 | 2 | 4 | 8  # MOUNT_ATTR_RDONLY, _NOSUID, _NODEV, _NOEXEC


class Layer(NamedTuple):
    """One part of the sandbox. `missing` is empty if it holds, else why not; `cure` is what would add it."""

    name: str
    missing: str = ""
    cure: str = ""


# -- Landlock -------------------------------------------------------------------------------------------


def landlock() -> list[Layer]:
    """No file can be opened, no TCP port reached; no signal and no abstract Unix socket leads out of this process.

    Descriptors that are open stay usable, and /proc/self/fd opens sealed memory, which is no file of any file system.
    """
    try:
        version = confine.landlock_abi()
        files = sum(bits for since, bits in _FILES if version >= since)
        tcp = _TCP[1] if version >= _TCP[0] else 0
        scopes = _SCOPES[1] if version >= _SCOPES[0] else 0
        rules = confine.landlock_create(files, tcp, scopes)
        try:
            confine.landlock_restrict(rules)
        finally:
            os.close(rules)
    except OSError as error:
        cure = "a kernel of 5.13 or later, started with landlock in lsm=, and no seccomp filter around gotee"
        return [Layer(name, _said(error), cure) for name in ("landlock-files", "landlock-net", "landlock-scopes")]
    return [
        _since(version, "landlock-files", _FILES_COMPLETE, "6.2"),
        _since(version, "landlock-net", _TCP[0], "6.7"),
        _since(version, "landlock-scopes", _SCOPES[0], "6.12"),
    ]


def _since(version: int, name: str, needed: int, kernel: str) -> Layer:
    if version >= needed:
        return Layer(name)
    return Layer(name, f"the kernel's Landlock is version {version}, needed is {needed}", f"Linux {kernel} or later")


# -- namespaces -----------------------------------------------------------------------------------------


def namespaces(stay_behind: Callable[[int, int], None]) -> list[Layer]:
    """Enter namespaces of our own, as far as the machine lets us; all that they show is ours.

    The enclave enters them itself, after exec: the memory of a process that was executed in a user namespace can be
    read by whoever made that namespace, and `dumpable` does not help. A process namespace begins with a child. That
    child is the enclave; the parent calls `stay_behind` with its number and a
    descriptor to leave open, and must not come back.
    """
    layers = [_user_namespace()]
    entered = 0
    for name, flag in _NAMESPACES:
        try:
            confine.unshare(flag)
            entered |= flag
            layers.append(Layer(name))
        except OSError as error:
            layers.append(Layer(name, *_no_namespace(name, error, alone=not layers[0].missing)))
    if entered & dict(_NAMESPACES)["utsns"]:
        _hide_name(layers)
    if entered & dict(_NAMESPACES)["pidns"]:
        _become_first(stay_behind)
    return layers


def _hide_name(layers: list[Layer]) -> None:
    """A namespace begins with the machine's name: one that cannot be changed, as under ProtectHostname=, shows it."""
    try:
        confine.set_host_name(b"enclave")
    except OSError as error:
        place = next(place for place, layer in enumerate(layers) if layer.name == "utsns")
        layers[place] = Layer("utsns", f"the name in it cannot be changed: {_said(error)}", _NAMING)


def _user_namespace() -> Layer:
    """A user namespace; an enclave that root starts gets a user of its own with it."""
    own = (os.geteuid(), os.getegid())
    begin, helper = _mapper(_UNUSED_IDS + os.getpid()) if own[0] == 0 else (None, 0)
    try:
        confine.unshare(_USER)
    except OSError as error:
        if begin is not None:
            os.close(begin)
            os.waitpid(helper, 0)
        return Layer("userns", *_no_user_namespace(error))
    if begin is not None:
        os.write(begin, b"!")
        os.close(begin)
        if os.waitpid(helper, 0)[1] == 0:
            os.setresgid(INSIDE_ID, INSIDE_ID, INSIDE_ID)
            os.setresuid(INSIDE_ID, INSIDE_ID, INSIDE_ID)
            return Layer("userns")
    try:
        _map("self", *own)
    except OSError as error:
        return Layer("userns", f"its ids cannot be mapped: {_said(error)}", "no security module that forbids it")
    return Layer("userns")


def _mapper(new: int) -> tuple[int | None, int]:
    """A child that stays in our old namespace and, told so, maps `new` into our next one; the pipe to it, its number.

    Only somebody with rights in the outer namespace may map an id that is not its own.
    """
    parent = os.getpid()
    wait, begin = os.pipe()
    helper = confine.fork()
    if helper == 0:
        os.close(begin)
        status = 1
        try:
            if os.read(wait, 1):
                _map(str(parent), new, new)
                status = 0
        finally:
            os._exit(status)
    os.close(wait)
    return begin, helper


def _map(process: str, user: int, group: int) -> None:
    for name, text in (
        ("setgroups", "deny"),
        ("gid_map", f"{INSIDE_ID} {group} 1"),
        ("uid_map", f"{INSIDE_ID} {user} 1"),
    ):
        descriptor = os.open(f"/proc/{process}/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def _no_namespace(name: str, error: OSError, *, alone: bool) -> tuple[str, str]:
    """Why one is missing, and what would add it. `alone`: the user namespace, which would give the right to, is not."""
    if error.errno == errno.ENOSPC:
        kind = _LIMITS.get(name, name.removesuffix("ns"))
        return "no more of them are allowed", f"sysctl user.max_{kind}_namespaces=1000"
    return _said(error), (_switch() or _ALLOWING) if alone else "comes with userns, and for root without it"


def _no_user_namespace(error: OSError) -> tuple[str, str]:
    if error.errno == errno.ENOSPC:
        return "no more user namespaces are allowed", "sysctl user.max_user_namespaces=1000"
    return _said(error), _switch() or _USERS_ALLOWING


def _switch() -> str:
    """The setting of this kernel that forbids what user namespaces give, as a command; empty if there is none."""
    for name, forbids, allows in _SWITCHES:
        try:
            with open(f"{_SETTINGS}/{name}") as file:
                if file.read().strip() == forbids:
                    return f"sysctl {name.replace('/', '.')}={allows}"
        except OSError:
            pass
    return ""


def _become_first(stay_behind: Callable[[int, int], None]) -> None:
    """Go on as the first process of the new process namespace; it ends when the parent ends."""
    lives, asks = os.pipe()
    child = confine.fork()
    if child:
        os.close(asks)
        stay_behind(child, lives)
    os.close(lives)
    confine.die_with_parent(SIGKILL)
    try:
        os.write(asks, b"!")
    except BrokenPipeError:  # the parent has ended before we asked to end with it
        os._exit(1)
    os.close(asks)


# -- the root -------------------------------------------------------------------------------------------


def empty_root(mounts: Layer) -> Layer:
    """A root folder with nothing in it but /proc/self/fd, read-only: it opens the image's sealed memory."""
    if mounts.missing:
        return Layer("root", "needs mountns", mounts.cure)
    try:
        own = confine.open_tree(b"/proc/self/fd")
        try:
            confine.mount(b"none", b"/", b"", _PRIVATE_RECURSIVE, b"")
            # /proc exists wherever an enclave can begin. pivot_root wants the new root to be a mount.
            confine.mount(b"gotee", b"/proc", b"tmpfs", _NOSUID_NODEV_NOEXEC, b"size=4k,nr_inodes=5,mode=0555")
            os.chdir("/proc")
            os.makedirs("proc/self/fd", 0o555)
            confine.move_mount(own, b"proc/self/fd")
        finally:
            os.close(own)
        confine.mount_attributes(b".", _ATTRIBUTES)
        confine.pivot_root(b".", b".")
        confine.unmount(b".")
        os.chdir("/")
    except OSError as error:
        _uncover()
        return Layer("root", _said(error), "a kernel and a container that allow mounts in a user namespace")
    return Layer("root")


def _uncover() -> None:
    """Take away what was mounted on /proc: the image's memory is opened there."""
    os.chdir("/")
    if not os.path.exists("/proc/self/fd/0"):
        confine.unmount(b"/proc")


# -- limits and memory ----------------------------------------------------------------------------------


def count_threads(users: Layer) -> Layer:
    """The kernel counts processes and threads per user and user namespace, and does not count those of root."""
    if users.missing:
        return Layer("threads", "threads are counted for the whole user without userns", users.cure)
    if not _counted(resource.getrlimit(resource.RLIMIT_NPROC)):
        return Layer("threads", "the kernel does not count the threads of root", "run as another user")
    return Layer("threads")


def limit_threads(most: int) -> None:
    """No more threads than these from now on, where they are counted."""
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def _counted(limits: tuple[int, int]) -> bool:
    """Whether a limit on processes binds us: tried, where it may not."""
    if _outer_id() != 0:
        return True
    resource.setrlimit(resource.RLIMIT_NPROC, (1, limits[1]))
    try:
        child = confine.fork()
    except BlockingIOError:
        return True
    finally:
        resource.setrlimit(resource.RLIMIT_NPROC, limits)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return False


def _outer_id() -> int:
    """What our user is called outside our user namespace."""
    with open("/proc/self/uid_map") as text:
        return int(text.read().split()[1])


def secret_memory(size: int, use: Callable[[memoryview], None]) -> Layer:
    """Memory for keys that nothing outside this process can read; `use` gets it."""
    try:
        use(confine.secret_memory(size))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.ENOMEM):  # it counts as locked memory
            return Layer("secretmem", "the limit on locked memory is too low", f"ulimit -l {size >> 10} or more")
        cure = "a kernel with CONFIG_SECRETMEM, started with secretmem.enable=1 before 6.5, and no filter around gotee"
        return Layer("secretmem", _said(error), cure)
    return Layer("secretmem")


def _said(error: OSError) -> str:
    return error.strerror or str(error)
