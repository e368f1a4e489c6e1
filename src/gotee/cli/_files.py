"""Reading the files that a user names on the command line. Host world; used by the verbs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gotee.errors import UsageError

MOST_PASSPHRASE = 1023  # bytes; OpenSSL takes no longer one


def require_file(name: str) -> Path:
    """The path of an existing, readable regular file, or UsageError with cause and cure.

    A pipe (`gotee run <(...)`) is let through: it can be read, once.
    """
    path = Path(name)
    try:
        here = "" if path.is_absolute() else f"; the path is looked up from {os.getcwd()}"
    except FileNotFoundError:
        raise UsageError(f"{name} cannot be looked up: this folder has been removed; go to another") from None
    try:
        kind = path.stat().st_mode
        if stat.S_ISREG(kind):
            path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{name}: no such file{here}") from None
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{name!r} cannot be the name of a file") from None
    if stat.S_ISDIR(kind):
        inside = os.path.join(name, "main.py")
        hint = f"; did you mean {inside}?" if os.path.isfile(inside) else "; name a file in it"
        raise UsageError(f"{name} is a directory{hint}")
    return path


def require_source(name: str) -> Path:
    """As `require_file`, for what is to be Python source: UsageError for another file in its place.

    What else is wrong with it, Python says best.
    """
    path = require_file(name)
    if b"\0" in _content(path):
        if path.suffix == ".sgxs":
            raise UsageError(f"{name} is an image, which runs with its program: `gotee run --image {name} FILE`")
        raise UsageError(f"{name} is no Python source: it has NUL bytes; name the program's main file, saved as UTF-8")
    return path


def require_program(name: str) -> Path:
    """As `require_source`, for a program that is looked at: UsageError if there is nothing to see."""
    path = require_source(name)
    if path.is_char_device():
        raise UsageError(f"{name} is a device; name the program's main file")
    if path.is_file() and not _content(path).strip():
        raise UsageError(f"{name} is empty; name the program's main file")
    return path


def _content(path: Path) -> bytes:
    """The bytes of a regular file; a pipe is left to who reads it."""
    return path.read_bytes() if path.is_file() else b""


def destination(option: str, name: str) -> Path:
    """A path where a file can be written, or UsageError: said before the work whose result goes there."""
    path = Path(name)
    if os.path.isdir(path) or not path.name:
        raise UsageError(f"{option} {name} is a directory; name a file in it")
    if not os.path.isdir(path.parent):
        raise UsageError(f"{option} {name}: there is no folder {path.parent}; make it first")
    return path


def hexadecimal(option: str, text: str, most: int) -> bytes:
    """The 1 to `most` bytes of an option's hexadecimal text, or UsageError.

    >>> hexadecimal("--nonce", "00ff", 64)
    b'\\x00\\xff'
    """
    try:
        found = bytes.fromhex(text)
    except ValueError:
        raise UsageError(f"{option} {text[:80]}: write hexadecimal digits, two for each byte") from None
    if not 1 <= len(found) <= most:
        raise UsageError(f"{option} has {len(found)} bytes; it needs 1 to {most}")
    return found


def passphrase_of(name: str | None) -> bytes | None:
    """The first line of a passphrase file; None if none was named. Passphrases are never on the command line."""
    if name is None:
        return None
    lines = require_file(name).read_bytes().splitlines()
    if not lines or not lines[0]:
        raise UsageError(f"{name} is empty: its first line has to be the passphrase")
    if len(lines[0]) > MOST_PASSPHRASE:
        raise UsageError(f"the passphrase in {name} has {len(lines[0])} bytes; it can have {MOST_PASSPHRASE}")
    return lines[0]
