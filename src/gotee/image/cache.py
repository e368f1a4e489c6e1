"""What gotee can make again, kept by content on this machine: bytecode, archives, built images. Host world.

Each entry carries its own SHA-256, so that one that is damaged counts as absent. Whoever can write here can already
change the program itself; nothing that is loaded into an enclave is trusted because it lies here.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from gotee.errors import UsageError


def folder() -> Path:
    """`gotee` in the user's cache directory, as the XDG rules name it."""
    return Path(_folder())


def _folder() -> str:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.cache")
        if not os.path.isabs(base):  # a user without an entry: it would be a folder `~` of wherever the program runs
            raise UsageError(
                "this user has no home folder: set HOME, or XDG_CACHE_HOME and XDG_DATA_HOME and XDG_STATE_HOME"
            )
    return os.path.join(base, "gotee")


def read(kind: str, key: str) -> bytes | None:
    """An entry, or None if there is none or it is damaged."""
    try:
        with open(path_of(kind, key), "rb") as file:
            data = file.read()
    except OSError:
        return None
    if hashlib.sha256(memoryview(data)[32:]).digest() != data[:32]:
        return None
    return data[32:]


def write(kind: str, key: str, data: bytes) -> None:
    """Keep an entry: all of it or nothing, also when two write at once. A full or read-only disk is no error."""
    path = path_of(kind, key)
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(hashlib.sha256(data).digest())
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass


def path_of(kind: str, key: str) -> str:
    """Where an entry lies, whether or not there is one."""
    return os.path.join(_folder(), kind, key[:2], key)
