"""What a platform keeps: its secret and its authorities, each made on first use, in a private folder. Platform world.

Called by `answers`, `quoting` and `gotee platform`. Safe when two platforms start at once, and when one is killed at
any moment: a file is complete or not there.
"""

from __future__ import annotations

import fcntl
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SECRET, AUTHORITIES = "secret", "authorities"
_LOCK = "lock"
_MOST = 1 << 20  # bytes of a kept file
RESET = "`gotee platform reset` makes a new one"


class StateError(OSError):
    """The platform's folder cannot be used; the text says why and what to do."""


def directory(environ: Mapping[str, str]) -> str:
    """Where level development keeps its state: XDG_STATE_HOME, which counts if it is absolute, or ~/.local/state.

    >>> directory({"XDG_STATE_HOME": "/somewhere"}), directory({"HOME": "/home/ada", "XDG_STATE_HOME": "odd"})
    ('/somewhere/gotee/platform', '/home/ada/.local/state/gotee/platform')
    """
    given = environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):
        return os.path.join(given, "gotee", "platform")
    home = environ.get("HOME", "")
    if not os.path.isabs(home):
        import pwd

        home = pwd.getpwuid(os.getuid()).pw_dir
    return os.path.join(home, ".local", "state", "gotee", "platform")


def kept(folder: str, name: str, make: Callable[[], bytes]) -> bytes:
    """The bytes kept under `name`, made now if nobody has. Raises StateError."""
    try:
        _private(folder)
        path = os.path.join(folder, name)
        found = _read(path)
        if found is not None:
            return found
        lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = _read(path)  # another may have made it meanwhile
            if found is None:
                found = make()
                _write(folder, path, found)
        finally:
            os.close(lock)
    except OSError as error:
        if isinstance(error, StateError):
            raise
        raise StateError(f"the platform cannot keep its keys in {folder}: {error.strerror}") from None
    return found


def held(folder: str) -> list[str]:
    """The names of what is kept there."""
    return [name for name in (SECRET, AUTHORITIES) if os.path.exists(os.path.join(folder, name))]


def forget(folder: str) -> None:
    """Remove all that is kept. The secret goes first: what was sealed is lost even if the rest cannot be removed."""
    try:
        lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in os.listdir(folder):
            if name in (SECRET, AUTHORITIES) or name.startswith((f"{SECRET}.", f"{AUTHORITIES}.")):
                os.unlink(os.path.join(folder, name))
        _sync(folder)
    finally:
        os.close(lock)


def _private(folder: str) -> None:
    os.makedirs(folder, 0o700, exist_ok=True)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise StateError(
            f"{folder} holds the platform's keys and must be a folder of this user alone: chmod 700, or remove it"
        )


def _read(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise StateError(f"{path} is a key that others can read or write, so it is one no more; {RESET}")
        data = file.read(_MOST + 1)
    if not data or len(data) > _MOST:
        raise StateError(f"{path} is damaged; {RESET}")
    return data


def _write(folder: str, path: str, data: bytes) -> None:
    """All of it or nothing, whenever the machine stops."""
    draft = f"{path}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.rename(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    _sync(folder)


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
