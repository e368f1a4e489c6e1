"""Whether the enclave, too, has come to rest: the deadlock judge's question to it. Host world.

The enclave answers a PROBE at the moment at which it can do nothing by itself. The answer is void if anything has
moved here meanwhile; then the judge asks again (docs/explanation/protocol.md, "The deadlock probe").
"""

from __future__ import annotations

from collections.abc import Callable

from gotee.boundary.frames import LinkError
from gotee.boundary.messages import Kind, Message, pack
from gotee.runtime.deadlock import reconsider
from gotee.runtime.ready import movement

_MOST_BYTES = 64 << 10  # of the table that the enclave sends along


class Probe:
    """At most one probe is out at a time."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._asked: int | None = None
        self._rested: tuple[int, list[str]] | None = None

    def at_rest(self, epoch: int) -> list[str] | None:
        """What the enclave's routines wait for if it rests and nothing has moved since; else None, and it is asked."""
        if self._rested is not None and self._rested[0] == epoch:
            return self._rested[1]
        if self._asked is None:
            self._asked = epoch
            self._send(pack(Kind.PROBE, epoch))
        return None

    def on_passive(self, message: Message) -> None:
        """PASSIVE(epoch); payload: the table, one line a row."""
        if message.id != self._asked or len(message.payload) > _MOST_BYTES:
            raise LinkError("the enclave answered a probe that was not sent")
        self._asked = None
        if message.id == movement():
            rows = message.payload.decode("utf-8", "backslashreplace").splitlines()
            self._rested = (message.id, [f"  inside: {row.strip()}" for row in rows])
        reconsider()
