"""`select` inside an enclave: waiting for descriptors of the enclave's own. Enclave world.

`select.select` and `select.poll` watch sockets of the host's and pairs in memory. There is no epoll: `selectors` then
takes poll, and asyncio with it.
"""

from __future__ import annotations

import errno
import math
import os
import select
from collections.abc import Iterable
from time import monotonic
from typing import Any, NoReturn

from gotee.enclave.connections import (
    ERROR,
    HANGUP,
    IN,
    INVALID,
    OUT,
    PRIORITY,
    Cancel,
    Connection,
    HostSocket,
    MemorySocket,
)
from gotee.enclave.descriptors import Descriptors
from gotee.enclave.keyboard import ConsoleFile
from gotee.enclave.ocalls import Ocalls, may_park
from gotee.runtime.parking import Ticket
from gotee.runtime.scheduler import yield_now

_ALWAYS = ERROR | HANGUP


class _Surroundings:
    table: Descriptors
    ocalls: Ocalls


_here = _Surroundings()


def wait_for(connection: Connection, events: int, deadline: float | None) -> bool:
    """Wait until something holds; False if `deadline` (monotonic seconds) comes first."""
    ticket: Ticket[int] = Ticket()
    cancel = connection.watch(events, ticket.give)
    try:
        return _here.ocalls.wait(ticket, "a socket", deadline)
    finally:
        if not ticket.answered:
            cancel()


class _Watched:
    """One descriptor of a Poll."""

    __slots__ = ("cancel", "connection", "events", "holds")

    def __init__(self, connection: Connection | None, events: int) -> None:
        self.connection = connection  # None: a descriptor that is always ready, as files are
        self.events = events
        self.holds = 0
        self.cancel: Cancel | None = None

    def stop(self) -> None:
        """Watch no more."""
        if self.cancel is not None:
            self.cancel()
            self.cancel = None


class Poll:
    """`select.poll()`. Watches stay in place between calls; what was reported is asked for anew."""

    def __init__(self) -> None:
        self._watched: dict[int, _Watched] = {}
        self._ticket: Ticket[None] | None = None
        self.patient = False  # a loop that comes again at once: what is not known yet is told then

    def register(self, fd: Any, eventmask: int = IN | PRIORITY | OUT, /) -> None:
        """Watch a descriptor, or an object with one."""
        number = _number(fd)
        self._forget(number)
        self._watched[number] = _Watched(None, eventmask)

    def modify(self, fd: Any, eventmask: int, /) -> None:
        """Watch for something else."""
        number = _number(fd)
        if number not in self._watched:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self.register(number, eventmask)

    def unregister(self, fd: Any, /) -> None:
        """Watch no more."""
        number = _number(fd)
        if number not in self._watched:
            raise KeyError(number)
        self._forget(number)

    def _forget(self, number: int) -> None:
        watched = self._watched.pop(number, None)
        if watched is not None:
            watched.stop()

    def close(self) -> None:
        """Watch nothing."""
        for number in list(self._watched):
            self._forget(number)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """What holds, as pairs of descriptor and events; waits at most `timeout` milliseconds."""
        seconds = math.inf if timeout is None or timeout < 0 else timeout / 1000
        found = self._look(at_once=seconds == 0 and not self.patient)
        if found or seconds == 0:
            return found
        deadline = None if seconds == math.inf else monotonic() + seconds
        while not found:
            self._ticket = Ticket()
            for number in list(self._watched):
                self._arm(number)
            try:
                if not self._any() and not _here.ocalls.wait(self._ticket, "descriptors", deadline):
                    break
            finally:
                self._ticket = None
            found = self._taken()
        return found

    def _look(self, at_once: bool) -> list[tuple[int, int]]:
        """What is known to hold; `at_once`: also what is not known yet."""
        for number in list(self._watched):
            watched = self._watched.get(number)
            if watched is None:
                continue
            if at_once and watched.cancel is None and not watched.holds:
                connection = self._connection(number, watched)
                if connection is not None:
                    watched.holds = connection.events(watched.events)
            elif not at_once:
                self._arm(number)
        return self._taken()

    def _connection(self, number: int, watched: _Watched) -> Connection | None:
        """What a descriptor stands for now; None, with `holds` set, for what never waits."""
        try:
            connection: Any = _here.table.get(number)
        except OSError:
            watched.holds = INVALID
            return None
        if isinstance(connection, ConsoleFile):
            connection.check_watched(bool(watched.events & IN))
        if not isinstance(connection, HostSocket | MemorySocket):
            watched.holds = watched.events & (IN | OUT)
            return None
        if watched.connection is not connection:
            watched.stop()
            watched.connection, watched.holds = connection, 0
        return connection

    def _arm(self, number: int) -> None:
        watched = self._watched.get(number)
        if watched is None or watched.holds:
            return
        connection = self._connection(number, watched)
        if connection is None or watched.cancel is not None:
            return

        def ready(holds: int) -> None:
            watched.cancel = None
            watched.holds = holds or ERROR
            if self._ticket is not None and not self._ticket.answered:
                self._ticket.give(None)

        watched.cancel = _later
        cancel = connection.watch(watched.events, ready)
        if not watched.holds:
            watched.cancel = cancel

    def _any(self) -> bool:
        return any(watched.holds for watched in self._watched.values())

    def _taken(self) -> list[tuple[int, int]]:
        found = []
        for number, watched in self._watched.items():
            holds = watched.holds & (watched.events | _ALWAYS | INVALID)
            watched.holds = 0
            if holds:
                found.append((number, holds))
        return found


def _later() -> None:
    pass


def _number(fd: Any) -> int:
    number = fd if isinstance(fd, int) else fd.fileno()
    if number < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({number})")
    return int(number)


def _select(
    rlist: Iterable[Any], wlist: Iterable[Any], xlist: Iterable[Any], timeout: float | None = None, /
) -> tuple[list[Any], list[Any], list[Any]]:
    wanted: dict[int, int] = {}
    lists = ([*rlist], [*wlist], [*xlist])
    for each, events in zip(lists, (IN, OUT, PRIORITY), strict=True):
        for thing in each:
            number = _number(thing)
            wanted[number] = wanted.get(number, 0) | events
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    poll = Poll()
    try:
        for number, events in wanted.items():
            poll.register(number, events)
        holds = dict(poll.poll(None if timeout is None else timeout * 1000))
    finally:
        poll.close()
    if any(found & INVALID for found in holds.values()):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    masks = (IN | _ALWAYS, OUT | ERROR, PRIORITY)
    found = tuple(
        [thing for thing in each if holds.get(_number(thing), 0) & mask]
        for each, mask in zip(lists, masks, strict=True)
    )
    if timeout == 0 and not any(found) and may_park():
        yield_now()  # who asks again and again lets others run
    return found  # type: ignore[return-value]


def install(ocalls: Ocalls, table: Descriptors) -> None:
    """From now on `select` is about the enclave's own descriptors."""
    _here.ocalls, _here.table = ocalls, table
    select.select = _select
    select.poll = Poll  # type: ignore[misc,assignment]
    for name in ("epoll", "kqueue", "devpoll"):
        if hasattr(select, name):
            delattr(select, name)
    select.__getattr__ = _absent  # type: ignore[method-assign]


def _absent(name: str) -> NoReturn:
    """`select.epoll`: an AttributeError, so that those who look whether it is there find that it is not."""
    instead = ": use select.poll, as selectors and asyncio do" if name == "epoll" else ""
    raise AttributeError(f"inside, module 'select' has no attribute {name!r}{instead}")
