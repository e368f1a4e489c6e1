"""An enclave of level service that is begun before anything else of gotee is imported. Host world; see `ahead`.

The service is given the image at once. What it asks for is answered, and its program's code asked for, by the first
`gosecure` (gotee.host.service.go_on). Until then this module imports nothing that is slow.
"""

from __future__ import annotations

import _socket
import os
import sys

from gotee.boundary import plain_json
from gotee.host.ahead import Begun, Platform, send
from gotee.image.memory import memory
from gotee.platform.required import SERVICE, VERSION


def begin(begun: Begun) -> None:
    """Give the service an image, with a link. Raises OSError if there is no service of root's."""
    from gotee.boundary import links

    control = _connected(os.environ.get("GOTEE_PLATFORM") or SERVICE)
    try:
        link, theirs = links.create(begun.kind)
        given: list[int] = []
        try:
            given += (memory("gotee-image", begun.stream), memory("gotee-image", begun.signature))
            require = os.environ.get("GOTEE_REQUIRE", "")
            hello = {"gotee": VERSION, "link": len(theirs), "require": require, "wait": True}
            send(control, plain_json.dumps(hello), (*given, *theirs))
        except BaseException:
            link.close()
            raise
        finally:
            links.close([*given, *theirs])
    except BaseException:
        control.close()
        raise
    begun.platform, begun.link = Platform(0, control), link


def _connected(path: str) -> _socket.socket:
    """A connection; gotee.host.service_status says in words what is the matter with it."""
    control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    try:
        control.connect(path)
        found = control.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        if int.from_bytes(found[4:8], sys.byteorder):
            raise PermissionError(1, "this is not root's", path)
    except BaseException:
        control.close()
        raise
    return control
