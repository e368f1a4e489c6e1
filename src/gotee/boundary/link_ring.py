"""The link through shared memory. Both worlds; the platform makes one and hands the other side over.

The two sides share a sealed region (`memory`), two eventfds as bells and a pair of connected sockets, whose end is
how either side learns that the other is gone: a ring alone has no end of file.
"""

from __future__ import annotations

import os

from gotee.boundary.blocks import BLOCK_BYTES, BLOCKS, Blocks
from gotee.boundary.frames import LinkError
from gotee.boundary.link import LANES, MAX_FRAME_BYTES
from gotee.boundary.memory import create_region, region_size
from gotee.boundary.ring import INDEX_BYTES, Ring, region_bytes
from gotee.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import NamedTuple
else:
    from gotee.records import Record as NamedTuple

_BLOCKS_BYTES = BLOCKS * BLOCK_BYTES


class RingDescriptors(NamedTuple):
    """The four descriptors that make one side, from that side's view: close-on-exec, to be passed explicitly.

    As inherited descriptors: `Popen(..., pass_fds=descriptors)` and the numbers as arguments. Over a Unix socket:
    `send_to` and `receive_from`. Close them here after that, or the end of the other side goes unnoticed.
    """

    region: int
    bell: int
    peer_bell: int
    control: int

    def close(self) -> None:
        for descriptor in self:
            os.close(descriptor)

    def send_to(self, peer: socket.socket) -> None:
        """Pass them over a connected Unix socket, with one byte."""
        import socket

        socket.send_fds(peer, [b"r"], list(self))

    @classmethod
    def receive_from(cls, peer: socket.socket) -> RingDescriptors:
        """Receive what `send_to` passed. Raises LinkError if anything else comes."""
        import socket

        data, descriptors, flags, _ = socket.recv_fds(peer, 1, len(cls._fields), socket.MSG_CMSG_CLOEXEC)
        if data == b"r" and len(descriptors) == len(cls._fields) and not flags & socket.MSG_CTRUNC:
            return cls(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        raise LinkError("the peer did not pass the descriptors of a ring")


class RingLink(Ring):
    """A Link through shared memory; see `link.Link` for the contract.

    >>> link, descriptors = RingLink.create(4096)
    >>> other = RingLink.attach(descriptors)  # in the other process
    >>> link.try_send(b"hello"), other.try_recv(), other.try_recv()
    (True, b'hello', None)
    >>> link.close()
    >>> other.peer_closed
    True
    >>> other.close()
    """

    blocks: Blocks | None = None

    @classmethod
    def create(
        cls,
        capacity: int = 1 << 20,
        *,
        max_frame: int = MAX_FRAME_BYTES,
        lanes: int = LANES,
        with_blocks: bool = False,
    ) -> tuple[RingLink, RingDescriptors]:
        """Make a region with rings of `capacity` bytes (a power of two, 4 KiB to 1 GiB), and, behind them, blocks if
        they are wanted; return one side of it and the descriptors of the other. `max_frame` (bytes) and `lanes` must
        be the same on both sides."""
        import _socket  # not inside, where it would bring all that sockets of the program need

        region = create_region(region_bytes(capacity) + (_BLOCKS_BYTES if with_blocks else 0))
        bells = [os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in range(2)]
        near, far = (end.detach() for end in _socket.socketpair())
        descriptors = RingDescriptors(region, os.dup(bells[1]), os.dup(bells[0]), far)
        try:
            link = cls(region, capacity, True, bells[0], bells[1], near, max_frame=max_frame, lanes=lanes)
            if with_blocks:
                link.blocks = Blocks(region, region_bytes(capacity))
        except BaseException:
            descriptors.close()
            for descriptor in (*bells, near):
                os.close(descriptor)
            raise
        return link, descriptors

    @classmethod
    def attach(cls, descriptors: RingDescriptors, *, max_frame: int = MAX_FRAME_BYTES, lanes: int = LANES) -> RingLink:
        """The other side, from the descriptors that `create` gave; the link owns them from here on.

        Raises LinkError, with nothing mapped, if the region is not sealed or not of a size that fits.
        """
        try:
            size = region_size(descriptors.region)
            capacity = (size - INDEX_BYTES) // 2
            with_blocks = not _fits(size, capacity)
            if with_blocks:
                size -= _BLOCKS_BYTES
                capacity = (size - INDEX_BYTES) // 2
            if not _fits(size, capacity):
                raise LinkError(f"the shared memory has {region_size(descriptors.region)} bytes, which is no ring")
            link = cls(
                descriptors.region,
                capacity,
                False,
                descriptors.bell,
                descriptors.peer_bell,
                descriptors.control,
                max_frame=max_frame,
                lanes=lanes,
            )
            if with_blocks:
                link.blocks = Blocks(descriptors.region, size)
        except BaseException:
            descriptors.close()
            raise
        os.close(descriptors.region)  # the mapping keeps it
        return link


def _fits(size: int, capacity: int) -> bool:
    try:
        return region_bytes(capacity) == size
    except UsageError:
        return False
