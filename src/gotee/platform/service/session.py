"""One host's session: take its image, verify it, have its enclave started, stay until either ends. Platform world.

It runs as the platform's user, in a process of its own, which the daemon forked. Everything that comes from the host is
hostile; it has `patience` seconds until its image is complete. The protocol, in packets (see `wire`):

    host      {"gotee": 1, "link": N, "require": layers}, the stream, the signature, N descriptors of a side of the link
              (with "wait": true the program's own code waits until the host says {"go": true})
    platform  {"wanted": [path, ...]} for files that the installed base does not have, at most 200 at a time
    host      {} and one sealed memory for each, in that order
    platform  {"starting": true}, or {"refused": reason}
    platform  {"status": S}, {"unconfined": reason} or {"ended": reason}, the last

Or the host says {"gotee": 1, "status": true}, and gets how many enclaves run, and how many of them are its user's.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from gotee.errors import ImageError
from gotee.image.load import FIRST as STAGE_FIRST
from gotee.image.load import NAMED, REST, START, Loading, verify
from gotee.image.manifest import SOURCE, Listed
from gotee.image.sgxs import MOST_BYTES
from gotee.platform import birth, sandbox
from gotee.platform.answers import Answers
from gotee.platform.footing import Footing
from gotee.platform.identity import einit
from gotee.platform.news import drain, watch
from gotee.platform.required import VERSION
from gotee.platform.service import kinds, wire
from gotee.platform.service.base import Base
from gotee.platform.service.kept import Waiting, ask
from gotee.platform.service.settings import Settings
from gotee.platform.words import Words

LEVEL = "service"
_GOODBYE = 0.5  # seconds for the last news to reach a host
_ANSWER = 5.0  # seconds that the daemon has to say whether it keeps an interpreter
_UNEXPECTEDLY = "the platform ended unexpectedly"


class _Taken(NamedTuple):
    """A verified image: its files, our copies of what the host handed over, and whether its ground is the base's."""

    loading: Loading
    link: list[int]
    handed: list[int]
    of_base: bool


class _PlatformEnded(Exception):
    """The spawner is gone, or going."""


