"""What a descriptor is that somebody else handed over: each is looked at before it is used. Platform world.

A pipe, a file on a disk or a socket that answers slowly would let a host stop whoever reads it; a file whose size can
change kills who maps it; a socket that listens is no link.
"""

from __future__ import annotations

import fcntl
import os
import socket

from gotee.errors import ImageError

_FIXED = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
_CONSTANT = _FIXED | fcntl.F_SEAL_WRITE


def require_constant(descriptor: int, what: str) -> int:
    """An anonymous file that nobody can write or resize any more; its size. Raises ImageError."""
    if _seals(descriptor) & _CONSTANT != _CONSTANT:
        raise ImageError(f"{what} has to be handed over as sealed memory (memfd_create, F_ADD_SEALS)")
    return os.fstat(descriptor).st_size


def require_link(descriptors: list[int]) -> None:
    """The descriptors of one side of a ring (region, two bells, control) or of a stream. Raises ImageError."""
    if len(descriptors) == 4:
        region, bell, other_bell, control = descriptors
        seals = _seals(region)
        if seals & _FIXED != _FIXED or seals & fcntl.F_SEAL_WRITE:
            raise ImageError("the link's memory is no anonymous file of a fixed size")
        for descriptor in (bell, other_bell):
            if os.readlink(f"/proc/self/fd/{descriptor}") != "anon_inode:[eventfd]":
                raise ImageError("the link's bells are no eventfds")
        _require_connected(control)
    else:
        _require_connected(descriptors[0])


def _seals(descriptor: int) -> int:
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError:
        return 0


def _require_connected(descriptor: int) -> None:
    """A connected Unix stream socket, which is not listening. No file is asked what it is: its host may serve it."""
    fits = False
    try:
        peer = socket.socket(fileno=descriptor)
    except OSError:
        pass  # no socket
    else:
        try:
            fits = (
                peer.family == socket.AF_UNIX
                and peer.type == socket.SOCK_STREAM
                and not peer.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            )
            peer.getpeername()
        except OSError:
            fits = False
        finally:
            peer.detach()
    if not fits:
        raise ImageError("the link's socket is no connected Unix stream socket")
