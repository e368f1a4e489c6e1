"""Start an enclave at level service: hand an image to the daemon, and connect. Host world.

The daemon trusts nothing of this; see gotee.platform.service.session for the packets.
"""

from __future__ import annotations

import fcntl
import os
import socket
from typing import Any

from gotee.boundary import links
from gotee.errors import EnclaveLost, GoteeError, ImageError, UsageError
from gotee.host.service_status import connect
from gotee.host.start import Image, Started
from gotee.platform.service import wire

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def start(image: Image, link_kind: str, path: str, require: str = "") -> Started:
    """Have an enclave started by the service at `path`.

    Raises UsageError if there is no service, ImageError if it refuses the image or has no room for another enclave,
    EnclaveLost if it ends meanwhile.
    """
    control = connect(path)
    link, theirs = links.create(link_kind)
    try:
        given = [_sealed(image.stream), _sealed(image.signature)]
        try:
            hello = {"gotee": wire.VERSION, "link": len(theirs), "require": require}
            wire.send(control, hello, [*given, *theirs])
        finally:
            links.close([*given, *theirs])
        _answer(control, image)
    except BaseException as error:
        told = _told(control) if isinstance(error, OSError) else None
        control.close()
        link.close()
        if told is not None:
            raise told from None
        if isinstance(error, (wire.Broken, ConnectionError)):
            raise _ended(f"{path} has closed the connection") from None
        raise
    return Started(control, link, lambda: None)


def _answer(control: socket.socket, image: Image) -> None:
    """Hand over what is asked for, until the enclave is being started."""
    while True:
        news, _ = wire.receive(control)
        wanted = news.get("wanted")
        told = _meaning(news)
        if told is not None:
            raise told
        if "starting" in news:
            return
        if not isinstance(wanted, list):
            raise UsageError("the service speaks another version of the protocol: install the same version of gotee")
        files: list[int] = []
        try:
            for name in wanted:
                files.append(_file(image, str(name)))  # noqa: PERF401 - those that were opened are closed
            wire.send(control, {}, files)
        finally:
            links.close(files)


def _told(control: socket.socket) -> GoteeError | None:
    """What a service said that ended the connection while it was written to."""
    try:
        news, _ = wire.receive(control)
    except (OSError, wire.Broken):
        return None
    return _meaning(news)


def _meaning(news: dict[str, Any]) -> GoteeError | None:
    if "refused" in news:
        return ImageError(str(news["refused"]))
    return _ended(str(news["ended"])) if "ended" in news else None


def _ended(reason: str) -> EnclaveLost:
    return EnclaveLost(f"the service ended while the enclave was being started: {reason}")


def _file(image: Image, name: str) -> int:
    place = image.places.get(name, "(nowhere)")
    try:
        with open(place, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ImageError(
            f"{name}, which the image names, cannot be read at {place}: {error.strerror}; build the image again"
        ) from None
    return _sealed(data)


def _sealed(data: bytes) -> int:
    """Sealed memory: the service takes nothing else."""
    descriptor = os.memfd_create("gotee-image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor
