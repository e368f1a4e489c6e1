"""What the host learns when something fails inside. Enclave world.

An exception class marked `@public_error` crosses with its fields. Of any other, an image for debugging says type and
message, and the traceback; one for release says that something failed, and an id: the details are for the developer
alone.
"""

from __future__ import annotations

import os
import sys

from gotee.boundary.messages import Kind, pack, pack_error
from gotee.boundary.public_errors import encode_public
from gotee.errors import BoundaryTypeError, message_of
from gotee.runtime import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

CALL, START, ROUTINE = 0, 1, 2  # what a HIDDEN message is about; the call's number is its id
_ID = 8  # bytes
_OWN = ("src/gotee/", "/gotee/")  # what gotee's frames are called inside
_MOST_CAUSES, _MOST_LINES = 8, 40  # the last lines of each say most


class Failures:
    """Makes the messages about failures. `error_key` is the modulus that the manifest names, in hexadecimal, or ""."""

    def __init__(self, debug: bool, error_key: str) -> None:
        self.debug = debug
        self._modulus = int(error_key, 16) if error_key else 0

    def of_call(self, number: int, error: BaseException, entry: str) -> bytes:
        """The failure of a call."""
        note = ""
        try:
            public = encode_public(error)
        except BoundaryTypeError as refused:  # a field has another value than it says
            public, note = None, f" ({refused})"
        if public is not None:
            return pack(Kind.PUBLIC_FAILED, number, 0, public)
        if self.debug:
            where = "\n".join(_where(error)).encode("utf-8", "backslashreplace")
            failed = pack_error(type(error).__qualname__, told(error) + note)
            return pack(Kind.FAILED, number, len(where), failed + where)
        return self.hidden(CALL, number, error, f"{entry}{note}")

    def of_result(self, number: int, refused: BoundaryTypeError, entry: str) -> bytes:
        """A result that cannot cross; where and why could show what it is."""
        if self.debug:
            return pack(Kind.REFUSED, number, 0, pack_error(refused.path, refused.reason))
        return self.hidden(CALL, number, refused, entry)

    def of_start(self, error: BaseException) -> bytes:
        """Why the image's modules cannot be served."""
        if self.debug:
            return pack(Kind.UNREADY, 0, 0, pack_error(type(error).__qualname__, told(error)))
        return self.hidden(START, 0, error, "the import of the program's modules")

    def hidden(self, what: int, number: int, error: BaseException, where: str) -> bytes:
        """A failure of which the host learns nothing but that it was."""
        name = os.urandom(_ID)
        return pack(Kind.HIDDEN, number, what, name + self._sealed(name, error, where))

    def _sealed(self, name: bytes, error: BaseException, where: str) -> bytes:
        if not self._modulus:
            return b""
        import traceback  # and with it a tokenizer: failures are rare

        from gotee.enclave.details import BODY, seal

        told = "".join(traceback.format_exception(error))
        room = BODY - 256
        told = told if len(told) <= room else f"{told[: room // 2]}\n[...]\n{told[-room // 2 :]}"
        return seal(f"error {name.hex()} in {where}\n{told}", self._modulus)


def _where(error: BaseException) -> list[str]:
    """The lines that a failure went through, and those of what it came after; `traceback` takes 30 times as long."""
    import linecache

    lines: list[str] = []
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            break
        if cause is not error:
            lines.append(f"after {type(cause).__qualname__}: {told(cause)}")
        lines += _frames(cause.__traceback__, linecache.getline)[-_MOST_LINES:]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return lines


def _frames(trace: TracebackType | None, line_of: Callable[[str, int, Any], str]) -> list[str]:
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(_OWN):
            lines.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}')
            if code.co_filename.startswith("/program/"):  # nothing else has its text inside
                lines.append(f"    {line_of(code.co_filename, trace.tb_lineno, trace.tb_frame.f_globals).strip()}")
        trace = trace.tb_next
    return lines


def told(error: BaseException) -> str:
    """The message of an exception, with the cure for a module that only this image lacks.

    >>> told(ModuleNotFoundError("No module named 'gzip'", name="gzip"))
    "No module named 'gzip': no import statement names it, so it is not in the image; write one in a trusted function"
    """
    message = message_of(error)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in sys.stdlib_module_names:
        return f"{message}: no import statement names it, so it is not in the image; write one in a trusted function"
    return message


def hide_reports(failures: Failures, send: Callable[[bytes], Any]) -> None:
    """What Python and gotee print of failures that nobody asked for becomes an id; `send` takes messages."""

    def report(error: BaseException | None, where: str) -> None:
        if error is not None:
            send(failures.hidden(ROUTINE, 0, error, where))

    def unraisable(args: Any) -> None:
        report(args.exc_value, "a finalizer or callback")

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        report(error, "the enclave")

    def in_thread(args: Any) -> None:
        report(args.exc_value, "a thread")

    lifecycle.reporter = lambda routine: report(routine.failure(), str(routine))
    sys.unraisablehook = unraisable
    sys.excepthook = uncaught
    import threading

    threading.excepthook = in_thread
