"""Messages with descriptors between host, session, daemon and spawner: JSON in one packet. Platform and host world.

A packet comes whole or not at all, so nobody can send half of one. Both sides check everything: the number of
descriptors is exact, and more than fit are closed.
"""

from __future__ import annotations

import _socket
import array
import json
import os
import socket
from collections.abc import Iterable, Sequence
from typing import Any, Final

MOST_BYTES: Final = 96 << 10  # of a packet
MOST_DESCRIPTORS: Final = 200  # of a packet; the kernel takes 253
_SPACE = socket.CMSG_SPACE(253 * 4)


class Broken(Exception):
    """The other side does not keep to the protocol, or is gone."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(peer: _socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send one message. Raises OSError if nobody receives."""
    data = json.dumps(message).encode()
    if len(data) > MOST_BYTES:
        raise Broken("the message is too long")
    if descriptors:
        rights = array.array("i", descriptors)
        peer.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    else:
        peer.send(data)


def receive(peer: _socket.socket, expected: int | None = 0) -> tuple[dict[str, Any], list[int]]:
    """One message with exactly `expected` descriptors (None: any number), which are close-on-exec.

    Raises Broken; TimeoutError or BlockingIOError, as the socket is set, if there is none.

    >>> near, far = pair()
    >>> send(near, {"hello": 1})
    >>> receive(far)
    ({'hello': 1}, [])
    >>> near.close()
    >>> receive(far)
    Traceback (most recent call last):
        ...
    gotee.platform.service.wire.Broken: the other side is gone
    >>> far.close()
    """
    try:
        try:
            data, ancillary, flags, _ = peer.recvmsg(MOST_BYTES, _SPACE, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:  # said once, before what came: the other side closed and had not read everything
            data, ancillary, flags, _ = peer.recvmsg(MOST_BYTES, _SPACE, socket.MSG_CMSG_CLOEXEC)
    except (ConnectionError, BrokenPipeError):
        raise Broken("the other side is gone") from None
    descriptors = _descriptors(ancillary)
    try:
        if not data:
            raise Broken("the other side is gone")
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise Broken("the message is too long")
        if expected is not None and len(descriptors) != expected:
            raise Broken(f"the message has {len(descriptors)} descriptors, expected {expected}")
        return _plain(data), descriptors
    except Broken:
        close(descriptors)
        raise


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)


def _plain(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Broken("the message is no JSON object")
    return message


def close(descriptors: Iterable[int]) -> None:
    """Close them all."""
    for descriptor in descriptors:
        os.close(descriptor)
