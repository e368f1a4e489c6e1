"""The kinds of link, by name, and how one is handed to another process. Both worlds, where they start."""

from __future__ import annotations

import os

from gotee.boundary.frames import LinkError
from gotee.boundary.link import Link
from gotee.boundary.link_ring import RingDescriptors, RingLink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

RING: Final = "ring"
STREAM: Final = "stream"
KINDS: Final = (RING, STREAM)


def create(kind: str = RING) -> tuple[Link, tuple[int, ...]]:
    """Our side of a new link, and the descriptors that make the other side; close them once they are handed over.

    They are close-on-exec: name them in `pass_fds`.

    >>> link, descriptors = create("stream")
    >>> other = attach(descriptors)
    >>> link.try_send(b"hello"), other.wait(), other.try_recv()
    (True, True, b'hello')
    >>> link.close(), other.close()
    (None, None)
    """
    if kind == RING:
        return RingLink.create(with_blocks=True)
    import socket

    from gotee.boundary.link_stream import StreamLink

    near, far = socket.socketpair()
    return StreamLink(near), (far.detach(),)


def attach(descriptors: Sequence[int]) -> Link:
    """The other side, from the descriptors that `create` gave; it owns them from here on.

    Raises LinkError if they make no link.
    """
    if len(descriptors) == len(RingDescriptors._fields):
        return RingLink.attach(RingDescriptors(*descriptors))
    if len(descriptors) == 1:
        import socket

        from gotee.boundary.link_stream import StreamLink

        return StreamLink(socket.socket(fileno=descriptors[0]))
    raise LinkError(f"{len(descriptors)} descriptors make no link")


def close(descriptors: Sequence[int]) -> None:
    """Close descriptors that were handed over."""
    for descriptor in descriptors:
        os.close(descriptor)
