"""What comes from the host piece by piece, and once only: lines of standard input, bytes of a FIFO. Enclave world.

`keyboard` and `hostfile` read through it.
"""

from __future__ import annotations

import os

from gotee.boundary.ocalls import Ocall
from gotee.enclave.ocalls import Ocalls
from gotee.runtime.parking import Ticket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
else:
    from _collections import deque


class Arrivals:
    """Pieces for all who wait inside, in the order in which the host gave them.

    Each reader has a question of its own on its way, but what arrives belongs to no question: it goes to the end of
    `_pieces`, and who has waited longest takes it when it runs. So a piece that crosses the cancel of its question, or
    whose reader is told to stop before it has run, is neither lost nor later than the next.
    """

    def __init__(self, ocalls: Ocalls, kind: Ocall, request: Callable[[int], bytes]) -> None:
        """`request` makes the payload of a question for so many bytes."""
        self._ocalls = ocalls
        self._kind = kind
        self._request = request
        self._pieces: deque[bytes | OSError] = deque()  # that nobody has taken
        self._waiting: deque[Ticket[None]] = deque()  # readers who were not told of a piece
        self._told = 0  # readers who were told and have not run since: each takes from `_pieces`
        self._questions: dict[int, None] = {}  # open ones, as many as wait

    def take(self, size: int) -> bytes:
        """The first bytes of the next piece, at most `size`; nothing at the end. Raises what the host says instead."""
        if len(self._pieces) <= self._told:
            self._wait(size)
        piece = self._pieces.popleft()
        if isinstance(piece, OSError):
            raise piece
        if piece[size:]:
            self._pieces.appendleft(piece[size:])
            self._settle()
        return piece[:size]

    def _wait(self, size: int) -> None:
        def check(payload: bytes) -> bytes:
            if len(payload) > size:
                raise ValueError(f"{len(payload)} bytes where {size} were asked for")
            return payload

        ticket: Ticket[None] = Ticket()
        number = self._ocalls.notify(
            self._kind, self._request(size), check, lambda piece, error: self._arrived(number, piece, error)
        )
        self._questions[number] = None
        self._waiting.append(ticket)
        try:
            self._ocalls.wait(ticket, f"ocall {self._kind.name.lower()}", None)
        except BaseException:
            if ticket.answered:
                self._told -= 1
            else:
                self._waiting.remove(ticket)
            self._settle()
            raise
        self._told -= 1

    def _arrived(self, number: int, piece: bytes | None, error: int) -> None:
        if number in self._questions:
            del self._questions[number]
        elif piece is None:
            return  # called off, as it was told to
        self._pieces.append(OSError(error, os.strerror(error)) if piece is None else piece)
        self._settle()

    def _settle(self) -> None:
        """Tell who may take what is there, and call off the questions that nobody needs any more."""
        while self._waiting and len(self._pieces) > self._told:
            self._told += 1
            self._waiting.popleft().give(None)
        while len(self._questions) > len(self._waiting):
            self._ocalls.call_off(self._questions.popitem()[0])