class Session:
    """The session of one connected host."""

    def __init__(
        self,
        settings: Settings,
        host: socket.socket,
        alive: int,
        spawner: socket.socket,
        daemon: socket.socket,
        base: Base,
        told: Mapping[str, object],
    ) -> None:
        self._settings = settings
        self._host = host
        self._alive = alive  # a pidfd of the process that connected, or -1: somebody else may hold its socket
        self._spawner = spawner
        self._daemon = daemon
        self._alone = False  # the daemon has closed its descriptor of the host's socket
        self._base = base
        self._waits = False  # before the program's own code, until the host asks for it
        self._told = told
        self._require: object = ""  # as GOTEE_REQUIRE
        self._left = settings.image_bytes

    def run(self) -> None:
        """From the first packet to the end."""
        signal.signal(signal.SIGALRM, self._out_of_patience)
        signal.alarm(self._settings.patience)
        try:
            hello, descriptors = wire.receive(self._host, None)
            if hello == {"gotee": VERSION, "status": True} and not descriptors:
                return self.tell({**self._told})
            taken = self._image(hello, descriptors)
            signal.alarm(0)
            self._start(taken)
        except _PlatformEnded as ended:
            self.tell({"ended": str(ended)})
        except (ImageError, wire.Broken, OSError, ValueError) as error:
            self.tell({"refused": str(error)})
        finally:
            self._leave()

    def tell(self, news: dict[str, object]) -> None:
        """Tell the host, if it listens; nobody waits for it."""
        try:
            self._host.settimeout(_GOODBYE)
            wire.send(self._host, news)
        except OSError:
            pass

    def _leave(self) -> None:
        """Until the enclave is gone, however long that takes: so long it counts as one of its host's user."""
        self._await_alone()
        try:
            self._host.close()
            self._spawner.shutdown(socket.SHUT_WR)
            self._spawner.settimeout(None)
            while True:
                wire.receive(self._spawner)
        except (OSError, wire.Broken):
            pass  # the spawner closes its end when that is so

    def _await_alone(self) -> None:
        """What a host has sent may take long to end: not the daemon must do that (see `closing`), but this process."""
        if not self._alone:
            self._alone = True
            try:
                self._daemon.settimeout(_ANSWER)
                wire.receive(self._daemon)
            except (OSError, wire.Broken):
                pass

    def _out_of_patience(self, number: int, frame: object) -> NoReturn:
        seconds = self._settings.patience
        self.tell({"refused": f"the image was not complete after {seconds} seconds (`patience` of the service)"})
        os._exit(1)

    # -- taking ------------------------------------------------------------------------------------------------

    def _image(self, hello: dict[str, object], descriptors: list[int]) -> _Taken:
        count = hello.get("link")
        if hello.get("gotee") != VERSION:
            raise ImageError("the platform speaks another version of the protocol: install the same version of gotee")
        if type(count) is not int or count not in (1, 4) or len(descriptors) != 2 + count:
            raise ImageError(f"the first packet has {len(descriptors)} descriptors, which are no image and link")
        self._require, self._waits = hello.get("require", ""), hello.get("wait") is True
        stream = self._bytes(descriptors[0], MOST_BYTES, "the image")
        signature = self._bytes(descriptors[1], 1 << 16, "the signature")
        kinds.require_link(descriptors[2:])
        wire.close(descriptors[:2])
        verified = verify(stream, signature)
        base = self._base.footing
        of_base = base is not None and base.ground == verified.ground
        places, handed = self._places([file for file in sorted(verified.manifest.files) if file.role != SOURCE])
        # Files that only root can write are verified when they are loaded; what a host has handed over, now.
        installed = {path for path, place in places.items() if place.startswith(f"{self._settings.base}/")}
        there = base.files if base is not None and of_base else None
        loading = Loading(stream, signature, places, sources=False, put_off=installed, verified=verified, there=there)
        loading.finish(STAGE_FIRST)
        return _Taken(loading, descriptors[2:], handed, of_base)

    def _bytes(self, descriptor: int, most: int, what: str) -> bytes:
        """A private copy of handed-over memory."""
        size = kinds.require_constant(descriptor, what)
        if size > most or not self._spend(size):
            raise ImageError(f"{what} has {size} bytes, which is more than this platform takes")
        pieces = []
        offset = 0
        while offset < size and (piece := os.pread(descriptor, size - offset, offset)):
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)

    def _places(self, listed: list[Listed]) -> tuple[dict[str, str], list[int]]:
        """Where each file lies: in the installed base, or in memory that the host hands over now.

        `Loading` copies each once and verifies the copy. Memory of the host is copied although it is sealed: pages that
        a host has mapped would tell it, by the time that reading them takes, which of them the enclave uses.
        """
        found: dict[str, str] = {}
        handed: list[int] = []
        for file in listed:
            installed = f"{self._settings.base}/{file.sha256}"
            if not self._spend(file.size):
                most = self._settings.image_bytes
                raise ImageError(f"the image and its files have more than {most} bytes (`image_bytes` of the service)")
            if os.path.isfile(installed):
                found[file.path] = installed
        wanted = [file for file in listed if file.path not in found]
        for start in range(0, len(wanted), wire.MOST_DESCRIPTORS):
            some = wanted[start : start + wire.MOST_DESCRIPTORS]
            wire.send(self._host, {"wanted": [file.path for file in some]})
            _, descriptors = wire.receive(self._host, len(some))
            handed += descriptors
            for file, descriptor in zip(some, descriptors, strict=True):
                kinds.require_constant(descriptor, file.path)
                found[file.path] = f"/proc/self/fd/{descriptor}"
        return found, handed

    def _spend(self, size: int) -> bool:
        self._left -= size
        return self._left >= 0

    # -- running -----------------------------------------------------------------------------------------------

    def _start(self, taken: _Taken) -> None:
        """Have an interpreter handed the image: one that was kept for the next session, or one that is started now."""
        loading, loaded = taken.loading, taken.loading.loaded
        answers = Answers(einit(loaded.measurement, loaded.signature, LEVEL), self._settings.state, loading.fill)
        plan = sandbox.contents(sandbox.ceilings_of(loaded.manifest.program), str(self._require))
        ground = loading.ground.paths
        given = birth.of_image(ground, loaded, answers.inside.fileno(), taken.link)
        waiting = self._kept() if taken.of_base else None
        try:
            if waiting is not None:
                birth.hand_over(waiting.gate, ground, loaded, given, plan)
        except OSError:
            waiting = None  # it was killed just now
        waiting = waiting or self._begun(taken, given, plan)
        answers.inside.close()
        self._spawner = waiting.spawner
        loading.finish(REST)
        loading.finish(NAMED)
        wire.close((*taken.handed, *taken.link, *set(loaded.descriptors).difference(loading.empty)))
        self.tell({"starting": True})
        if not self._waits:
            birth.go_on(waiting.gate)
        self._watch(waiting, answers, loaded.signature.debug)

    def _kept(self) -> Waiting | None:
        """The interpreter that the daemon keeps, if it has one of the base that this session knows."""
        self._await_alone()
        try:
            self._daemon.settimeout(_ANSWER)
            wire.send(self._daemon, {"ground": self._base.name.hex()})
            _, found = wire.receive(self._daemon, None)
        except (OSError, wire.Broken):
            return None
        if len(found) != 3:
            wire.close(found)
            return None
        return Waiting(socket.socket(fileno=found[0]), socket.socket(fileno=found[1]), found[2])

    def _begun(self, taken: _Taken, given: list[int], plan: dict[str, Any]) -> Waiting:
        """Start an interpreter. It inherits all of the image, and waits where it would use what is not verified yet."""
        loading = taken.loading
        footing = self._base.footing if taken.of_base else None
        if footing is None:
            footing = Footing(loading.ground, {**loading.loaded.archives, **loading.loaded.natives})
        gate, inside = wire.pair()
        last_words, standard_error = os.pipe()
        beginning, first = sandbox.beginning(), birth.script()
        begins, numbers = birth.numbered(footing, len(given))
        own = footing.readers()
        self._ask(begins, (beginning, standard_error, *own, first, inside.fileno(), *given))
        inside.close()
        wire.close((beginning, standard_error, first, *own))
        footing.close()
        loading.finish(START)
        birth.go_on(gate)
        try:
            birth.hand_over(gate, loading.ground.paths, loading.loaded, given, plan, numbers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended: whoever watches it will see
        return Waiting(self._spawner, gate, last_words)

    def _ask(self, begins: birth.Birth, descriptors: tuple[int, ...]) -> None:
        try:
            ask(self._spawner, begins, descriptors)
        except OSError:
            pass  # it is gone, and may have said why
        try:
            answer, _ = wire.receive(self._spawner)
        except (OSError, wire.Broken):
            raise _PlatformEnded(_UNEXPECTEDLY) from None
        if "stop" in answer:
            raise _PlatformEnded(str(answer["stop"]))
        if "pid" not in answer:
            raise ImageError(str(answer.get("refused") or "the enclave could not be started"))

    def _watch(self, waiting: Waiting, answers: Answers, debug: bool) -> None:
        """Until the host, its process, the enclave or the platform ends."""
        words = Words(_keep_quiet, debug=debug)
        ends = [self._host.fileno(), self._spawner.fileno()]
        if self._alive >= 0:
            ends.append(self._alive)
        try:
            while watch(ends, waiting.last_words, words.hear, answers) == {self._host.fileno()} and self._asks():
                birth.go_on(waiting.gate)
        except ImageError as error:  # the enclave needs a file that was changed: it ends with this process
            return self.tell({"ended": str(error)})
        self._spawner.settimeout(0)
        try:
            news, _ = wire.receive(self._spawner)
        except BlockingIOError:
            return None  # the host is gone: the spawner kills the enclave when this process leaves
        except wire.Broken:
            news = {"stop": _UNEXPECTEDLY}
        if "stop" in news:
            return self.tell({"ended": news["stop"]})
        drain(waiting.last_words, words.hear)  # nobody has its other end any more
        status = int(news["status"])
        refusal = words.end(status)
        self.tell({"status": status} if refusal is None else {"unconfined": refusal})
        return None

    def _asks(self) -> bool:
        """Whether a host that has its enclave wait asks for the program's own code; once."""
        if not self._waits:
            return False
        self._waits = False
        self._host.settimeout(0)
        try:
            return wire.receive(self._host)[0] == {"go": True}
        except (OSError, wire.Broken):
            return False


def _keep_quiet(said: bytes) -> None:
    """What an enclave says on its real standard error has no place to go: the host's own is not the platform's."""
