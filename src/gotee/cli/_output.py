"""Standard output whose errors are told apart from all others that a verb may meet. Host world."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class OutputError(OSError):
    """Standard output takes nothing, or nobody reads on (EPIPE)."""


class _File(io.FileIO):
    """Raises the first error. What its buffer has left after that is dropped: Python 3.13 would print a traceback."""

    error: OutputError | None = None

    def write(self, data: Any) -> int:
        if self.error is not None:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as error:
            self.error = OutputError(error.errno, error.strerror)
            raise self.error from None


@contextmanager
def told_apart() -> Iterator[None]:
    """Let what cannot be printed raise OutputError, at the end at the latest."""
    usual = sys.stdout
    try:
        usual.flush()
        file = _File(usual.fileno(), "wb", closefd=False)
    except (AttributeError, io.UnsupportedOperation):  # there is none, or it is a test's
        yield
        return
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(file), usual.encoding, usual.errors, line_buffering=bool(usual.line_buffering)
    )
    try:
        yield
        sys.stdout.flush()
        if file.error is not None:
            raise file.error
    finally:
        sys.stdout = usual
