"""Start an enclave: hand an image to a platform process, and connect. Host world."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

from gotee.boundary import links
from gotee.boundary.link import Link
from gotee.host import ahead
from gotee.image import plain_json


class Image(NamedTuple):
    """What a platform is given: the stream, its signature, and where the files that it names lie."""

    stream: bytes
    signature: bytes
    places: Mapping[str, str]


class Started(NamedTuple):
    """Our ends of the socket to a platform and of the link to the enclave, and how to wait for the platform's end."""

    control: socket.socket
    link: Link
    wait: Callable[[], object]


def start(image: Image, link_kind: str = links.RING) -> Started:
    """Start the platform process, which starts the enclave. Raises OSError if it cannot be started."""
    return connect(ahead.launch(image.stream, image.signature, plain_json.dumps(dict(image.places))), link_kind)


def connect(platform: ahead.Platform, link_kind: str = links.RING) -> Started:
    """Give a platform the other side of a new link: that is what it starts the enclave for."""
    control = socket.socket(fileno=platform.control.detach())
    link, theirs = links.create(link_kind)
    try:
        rights = b"".join(number.to_bytes(4, sys.byteorder) for number in theirs)
        control.sendmsg([b"l"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    except OSError:
        pass  # it has refused the image and ended: what it said is still in the socket
    finally:
        links.close(theirs)
    return Started(control, link, platform.wait)
