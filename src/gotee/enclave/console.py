"""Standard output and error inside: lines become messages, and the host prints them. Enclave world.

The host sees whatever is printed, and may drop or change it: the console is outside.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

from gotee.boundary.messages import Kind, pack

OUT, ERR = 1, 2
_AT_ONCE = 8192  # characters buffered before they are sent without a line's end


class _Stream(io.TextIOBase):
    """A text stream that sends whole lines."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, number: int, send: Callable[[bytes], None], allowed: bool) -> None:
        self._number = number
        self._allowed = allowed
        self._send = send
        self.parts: list[str] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not self._allowed:
            raise PermissionError("this image may not print: it needs console = true in [tool.gotee.ocalls]")
        if text:
            self.parts.append(text)
            self._length += len(text)
            if "\n" in text or self._length > _AT_ONCE:
                self.flush()
        return len(text)

    def flush(self) -> None:
        if self.parts:
            text = "".join(self.parts)
            self.parts.clear()
            self._length = 0
            self._send(pack(Kind.CONSOLE, self._number, 0, text.encode("utf-8", "backslashreplace")))

    def fileno(self) -> int:
        raise io.UnsupportedOperation("the enclave's console has no file descriptor")


class Console:
    """Replaces sys.stdout and sys.stderr; `flush` sends unfinished lines."""

    def __init__(self, send: Callable[[bytes], None], allowed: bool = True) -> None:
        self._out, self._err = _Stream(OUT, send, allowed), _Stream(ERR, send, allowed)
        sys.stdout = sys.__stdout__ = self._out  # type: ignore[misc,assignment]  # the real ones are closed
        sys.stderr = sys.__stderr__ = self._err  # type: ignore[misc,assignment]

    @property
    def pending(self) -> bool:
        """Whether something was printed without a line's end."""
        return bool(self._out.parts or self._err.parts)

    def flush(self) -> None:
        """Send what was printed without a line's end."""
        self._out.flush()
        self._err.flush()
