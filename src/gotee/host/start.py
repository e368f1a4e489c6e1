"""Start an enclave: hand an image to a platform process, and connect. Host world."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gotee.boundary import links, plain_json
from gotee.boundary.link import Link
from gotee.host import ahead

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import NamedTuple
else:
    from gotee.records import Record as NamedTuple


class Image(NamedTuple):
    """What a platform is given: the stream, its signature, and where the files that it names lie."""

    stream: bytes
    signature: bytes
    places: Mapping[str, str]


class Started(NamedTuple):
    """Our ends of the socket to a platform and of the link to the enclave, and how to wait for the platform's end."""

    control: _socket.socket
    link: Link
    wait: Callable[[], object]


def start(image: Image, link_kind: str = links.RING) -> Started:
    """Start the platform process, which starts the enclave. Raises OSError if it cannot be started."""
    platform = ahead.launch()
    ahead.give(platform, image.stream, image.signature, plain_json.dumps(dict(image.places)))
    return connect(platform, ahead.offer(platform.control, link_kind))


def connect(platform: ahead.Platform, link: Link) -> Started:
    """Have the enclave at the other side of a link go on with its program."""
    ahead.ask(platform.control)
    return Started(platform.control, link, platform.wait)
