"""One host's session: take its image, verify it, have its enclave started, stay until either ends. Platform world.

It runs as the platform's user, in a process of its own, which the daemon forked. Everything that comes from the host is
hostile; it has `patience` seconds until its image is complete. The protocol, in packets (see `wire`):

    host      {"gotee": 1, "link": N, "require": layers}, the stream, the signature, N descriptors of a side of the link
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
from typing import NoReturn

from gotee.errors import ImageError
from gotee.image.load import FIRST as STAGE_FIRST
from gotee.image.load import NAMED, REST, START, Loaded, Loading, verify
from gotee.image.manifest import SOURCE, Listed
from gotee.image.sgxs import MOST_BYTES
from gotee.platform import birth, early, sandbox
from gotee.platform.answers import Answers
from gotee.platform.identity import einit
from gotee.platform.news import drain, watch
from gotee.platform.service import kinds, wire
from gotee.platform.service.child import FIRST
from gotee.platform.service.settings import Settings
from gotee.platform.words import Words

LEVEL = "service"
_GOODBYE = 0.5  # seconds for the last news to reach a host
_UNEXPECTEDLY = "the platform ended unexpectedly"


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
        told: Mapping[str, object],
    ) -> None:
        self._settings = settings
        self._host = host
        self._alive = alive  # a pidfd of the process that connected, or -1: somebody else may hold its socket
        self._spawner = spawner
        self._told = told
        self._require: object = ""  # as GOTEE_REQUIRE
        self._left = settings.image_bytes

    def run(self) -> None:
        """From the first packet to the end."""
        signal.signal(signal.SIGALRM, self._out_of_patience)
        signal.alarm(self._settings.patience)
        try:
            hello, descriptors = wire.receive(self._host, None)
            if hello == {"gotee": wire.VERSION, "status": True} and not descriptors:
                return self.tell({**self._told})
            loading, link, handed = self._image(hello, descriptors)
            signal.alarm(0)
            self._start(loading, link, handed)
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
        try:
            self._host.close()
            self._spawner.shutdown(socket.SHUT_WR)
            self._spawner.settimeout(None)
            while True:
                wire.receive(self._spawner)
        except (OSError, wire.Broken):
            pass  # the spawner closes its end when that is so

    def _out_of_patience(self, number: int, frame: object) -> NoReturn:
        seconds = self._settings.patience
        self.tell({"refused": f"the image was not complete after {seconds} seconds (`patience` of the service)"})
        os._exit(1)

    # -- taking ------------------------------------------------------------------------------------------------

    def _image(self, hello: dict[str, object], descriptors: list[int]) -> tuple[Loading, list[int], list[int]]:
        count = hello.get("link")
        if hello.get("gotee") != wire.VERSION:
            raise ImageError("the platform speaks another version of the protocol: install the same version of gotee")
        if type(count) is not int or count not in (1, 4) or len(descriptors) != 2 + count:
            raise ImageError(f"the first packet has {len(descriptors)} descriptors, which are no image and link")
        self._require = hello.get("require", "")
        stream = self._bytes(descriptors[0], MOST_BYTES, "the image")
        signature = self._bytes(descriptors[1], 1 << 16, "the signature")
        kinds.require_link(descriptors[2:])
        wire.close(descriptors[:2])
        verified = verify(stream, signature)
        places, handed = self._places([file for file in sorted(verified[0].files) if file.role != SOURCE])
        # Files that only root can write are verified when they are loaded; what a host has handed over, now.
        installed = {path for path, place in places.items() if place.startswith(f"{self._settings.base}/")}
        loading = Loading(stream, signature, places, sources=False, put_off=installed, verified=verified)
        loading.finish(STAGE_FIRST)
        return loading, descriptors[2:], handed

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

    def _start(self, loading: Loading, link: list[int], handed: list[int]) -> None:
        """Start the interpreter, which is verified; it waits where it would use what is not yet."""
        loaded = loading.loaded
        answers = Answers(einit(loaded.measurement, loaded.signature, LEVEL), self._settings.state, loading.fill)
        last_words, standard_error = os.pipe()
        waiting, gate = os.pipe()
        plan = sandbox.plan(sandbox.ceilings_of(loaded.manifest.program), str(self._require))
        modules, script = early.archive(loaded), birth.script()
        numbered, numbers = _renumber(loaded, len(link) + 4)
        asks, wait, archive, first = numbers[-4:]
        enclave = birth.plan(numbered, tuple(numbers[:-4]), asks, wait, archive, first)
        own = (*loaded.descriptors, *link, answers.inside.fileno(), waiting, modules, script)
        self._ask(enclave, (plan, standard_error, *own))
        answers.inside.detach()
        wire.close({*own, plan, standard_error}.difference(loaded.descriptors))
        loading.finish(START)
        _open(gate)
        loading.finish(REST)
        loading.finish(NAMED)
        wire.close((*handed, *set(loaded.descriptors).difference(loading.empty)))
        _open(gate)
        self.tell({"starting": True})
        self._watch(last_words, answers, loaded.signature.debug)

    def _ask(self, enclave: birth.Birth, descriptors: tuple[int, ...]) -> None:
        for start in range(0, len(descriptors), wire.MOST_DESCRIPTORS):
            some = descriptors[start : start + wire.MOST_DESCRIPTORS]
            last = start + len(some) == len(descriptors)
            try:
                wire.send(self._spawner, _request(enclave) if last else {}, some)
            except OSError:
                break  # it is gone, and may have said why
        try:
            answer, _ = wire.receive(self._spawner)
        except (OSError, wire.Broken):
            raise _PlatformEnded(_UNEXPECTEDLY) from None
        if "stop" in answer:
            raise _PlatformEnded(str(answer["stop"]))
        if "pid" not in answer:
            raise ImageError(str(answer.get("refused") or "the enclave could not be started"))

    def _watch(self, last_words: int, answers: Answers, debug: bool) -> None:
        """Until the host, its process, the enclave or the platform ends."""
        words = Words(_keep_quiet, debug=debug)
        ends = [self._host.fileno(), self._spawner.fileno()]
        if self._alive >= 0:
            ends.append(self._alive)
        try:
            watch(ends, last_words, words.hear, answers)
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
        drain(last_words, words.hear)  # nobody has its other end any more
        status = int(news["status"])
        refusal = words.end(status)
        self.tell({"status": status} if refusal is None else {"unconfined": refusal})


def _keep_quiet(said: bytes) -> None:
    """What an enclave says on its real standard error has no place to go: the host's own is not the platform's."""


def _open(gate: int) -> None:
    """Let the enclave go on."""
    try:
        os.write(gate, b"1")
    except BrokenPipeError:
        pass  # it has ended: whoever watches it will see


def _request(enclave: birth.Birth) -> dict[str, object]:
    return {"program": enclave.program, "words": enclave.words, "environment": enclave.environment}


def _renumber(loaded: Loaded, more: int) -> tuple[Loaded, list[int]]:
    """The image with the numbers that its descriptors have in the enclave, and so many numbers that follow."""
    places = iter(range(FIRST, 1 << 20))
    contents = next(places)
    archives = {path: next(places) for path in loaded.archives}
    natives = {path: next(places) for path in loaded.natives}
    numbered = Loaded(
        loaded.manifest, loaded.signature, loaded.measurement, contents, loaded.boot, loaded.early, archives, natives
    )
    return numbered, [next(places) for _ in range(more)]
