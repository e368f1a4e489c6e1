"""Standard output and error inside: lines become messages, and the host prints them. Enclave world.

The host sees whatever is printed, and may drop or change it: the console is outside.
"""

from __future__ import annotations

import io
import sys

from gotee.boundary.messages import Kind, pack
from gotee.boundary.wire import Wire
from gotee.errors import OcallRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

OUT, ERR = 1, 2
_AT_ONCE = 8192  # characters buffered before they are sent without a line's end


class _Bytes(io.BufferedIOBase):
    """What is below a console stream: bytes, shown as UTF-8."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self.raw = self

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        with memoryview(data) as view:
            self._stream.write(bytes(view).decode("utf-8", "backslashreplace"))
            return view.nbytes

    def flush(self) -> None:
        self._stream.flush()


class _Stream(io.TextIOBase):
    """A text stream that sends whole lines. One message holds what one `write` completes, so lines are not mixed."""

    encoding = "utf-8"
    errors = "backslashreplace"
    mode = "w"
    line_buffering = True

    def __init__(
        self, number: int, wire: Wire, room: Callable[[], None], allowed: bool, both: Callable[[], None]
    ) -> None:
        self.name = "<stdout>" if number == OUT else "<stderr>"
        self._number = number
        self._allowed = allowed
        self._wire = wire
        self._room = room
        self._both = both
        self.parts: list[str] = []
        self._length = 0

    @property
    def buffer(self) -> _Bytes:
        return _Bytes(self)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not self._allowed:
            raise OcallRefused("printing is not allowed", "console = true")
        if text:
            self.parts.append(text)
            self._length += len(text)
            if "\n" in text or self._length > _AT_ONCE:
                self.send_parts()
                self._room()  # afterwards, so that nothing comes between the parts of a line
            else:
                self._wire.ahead = self._both  # what was printed before a message is seen before it
        return len(text)

    def flush(self) -> None:
        self.send_parts()

    def send_parts(self) -> None:
        """Send what there is; never waits."""
        if self.parts:
            text = "".join(self.parts)
            self.parts.clear()
            self._length = 0
            self._wire.send(pack(Kind.CONSOLE, self._number, 0, text.encode("utf-8", "backslashreplace")))

    def reconfigure(self, **_: Any) -> None:
        """Nothing to set: text is sent as UTF-8, by lines."""

    def fileno(self) -> int:
        return self._number


class Console:
    """Replaces sys.stdout and sys.stderr; `flush` sends unfinished lines. `room` parks while too much waits."""

    def __init__(self, wire: Wire, room: Callable[[], None] = lambda: None, allowed: bool = True) -> None:
        self._out = _Stream(OUT, wire, room, allowed, self.flush)
        self._err = _Stream(ERR, wire, room, allowed, self.flush)
        sys.stdout = sys.__stdout__ = self._out  # type: ignore[misc,assignment]  # the real ones are closed
        sys.stderr = sys.__stderr__ = self._err  # type: ignore[misc,assignment]

    def flush(self) -> None:
        """Send what was printed without a line's end."""
        self._out.send_parts()
        self._err.send_parts()
