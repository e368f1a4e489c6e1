"""The asyncio loop that runs `go(async_function)` on a thread without one. Both worlds.

The scheduler's hub runs it when no routine is ready. Inside an enclave its selector sleeps where the scheduler does, on
the link: whatever it waits for, sockets too, comes over it.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

from gotee.runtime import worlds

if TYPE_CHECKING:
    from gotee.runtime.hub import Sleeper


class _LinkSelector(selectors.DefaultSelector):
    """Sleeps on the link; the loop's own wake-up pipe tells it of routines that became ready meanwhile."""

    def __init__(self, sleeper: Sleeper) -> None:
        super().__init__()
        self._sleeper = sleeper
        poll: Any = getattr(self, "_selector", None)
        if hasattr(poll, "patient"):  # the enclave's own: what it does not know yet, it tells after the sleep
            poll.patient = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events:
            return events
        if timeout is not None and timeout <= 0:
            self._sleeper.poll()
        else:
            self._sleeper.wait(timeout)
        return super().select(0)


def new_loop(sleeper: Sleeper | None) -> asyncio.AbstractEventLoop:
    """A new loop for the scheduler of a thread that sleeps with `sleeper`."""
    if sleeper is not None and worlds.inside():
        return asyncio.SelectorEventLoop(_LinkSelector(sleeper))
    return asyncio.new_event_loop()
