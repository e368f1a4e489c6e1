"""Every error that gotee raises. Both worlds; imports nothing of gotee.

All of them derive from GoteeError, but for the built-in TimeoutError (a wait that was given a limit)
and Cancelled, a BaseException, so that `except Exception` in a routine does not swallow it.
"""

from __future__ import annotations


class GoteeError(Exception):
    """The base of all errors of gotee."""


class UsageError(GoteeError, ValueError):
    """A call that can never be right: a negative capacity, a blocking call on an event loop's own stack."""


class BoundaryTypeError(GoteeError, TypeError):
    """A value that does not fit its annotation or cannot be copied between the worlds.

    `path` leads to the bad part, for example ``args[0].items[3].key``; it is empty for the value itself.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"{message} - at {path}" if path else message)
        self.path = path
        self.reason = message

    def __reduce__(self) -> tuple[type[BoundaryTypeError], tuple[str, str]]:
        return type(self), (self.reason, self.path)


class SecuredRoutineError(GoteeError):
    """A secured routine failed. `remote_type` and `remote_message` say with what."""

    def __init__(self, message: str, remote_type: str = "", remote_message: str = "") -> None:
        super().__init__(message)
        self.remote_type = remote_type
        self.remote_message = remote_message


class EnclaveLost(GoteeError):
    """The enclave ended while something was expected from it."""


class ChannelClosed(GoteeError):
    """`recv` on a closed and drained channel; `send` on a closed one; a second `close`."""


class Deadlock(GoteeError):
    """Every routine waits and nothing can wake any of them. `waiting` has one line for each."""

    def __init__(self, message: str, waiting: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join((message, *waiting)))
        self.waiting = waiting


class Overloaded(GoteeError):
    """A limit of the image (routines, channels, frame bytes, ...) was reached."""


class OcallRefused(GoteeError, PermissionError):
    """Trusted code asked the host for what the program's policy does not list. `line` is the line that would allow it.

    >>> error = OcallRefused("reading data/x.csv is not allowed", 'files = ["data/x.csv:r"]')
    >>> print(error)
    [Errno 13] reading data/x.csv is not allowed: put files = ["data/x.csv:r"] into [tool.gotee.ocalls]
    """

    def __init__(self, message: str, line: str) -> None:
        super().__init__(13, f"{message}: put {line} into [tool.gotee.ocalls]")  # EACCES
        self.reason = message
        self.line = line

    def __reduce__(self) -> tuple[type[OcallRefused], tuple[str, str]]:
        return type(self), (self.reason, self.line)


class NotInside(GoteeError, PermissionError):
    """What an enclave does not have at all, whatever the policy says: other programs, processes, raw memory of files.

    >>> print(NotInside("os.fork makes a second process: use go()"))
    [Errno 1] os.fork makes a second process: use go()
    """

    def __init__(self, message: str) -> None:
        super().__init__(1, message)  # EPERM
        self.reason = message

    def __reduce__(self) -> tuple[type[NotInside], tuple[str]]:
        return type(self), (self.reason,)


class ImageError(GoteeError):
    """An image cannot be built, or is not what it claims to be: damaged, changed, or signed by nobody."""


class SandboxError(GoteeError):
    """The enclave cannot be shut in: its floor cannot be had, or a layer that GOTEE_REQUIRE names."""


class CompileError(GoteeError):
    """The program cannot be rewritten or partitioned. `code`, place and caret are part of the text."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        filename: str | None = None,
        lineno: int | None = None,
        column: int | None = None,
        line: str | None = None,
        width: int = 1,
        cure: str | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.filename = filename
        self.lineno = lineno
        self.column = column  # 0-based, in characters
        self.line = line
        self.width = width
        self.cure = cure
        super().__init__(self._text())

    def _text(self) -> str:
        place = ""
        if self.filename is not None:
            place = self.filename
            if self.lineno is not None:
                place += f":{self.lineno}"
                if self.column is not None:
                    place += f":{self.column + 1}"
            place += ": "
        lines = [f"{place}{self.code} {self.message}"]
        if self.line is not None and self.column is not None:
            source = self.line.rstrip("\n")
            blank = "".join("\t" if c == "\t" else " " * _columns(c) for c in source[: self.column])
            marked = sum(map(_columns, source[self.column : self.column + self.width].ljust(max(self.width, 1))))
            lines += [f"    {source}", f"    {blank}{'^' * marked}"]
        if self.cure:
            lines.append(f"    cure: {self.cure}")
        return "\n".join(lines)


def _columns(letter: str) -> int:
    """How many columns of a terminal a letter takes: two for those of Chinese, Japanese, Korean."""
    if letter.isascii():
        return 1
    import unicodedata

    return 0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1


class EvidenceError(GoteeError, ValueError):
    """Evidence, or the policy for it, was refused. `code` is stable, `reason` says why, `cure` what to do.

    >>> str(EvidenceError("debug", "DEBUG is set in ATTRIBUTES", "start the enclave without DEBUG"))
    'debug: DEBUG is set in ATTRIBUTES; cure: start the enclave without DEBUG'
    """

    def __init__(self, code: str, reason: str, cure: str = "") -> None:
        super().__init__(f"{code}: {reason}; cure: {cure}" if cure else f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.cure = cure

    def __reduce__(self) -> tuple[type[EvidenceError], tuple[str, str, str]]:
        return type(self), (self.code, self.reason, self.cure)


class EvidenceMalformed(EvidenceError):
    """The bytes are not of the format that they should have."""


class EvidenceNotGenuine(EvidenceError):
    """The evidence was not proved to come, now, from the hardware (or simulation) that it names."""


class EvidenceUnwanted(EvidenceError):
    """The evidence is genuine; what it says is not what the policy accepts."""


class PolicyError(EvidenceError, UsageError):
    """A policy that cannot be used: empty, contradictory, or not of its form."""


def message_of(error: BaseException) -> str:
    """An exception's message; its `__str__` is the program's code and may fail."""
    try:
        return str(error)
    except Exception:
        return "(its message could not be made)"


class Cancelled(BaseException):
    """Delivered in a cancelled routine at its next park, and raised by `result()` of a cancelled routine."""
