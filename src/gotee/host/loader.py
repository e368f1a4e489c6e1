"""The enclave of this program: built and started by its first `gosecure`. Host world."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping

from gotee import config
from gotee.boundary import plain_json
from gotee.boundary.limits import put_in_force
from gotee.boundary.policy import Policy
from gotee.boundary.public_errors import MAINS
from gotee.errors import EnclaveLost, GoteeError, ImageError, SecuredRoutineError, UsageError
from gotee.host import ahead, beside, program
from gotee.host.calls import Callee
from gotee.host.enclave import Enclave
from gotee.host.start import Image, Started, connect, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

DEBUGGER = ("pdb", "bdb", "cmd", "code", "codeop", "rlcompleter")  # what an image of `gotee debug` has as well
BANNER = (
    "gotee: --tee process, level development: the enclave is a process of the same user. "
    "No confidentiality or integrity against code of this user.\n"
)
SERVICE_BANNER = (
    "gotee: --tee process, level service: the enclave runs under a user of its own, from a base that this user cannot "
    "write. It is protected from this program and other users; not from root, kernel, hardware.\n"
)


class Loaded:
    """An image's table of entries and the enclave that runs it."""

    def __init__(
        self,
        described: Mapping[str, Any],
        started: Started,
        home: str,
        chosen: config.Config,
        begun: ahead.Begun | None = None,
    ) -> None:
        """`described` is what the image's manifest says of it; relative paths of files begin in `home`.

        `begun` is what was started ahead, from what was remembered of the image's files.
        """
        main, entries = described["main"], described["entries"]
        put_in_force(described["limits"])
        self._table = {(entry[0], entry[1]): number for number, entry in enumerate(entries)}
        self.own_entry = len(entries)  # gotee's own, behind the program's
        self._main = main
        self._begun = begun
        try:
            self.enclave = Enclave(started, Policy(described["policy"]["ocalls"]), home)
        except RuntimeError as error:  # a thread of its own cannot be started
            raise _not_started(str(error)) from None
        if chosen.debug:
            self.enclave.debug()
        if chosen.stats or chosen.trace:
            from gotee.host.observer import Observer

            self.enclave.observe(Observer(chosen.stats, chosen.trace, entries))

    @classmethod
    def of_program(cls, function: Callable[..., Any], chosen: config.Config) -> Loaded:
        """Build the image of the program that secures a function, sign it for development, and start it."""
        from gotee.image.project import build_program
        from gotee.image.settings import find
        from gotee.image.sign import for_development

        with beside.library:
            file, trusted = program.partition_of(function)
            try:
                settings = find(file)
                built = build_program(trusted, settings, extra=DEBUGGER if chosen.debug else ())
                signature = for_development(
                    built.measurement, product_id=settings.product_id, security_version=settings.security_version
                )
            except UsageError as error:  # of pyproject.toml or a key, and not of the call that asked for the enclave
                raise ImageError(str(error)) from None
        image = Image(built.stream, signature, built.places)
        return cls(built.manifest.program, _start(image, chosen), _home(file, settings.file), chosen)

    @classmethod
    def of_image(cls, function: Callable[..., Any], file: str, chosen: config.Config) -> Loaded:
        """Start an image that was built before. Its platform may have been started already."""
        begun = ahead.take(file, chosen.link, chosen.level)
        started = None if begun is None else _go_on(begun)
        if begun is not None and started is not None:
            described = begun.read()
        else:
            from pathlib import Path

            begun, (described, image) = None, _read(Path(file))
            started = _start(image, chosen)
        main = program.file_of(function)
        if set(described["policy"]["ocalls"]) <= {"console"}:
            return cls(described, started, os.path.dirname(os.path.realpath(main)), chosen, begun)
        from pathlib import Path

        from gotee.image.settings import find

        return cls(described, started, _home(Path(main), find(Path(main)).file), chosen, begun)

    def misled(self) -> bool:
        """Whether it was started from places of files that were out of date."""
        return self._begun is not None and not self._begun.still_right()

    def entry(self, function: Callable[..., Any]) -> int:
        """The number of a function in the image's fixed table."""
        module = self._main if function.__module__ in MAINS else function.__module__
        number = self._table.get((module, function.__qualname__))
        if number is None:
            number = self._imported(function)
        if number is None:
            raise SecuredRoutineError(
                f"{module}.{function.__qualname__} is not in the image's table of entries: name it in a "
                f"gosecure({function.__name__}, ...) call of the program, so that the compiler sees it"
            )
        return number

    def callee(self, function: Callable[..., Any]) -> Callee:
        """A function of the table, as `gosecure` calls it. Raises EnclaveLost, or SecuredRoutineError if it is none."""
        if self.enclave.lost is not None:
            raise EnclaveLost(self.enclave.lost)
        return self.enclave.callee(self.entry(function), function)

    def _imported(self, function: Callable[..., Any]) -> int | None:
        """A function that the table knows by another name than its own: `os.path.join` is `posixpath.join`."""
        for (name, attribute), number in self._table.items():
            module = sys.modules.get(name)
            if module is not None and vars(module).get(attribute) is function:
                return number
        return None


