"""What an enclave may ask of its platform, over the socket that the platform made for it. Platform world.

Used by `launch`. A request carries no identity: the socket is the identity. Whatever is sent here is answered or
refused, and never waited for: an enclave cannot stop its platform.
"""

from __future__ import annotations

import _socket
import os

from gotee.errors import ImageError
from gotee.platform.identity import Identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

REPORT, KEY, QUOTE, FILL = b"R", b"K", b"Q", b"F"
DONE, REFUSED = b"\0", b"\1"
SIZES = {REPORT: 512 + 64, KEY: 512, QUOTE: 64, FILL: 4}  # bytes after the first
_MOST_REQUEST = 1024


class Answers:
    """One enclave's questions. `descriptor` is watched, `inside` given to the enclave and then closed."""

    def __init__(self, identity: Identity, folder: str, fill: Callable[[int], None] | None = None) -> None:
        """`fill` has a file of the image filled; ImageError ends the enclave, which would go on without it."""
        self._identity = identity
        self._fill = fill
        self._folder = folder
        self._socket, self.inside = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        self._secret = b""

    @property
    def descriptor(self) -> int:
        """The platform's end."""
        return self._socket.fileno()

    def answer(self) -> bool:
        """Answer what has been asked; False when nobody can ask any more. Raises ImageError for a changed file."""
        try:
            request = self._socket.recv(_MOST_REQUEST)
            if not request:
                return False
            self._socket.send(self._answered(request))
        except BlockingIOError:
            return False  # it asks and does not listen
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close both ends."""
        self._socket.close()
        self.inside.close()

    def _answered(self, request: bytes) -> bytes:
        try:
            return DONE + self._done(request[:1], request[1:])
        except ImageError:
            raise
        except Exception as error:  # the platform goes on, whatever is the matter with one request
            return REFUSED + f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:2000]

    def _done(self, what: bytes, given: bytes) -> bytes:
        if what == FILL and len(given) == SIZES[FILL] and self._fill is not None:
            self._fill(int.from_bytes(given, "little"))
            return b""
        from gotee.platform import reports

        if len(given) != SIZES.get(what):
            raise reports.Refused("this is no request")
        if what == QUOTE:
            from gotee.platform.quoting import quote

            return quote(reports.body(self._identity, given), self._folder)
        if what == KEY:
            return reports.key(self._kept(), self._identity, given)
        return reports.report(self._kept(), self._identity, given[:512], given[512:], os.urandom(32))

    def _kept(self) -> bytes:
        from gotee.platform.state import SECRET, kept

        if not self._secret:
            self._secret = kept(self._folder, SECRET, lambda: os.urandom(32))
        return self._secret
