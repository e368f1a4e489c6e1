"""Who receives from the link: one thread at a time, the *leader*. Host world.

A thread that parks in gotee leads if nobody does: the answer that it waits for then comes without a switch of threads.
It dispatches for all. When no thread has led for a moment, the service thread takes over, so that code stuck in
`time.sleep` or a long C call never stops traffic; it gives way to the next thread that parks.
"""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from time import monotonic, sleep

from gotee.boundary.wire import Wire
from gotee.runtime.scheduler import Scheduler

MOMENT = 0.002  # seconds without a leader before the service thread takes over
LONG_LEAD = 0.05  # seconds after which the service thread waits to be told that a leader has left


class Lead:
    """The right to receive from one link. `dispatch` acts on what has arrived and tells whether there was any."""

    def __init__(self, wire: Wire, dispatch: Callable[[Callable[[], bool]], None]) -> None:
        self.wire = wire
        self._dispatch = dispatch
        self.baton = _thread.allocate_lock()
        self.terms = 0  # how many threads have led so far: tells the service thread whether anybody does
        self.wanted: list[Seat] = []  # threads that parked while the service thread led
        self._relief = _thread.allocate_lock()
        self._relief.acquire()
        self._waits_for_relief = False

    def lead(self, seconds: float | None, enough: Callable[[], bool]) -> None:
        """Receive until `enough()`, the end of the link, or `seconds` have passed. The caller holds the baton."""
        deadline = None if seconds is None else monotonic() + seconds
        while True:
            self._dispatch(enough)
            if self.wire.ended or enough():
                return
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                return
            self.wire.wait(left)

    def leave(self) -> None:
        """Give the baton back."""
        self.terms += 1
        self.baton.release()
        if self._waits_for_relief:
            self._waits_for_relief = False
            self._relief.release()

    def serve(self) -> None:
        """The service thread: lead whenever nobody has for a moment, until the link ends."""
        while not self.wire.ended:
            if self.baton.acquire(blocking=False):
                try:
                    self.lead(None, lambda: bool(self.wanted))
                finally:
                    self.baton.release()
                while self.wanted:
                    self.wanted.pop().notify()
            self._stand_back()

    def _stand_back(self) -> None:
        """Return when no thread has begun or ended to lead for a moment."""
        since = monotonic()
        terms = -1
        while not self.wire.ended and (terms != self.terms or self.baton.locked()):
            if terms != self.terms:
                terms, since = self.terms, monotonic()
            elif monotonic() - since > LONG_LEAD:
                self._waits_for_relief = True
                self._relief.acquire(timeout=1.0)
            sleep(MOMENT)


class Seat:
    """How one thread sleeps while an enclave runs: as the leader, or until another thread has news for it."""

    def __init__(self, lead: Lead, scheduler: Scheduler) -> None:
        self._lead = lead
        self._scheduler = scheduler
        self._leading = False
        self._news = _thread.allocate_lock()
        self._news.acquire()

    def wait(self, seconds: float | None) -> None:
        """Sleep until a routine of this thread is ready, at most `seconds`."""
        lead = self._lead
        if lead.wire.ended:
            self._scheduler.sleep_with(None)
            return
        if lead.baton.acquire(blocking=False):
            self._leading = True  # from here on notify() wakes the link
            try:
                if not self._news.acquire(blocking=False):
                    lead.lead(seconds, self._enough)
            finally:
                self._leading = False
                lead.leave()
        else:
            if self not in lead.wanted:
                lead.wanted.append(self)
            limit = threading.TIMEOUT_MAX if seconds is None else min(seconds, threading.TIMEOUT_MAX)
            self._news.acquire(timeout=min(limit, 1.0))  # a capped backstop; the hub sleeps again

    def poll(self) -> None:
        """Look for news while routines of this thread are busy."""
        lead = self._lead
        if not lead.wire.ended and lead.baton.acquire(blocking=False):
            try:
                lead.lead(0, self._never)
            finally:
                lead.leave()

    def notify(self) -> None:
        """End `wait` early; from any thread."""
        if self._leading:
            self._lead.wire.wake()
        elif self._news.locked():
            self._news.release()

    def _enough(self) -> bool:
        return self._scheduler.has_ready

    def _never(self) -> bool:
        return False