def _read(file: Path) -> tuple[dict[str, Any], Image]:
    """An image and what it says of the program; where its files lie is remembered."""
    known = ahead.known(str(file))
    if known is not None:
        return known[0], Image(*known[1:])
    from gotee.image import contents
    from gotee.image.files import read
    from gotee.image.places import places_of
    from gotee.image.sgxs import measurement

    image = read(file)
    if image.signature is None:
        raise ImageError(f"there is no signature {file.with_suffix('.sig')}: `gotee sign` writes one")
    manifest = contents.manifest_of(image.stream)
    places = places_of(manifest)
    if not all(map(os.path.isfile, places.values())):  # the platform says which; it may be here the next time
        return manifest.program, Image(image.stream, image.signature, places)
    with open(file, "rb") as opened:
        hash_of_all = measurement(image.stream)
        ahead.remember(opened.fileno(), places.values(), plain_json.dumps(places), hash_of_all, manifest.program)
    return manifest.program, Image(image.stream, image.signature, places)


def _home(main: Path, settings: Path | None) -> str:
    """The program's folder: that of its pyproject.toml, or of its main file."""
    return str((settings or main.resolve()).parent)


def _go_on(begun: ahead.Begun) -> Started | None:
    """Have the enclave that was begun ahead go on; None if it cannot, and the usual way says why."""
    if begun.level == "development":
        return connect(begun.platform, begun.link)
    from gotee.host import service
    from gotee.platform.service.wire import Broken

    try:
        return service.go_on(begun)
    except (GoteeError, OSError, Broken):
        return None


def _start(image: Image, chosen: config.Config) -> Started:
    """At the level that was chosen."""
    try:
        if chosen.level != "service":
            return start(image, chosen.link)
        from gotee.host import service

        return service.start(image, chosen.link, chosen.platform, chosen.require)
    except OSError as error:
        raise _not_started(error.strerror or str(error)) from None


def _not_started(reason: str) -> EnclaveLost:
    return EnclaveLost(f"no enclave can be started here: {reason}; `gotee doctor` says what is missing")


def prepare(begun: ahead.Begun) -> None:
    """Read the image, and import what a first call needs, while its platform and enclave begin."""
    from gotee.boundary import crossing  # noqa: F401
    from gotee.tee import process  # noqa: F401

    try:
        begun.read()
    except GoteeError:
        pass  # the first call says what is the matter
    if begun.level == "service":
        from gotee.host import service

        service.prepare(begun)


_loaded: Loaded | None = None
_starting: Loaded | None = None
_told = False
_loading = threading.Lock()


def load(function: Callable[..., Any]) -> Loaded:
    """Build and start the enclave of the program that secures a function, once. Raises CompileError."""
    global _loaded, _starting
    if _loaded is not None:
        return _loaded
    with _loading:  # nobody parks in here: the next routine of the same thread would stop it for ever
        found = _loaded or _starting
        if found is None:
            found = _starting = _begun(function)
    try:
        found.enclave.wait_ready()
    except GoteeError as error:  # the next call tries again; a cancelled one lets the enclave come up for others
        if _starting is found:
            _starting = None
        if isinstance(error, ImageError) and found.misled():
            return load(function)  # the places are looked up
        raise
    _loaded = found
    return found


def _begun(function: Callable[..., Any]) -> Loaded:
    global _told
    chosen = config.from_environment()
    if chosen.image is not None:
        loaded = Loaded.of_image(function, chosen.image, chosen)
    else:
        loaded = Loaded.of_program(function, chosen)
    if sys.stderr is not None and not _told:
        sys.stderr.write(SERVICE_BANNER if chosen.level == "service" else BANNER)
    _told = True
    return loaded
