"""Start an enclave at level service: hand an image to the daemon, and connect. Host world.

The daemon trusts nothing of this; see gotee.platform.service.session for the packets.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from gotee.boundary import links, plain_json
from gotee.errors import EnclaveLost, GoteeError, ImageError, UsageError
from gotee.host import ahead
from gotee.host.service_status import connect
from gotee.host.start import Image, Started
from gotee.image.memory import memory
from gotee.platform.required import VERSION
from gotee.platform.service import wire

if TYPE_CHECKING:
    import _socket


def start(image: Image, link_kind: str, path: str, require: str = "") -> Started:
    """Have an enclave started by the service at `path`.

    Raises UsageError if there is no service, ImageError if it refuses the image or has no room for another enclave,
    EnclaveLost if it ends meanwhile.
    """
    control = connect(path)
    link, theirs = links.create(link_kind)
    try:
        given = [memory("gotee-image", image.stream), memory("gotee-image", image.signature)]
        try:
            hello = {"gotee": VERSION, "link": len(theirs), "require": require}
            wire.send(control, hello, [*given, *theirs])
        finally:
            links.close([*given, *theirs])
        while _answer_once(control, image):
            pass
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


def _answer_once(control: _socket.socket, image: Image) -> bool:
    """Hand over what is asked for next; False when the enclave is being started."""
    news, _ = wire.receive(control)
    wanted = news.get("wanted")
    told = _meaning(news)
    if told is not None:
        raise told
    if "starting" in news:
        return False
    if not isinstance(wanted, list):
        raise UsageError("the service speaks another version of the protocol: install the same version of gotee")
    files: list[int] = []
    try:
        for name in wanted:
            files.append(_file(image, str(name)))  # noqa: PERF401 - those that were opened are closed
        wire.send(control, {}, files)
    finally:
        links.close(files)
    return True


def prepare(begun: ahead.Begun) -> None:
    """Hand over what the service has asked for so far, if an enclave was begun ahead."""
    try:
        news = select.poll()  # select() takes no descriptor above 1023
        news.register(begun.platform.control, select.POLLIN)
        while begun.handing and news.poll(0):
            begun.handing = _answer_once(begun.platform.control, _image(begun))
    except (GoteeError, OSError, wire.Broken):
        pass  # the first call says what is the matter


def go_on(begun: ahead.Begun) -> Started:
    """Have an enclave that was begun ahead go on with its program; as `start`."""
    control = begun.platform.control
    try:
        while begun.handing:
            begun.handing = _answer_once(control, _image(begun))
        wire.send(control, {"go": True})
    except BaseException:
        begun.end()
        raise
    return Started(control, begun.link, begun.platform.wait)


def _image(begun: ahead.Begun) -> Image:
    """As it was begun. Raises ImageError if what is remembered of its files is damaged."""
    try:
        places = plain_json.loads(begun.places)
    except (ValueError, RecursionError):
        places = None
    if not isinstance(places, dict) or not all(type(place) is str for place in places.values()):
        raise ImageError("what is remembered of the places of the image's files is damaged")
    return Image(begun.stream, begun.signature, places)


def _told(control: _socket.socket) -> GoteeError | None:
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
    return memory("gotee-image", data)
