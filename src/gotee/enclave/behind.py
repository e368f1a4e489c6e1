"""What is written to a file of the host without waiting for it. Enclave world; `hostfile` is its only user.

It is collected in blocks of shared memory, each sent when it is full. What goes wrong is raised by the next use of the
file. Whoever calls has the file's turn.
"""

from __future__ import annotations

import errno

from gotee.boundary.blocks import BLOCK_BYTES
from gotee.enclave.ocalls import Ocalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
else:
    from _collections import deque

AT_ONCE = 3  # pieces of one read or write that are on their way at the same time
_LEFT_FREE = 2  # blocks that no file may hold half full


class Behind:
    """The blocks of one file. `send(block, size, place)` sends one, and returns the number of the ocall."""

    def __init__(self, ocalls: Ocalls, send: Callable[[int, int, int], int], append: bool) -> None:
        self._ocalls = ocalls
        self._send = send
        self._append = append
        self._sent: deque[tuple[int, int]] = deque()  # bytes, and number of the ocall
        self._failure: OSError | None = None  # of one of them
        self._filling: int | None = None  # a block that is not full yet
        self._filled = 0
        self._filled_from = 0  # its place in the file

    @property
    def waits(self) -> bool:
        """Whether something is on its way."""
        return bool(self._sent)

    @property
    def unsettled(self) -> bool:
        """Whether `settle` has something to do."""
        return self._filling is not None or bool(self._sent) or self._failure is not None

    def go_on_from(self, place: int) -> None:
        """What comes now is written there: a block whose contents end elsewhere is sent."""
        if self._filling is not None and not self._append and self._filled_from + self._filled != place:
            self._send_filled()

    def may_fill(self, place: int, size: int) -> bool:
        """Have a block for what is written from there on; one that stays half full only if enough are left."""
        if self._filling is None:
            self._filling = self._ocalls.take_block(_LEFT_FREE if size < BLOCK_BYTES else 0)
            self._filled, self._filled_from = 0, place
        return self._filling is not None

    def fill(self, data: memoryview) -> int:
        """Put what fits into the block, and send it when it is full; how much that was."""
        assert self._filling is not None
        assert self._ocalls.blocks is not None
        some = min(BLOCK_BYTES - self._filled, len(data))
        self._ocalls.blocks.view(self._filling)[self._filled : self._filled + some] = data[:some]
        self._filled += some
        if self._filled == BLOCK_BYTES:
            self._send_filled()
        while len(self._sent) > AT_ONCE:
            self.finish_oldest()
        return some

    def _send_filled(self) -> None:
        while self._append and self._sent:  # the host knows the place, so what came before has to be there
            self.finish_oldest()
        block, self._filling = self._filling, None
        assert block is not None
        number = self._send(block, self._filled, self._filled_from)
        self._sent.append((self._filled, number))

    def settle(self) -> None:
        """Wait until everything is written; raises what went wrong."""
        if self._filling is not None:
            self._send_filled()
        while self._sent:
            self.finish_oldest()
        self.raise_failure()

    def finish_oldest(self) -> None:
        """Wait for what was sent first."""
        asked, number = self._sent.popleft()
        try:
            if self._ocalls.finish(number) < asked:
                raise OSError(errno.EIO, "the host wrote less than it was given")
        except OSError as error:
            self._failure = self._failure or error

    def raise_failure(self) -> None:
        """Raise what went wrong, once."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
