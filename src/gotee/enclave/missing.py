"""What an enclave does not have, each with a sentence. Enclave world; `replacing` installs these."""

from __future__ import annotations

import errno

from gotee.errors import NotInside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_PROCESSES = "an enclave is one process that runs what was measured: run the program outside, and send what it gives in"
LINKS = "links and special files could lead past the policy: make them outside"
_OWNERS = "owners and attributes of files are the host's business: change them outside"
FILES = "files of an enclave are no files of the kernel"
_OPEN = f"{FILES}: copy with read and write, or shutil"
_ROOM = "what a disk or file system can hold is the host's business: ask it outside"
_EVENTS = f"{FILES}: use threading.Event, or a channel"
_MEMORY = f"{FILES}: use io.BytesIO or tempfile, which stay in its memory"
_PIPES = "there is no other process to talk to: use channels between routines"
_FOLDERS = "folders are named by their paths inside, not by descriptors"

REASONS = {
    _PROCESSES: (
        *("fork", "forkpty", "execv", "execve", "posix_spawn", "posix_spawnp", "system", "wait", "wait3", "wait4"),
        *("waitpid", "waitid", "killpg", "setsid", "setpgid", "openpty"),
    ),
    LINKS: ("link", "symlink", "mkfifo", "mknod", "chroot"),
    _OWNERS: ("chown", "lchown", "fchown", "fchmod", "setxattr", "removexattr", "getxattr"),
    _FOLDERS: ("fchdir",),
    _PIPES: ("pipe", "pipe2"),
    _OPEN: (*("preadv", "pwritev", "posix_fallocate", "copy_file_range", "splice", "lockf", "set_blocking"),),
    _ROOM: ("fstatvfs", "statvfs", "pathconf", "fpathconf"),
    _EVENTS: ("eventfd", "eventfd_read", "eventfd_write"),
    _MEMORY: ("memfd_create",),
}


def missing() -> dict[str, Callable[..., object]]:
    """A function for each name of `os` that cannot work inside."""
    functions: dict[str, Callable[..., object]] = {
        name: _refusing(f"os.{name}", reason) for reason, names in REASONS.items() for name in names
    }
    functions["sendfile"] = _sendfile
    functions["listxattr"] = _no_attributes
    functions["posix_fadvise"] = _advice
    return functions


def _refusing(name: str, reason: str) -> Callable[..., NoReturn]:
    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise NotInside(f"{name} does not work inside: {reason}")

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    return refuse


def _sendfile(*args: object, **kwargs: object) -> NoReturn:
    error = NotInside("os.sendfile does not work inside, as its files are no files of the kernel: use socket.sendfile")
    error.errno = errno.ENOTSOCK  # shutil then copies with read and write
    raise error


def _no_attributes(*args: object, **kwargs: object) -> list[str]:
    return []


def _advice(fd: int, offset: int, length: int, advice: int, /) -> None:
    """Advice may be ignored."""
