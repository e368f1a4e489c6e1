"""A fresh interpreter that waits for the next session: started ahead on the installed base, used once. Platform world.

`daemon` keeps one. It was executed, not forked from another that is used; it has a user of its own, runs gotee's own
rooms of the verified base, and waits at its gate, which nobody but the daemon and then one session has. A session that
has verified an image of the same ground asks for it by the ground's name, and hands it the image: from then on it is an
enclave like all others, ended with its session. Whatever is the matter with it, it ends, and sessions start their own.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import NamedTuple

from gotee.platform import birth, sandbox
from gotee.platform.service import wire
from gotee.platform.service.base import Base

FAILURES = 3  # in a row, and none is started until the base changes


class Waiting(NamedTuple):
    """One that waits: the spawner's news of it, its gate, and its last words."""

    spawner: socket.socket
    gate: socket.socket
    last_words: int

    @property
    def descriptors(self) -> tuple[int, int, int]:
        """As they are handed on."""
        return self.spawner.fileno(), self.gate.fileno(), self.last_words


class Keeper:
    """At most one interpreter of a base, that nobody uses yet."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._waiting: Waiting | None = None
        self._name = b""
        self._ready = False  # the spawner has said that it runs
        self._failures = 0

    @property
    def count(self) -> int:
        """How many wait."""
        return int(self._waiting is not None)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a session that was not given it must close."""
        return () if self._waiting is None else self._waiting.descriptors

    def fill(self, master: socket.socket) -> int | None:
        """Start one if none waits; the descriptor with news of it, None if that failed, which ends nothing else.

        `master` is the daemon's socket to the spawner.
        """
        footing = self._base.footing
        if self._waiting is not None or footing is None or self._failures >= FAILURES:
            return None
        try:
            with ExitStack() as lent, ExitStack() as ours:
                near, far = wire.pair()
                ours.enter_context(near)
                lent.enter_context(far)
                gate, inside = wire.pair()
                ours.enter_context(gate)
                lent.enter_context(inside)
                last_words, standard_error = os.pipe()
                ours.callback(os.close, last_words)
                lent.callback(os.close, standard_error)
                plan = sandbox.beginning()
                lent.callback(os.close, plan)
                first = birth.script()
                lent.callback(os.close, first)
                own = footing.readers()
                lent.callback(wire.close, own)
                wire.send(master, {"kept": True}, [far.fileno()])  # it may receive: sessions cannot ask for that
                ask(near, birth.numbered(footing)[0], (plan, standard_error, *own, first, inside.fileno()))
                ours.pop_all()
        except OSError:
            return None
        birth.go_on(gate)  # what it begins with is verified
        self._waiting, self._name, self._ready = Waiting(near, gate, last_words), self._base.name, False
        return near.fileno()

    def hear(self) -> bool:
        """Take the spawner's news; False if it has ended, or could not begin."""
        if self._waiting is None:
            return False
        try:
            news, _ = wire.receive(self._waiting.spawner)
        except (OSError, wire.Broken):
            news = {}
        if "pid" in news and not self._ready:
            self._ready = True
            return True
        self._failures += 1
        return False

    def fits(self, name: bytes) -> bool:
        """Whether one waits that runs and is of the ground with this name. Whoever hands it on drops it here."""
        return self._waiting is not None and self._ready and name == self._name

    def drop(self) -> tuple[int, ...]:
        """Have none any more. The descriptors are to be closed: then the spawner ends it, unless a session has it."""
        if self._waiting is None:
            return ()
        waiting, self._waiting = self._waiting, None
        return waiting.spawner.detach(), waiting.gate.detach(), waiting.last_words

    def forgive(self) -> None:
        """Try again although some could not begin: there may have been no user number for them."""
        self._failures = 0


def ask(spawner: socket.socket, begins: birth.Birth, descriptors: tuple[int, ...]) -> None:
    """Ask the spawner for an enclave. Raises OSError if it is gone; it may have said why."""
    request = {"program": begins.program, "words": begins.words, "environment": begins.environment}
    for start in range(0, len(descriptors), wire.MOST_DESCRIPTORS):
        some = descriptors[start : start + wire.MOST_DESCRIPTORS]
        last = start + len(some) == len(descriptors)
        wire.send(spawner, request if last else {}, some)
