"""What an enclave says on its real standard error, which is a pipe to its platform. Platform world, every level.

Until the enclave is shut in, gotee's own code speaks: why there is no enclave. That is told for every image. From then
on it may be the program that speaks, and of an image for release nobody hears that.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SHUT_IN = b"\0"  # gotee.enclave.sandbox says it when no code of the program has run
REFUSED = 3  # gotee.enclave.sandbox ends so without a sandbox
MOST = 1 << 16  # bytes of first words that are kept


class Words:
    """Hears the words of one enclave, and hands on to `told` what may be told."""

    def __init__(self, told: Callable[[bytes], None], *, debug: bool) -> None:
        self._told = told
        self._debug = debug
        self._first = b""
        self._shut_in = False

    def hear(self, said: bytes) -> None:
        """Take what was read from the pipe."""
        if not self._shut_in:
            first, self._shut_in, said = _cut(self._first + said)
            self._first = first[:MOST]
            if not self._shut_in:
                return
            self._tell_first()
        if self._debug and said:
            self._told(said)

    def end(self, status: int) -> str | None:
        """The enclave has ended: why it refused to begin, if it did so; else its first words are told."""
        if self._shut_in:
            return None
        if status == REFUSED and self._first:
            return self._first.decode(errors="replace").splitlines()[0].removeprefix("gotee: ")
        self._tell_first()
        return None

    def _tell_first(self) -> None:
        if self._first:
            self._told(self._first)
        self._first = b""


def _cut(said: bytes) -> tuple[bytes, bool, bytes]:
    first, mark, rest = said.partition(SHUT_IN)
    return first, bool(mark), rest
