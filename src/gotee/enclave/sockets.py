"""Sockets inside an enclave: `_socket.socket` whose descriptors are the enclave's own. Enclave world.

Python's `socket.socket` derives from this `Socket` instead of the kernel's (gotee.enclave.socket_functions puts it in
place). A routine that waits parks, others go on.
"""

from __future__ import annotations

import _socket
import errno
import os
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from gotee.boundary.network import Address
from gotee.enclave.connections import IN, OUT, HostSocket, MemorySocket
from gotee.enclave.descriptors import Descriptors
from gotee.enclave.network import Network
from gotee.enclave.ocalls import Ocalls
from gotee.errors import NotInside, OcallRefused

T = TypeVar("T")
_MOST_OPTION = 1024  # bytes
_LEVELS = (_socket.SOL_SOCKET, _socket.IPPROTO_IP, _socket.IPPROTO_TCP, _socket.IPPROTO_UDP, _socket.IPPROTO_IPV6)
_FAMILIES = (_socket.AF_INET, _socket.AF_INET6)
_FLAGS = _socket.MSG_PEEK | _socket.MSG_WAITALL | _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL
MODES = _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC


class Surroundings:
    """What the sockets of this enclave are served by; `install` sets it once."""

    network: Network
    ocalls: Ocalls
    table: Descriptors
    default_timeout: float | None = None


surroundings = Surroundings()


class Socket:
    """`_socket.socket`: Python's `socket.socket` derives from it."""

    __slots__ = ("_connection", "_fd", "_timeout")

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        self._timeout = surroundings.default_timeout
        self._connection: HostSocket | MemorySocket
        if fileno is not None:
            found = surroundings.table.get(fileno)
            if not isinstance(found, HostSocket | MemorySocket):
                raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
            self._connection, self._fd = found, fileno
            return
        family = _socket.AF_INET if family == -1 else int(family)
        kind = _socket.SOCK_STREAM if type == -1 else int(type)
        if kind & _socket.SOCK_NONBLOCK:
            self._timeout = 0.0
        kind &= ~MODES
        if family == _socket.AF_UNIX:
            raise NotInside(
                "sockets of the host's file system cannot be used inside: use tcp, or socketpair() between routines"
            )
        if family not in _FAMILIES or kind not in (_socket.SOCK_STREAM, _socket.SOCK_DGRAM):
            raise NotInside("inside there are sockets of AF_INET and AF_INET6, SOCK_STREAM and SOCK_DGRAM")
        self._connection = HostSocket(surroundings.ocalls, family, kind, 0 if proto == -1 else int(proto))
        self._fd = surroundings.table.add(self._connection)

    # -- what it is -------------------------------------------------------------------------------------------

    @property
    def family(self) -> int:
        """AF_INET, AF_INET6; AF_UNIX for an end of a pair."""
        return self._connection.family

    @property
    def type(self) -> int:
        """SOCK_STREAM or SOCK_DGRAM."""
        return self._connection.kind

    @property
    def proto(self) -> int:
        """The protocol's number, or 0."""
        return self._connection.protocol

    @property
    def timeout(self) -> float | None:
        """Seconds; None waits for ever, 0 never."""
        return self._timeout

    def __repr__(self) -> str:
        return f"<socket object, fd={self._fd}, family={self.family}, type={self.type}, proto={self.proto}>"

    def fileno(self) -> int:
        """The enclave's own number; -1 once it is closed."""
        return self._fd

    def _open(self) -> HostSocket | MemorySocket:
        if self._fd == -1:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._connection

    def _outside(self) -> HostSocket:
        connection = self._open()
        if isinstance(connection, MemorySocket):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return connection

    def getsockname(self) -> Any:
        """Its own address."""
        return self._open().name()

    def getpeername(self) -> Any:
        """The address of the other end."""
        return self._open().peer()

    # -- waiting ----------------------------------------------------------------------------------------------

    def settimeout(self, value: float | None) -> None:
        """How long operations wait."""
        if value is not None:
            value = float(value)
            if not value >= 0:
                raise ValueError("Timeout value out of range")
        self._timeout = value

    def gettimeout(self) -> float | None:
        """How long operations wait."""
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        """Wait for ever, or never."""
        self._timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        """Whether operations wait."""
        return self._timeout != 0

    def _deadline(self) -> float | None:
        return None if self._timeout is None else monotonic() + self._timeout

    def _retry(self, attempt: Callable[[], T], events: int, flags: int = 0) -> T:
        """Repeat what cannot be done yet, as long as the timeout allows."""
        deadline = self._deadline()
        while True:
            try:
                return attempt()
            except BlockingIOError:
                if self._timeout == 0 or flags & _socket.MSG_DONTWAIT:
                    raise
            self._wait(events, deadline)

    def _wait(self, events: int, deadline: float | None) -> None:
        from gotee.enclave.polling import wait_for  # which needs this module's table

        if not wait_for(self._open(), events, deadline):
            raise TimeoutError("timed out")

    # -- connecting -------------------------------------------------------------------------------------------

    def connect(self, address: Any, /) -> None:
        """Connect, if the policy allows it."""
        connection = self._outside()
        target = surroundings.network.address(connection.family, address, connection.kind)
        surroundings.network.check("connect", connection.kind, target)
        try:
            connection.connect(target)
        except OSError as error:
            if error.errno != errno.EINPROGRESS or self._timeout == 0:
                raise
            self._wait(OUT, self._deadline())
            failed = connection.option(_socket.SOL_SOCKET, _socket.SO_ERROR, 0)
            if failed:
                raise OSError(failed, os.strerror(int(failed))) from None

    def connect_ex(self, address: Any, /) -> int:
        """Connect; an error's number instead of an exception for what the network says."""
        try:
            self.connect(address)
        except (OcallRefused, _socket.gaierror):
            raise
        except TimeoutError as error:
            return error.errno or errno.EAGAIN
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def bind(self, address: Any, /) -> None:
        """Take a local address, if the policy lets it listen there."""
        connection = self._outside()
        target = surroundings.network.address(connection.family, address, connection.kind)
        surroundings.network.check("listen", connection.kind, target)
        connection.bind(target)

    def listen(self, backlog: int = 128, /) -> None:
        """Let others connect."""
        self._outside().listen(max(int(backlog), 0))

    def _accept(self) -> tuple[int, Any]:
        connection = self._outside()
        found, peer = self._retry(connection.accept, IN)
        return surroundings.table.add(found), peer

    def shutdown(self, how: int, /) -> None:
        """End one direction, or both."""
        self._open().shutdown(int(how))

    # -- data -------------------------------------------------------------------------------------------------

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """At most `size` bytes; none at the end."""
        connection = self._open()
        peek, size = _reading(flags, size)
        if not flags & _socket.MSG_WAITALL or peek:
            return self._retry(lambda: connection.receive(size, peek), IN, flags)
        pieces, left = [], size
        while left and (piece := self._retry(partial(connection.receive, left, False), IN, flags)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """The same, into a buffer."""
        with memoryview(buffer) as view, view.cast("B") as octets:
            data = self.recv(_fits(octets, nbytes), flags)
            octets[: len(data)] = data
            return len(data)

    def recvfrom(self, size: int, flags: int = 0, /) -> tuple[bytes, Any]:
        """The same, with the sender's address."""
        connection = self._open()
        peek, size = _reading(flags, size)
        return self._retry(lambda: connection.receive_from(size, peek), IN, flags)

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        """The same, into a buffer."""
        with memoryview(buffer) as view, view.cast("B") as octets:
            data, sender = self.recvfrom(_fits(octets, nbytes), flags)
            octets[: len(data)] = data
            return len(data), sender

    def recvmsg(self, size: int, ancillary: int = 0, flags: int = 0, /) -> tuple[bytes, list[Any], int, Any]:
        """The same; what travels beside the data does not come inside."""
        data, sender = self.recvfrom(size, flags)
        return data, [], 0, sender

    def recvmsg_into(self, buffers: Any, ancillary: int = 0, flags: int = 0, /) -> tuple[int, list[Any], int, Any]:
        """The same, into buffers."""
        views = [memoryview(each).cast("B") for each in buffers]
        data, sender = self.recvfrom(sum(map(len, views)), flags)
        rest = memoryview(data)
        for view in views:
            piece = rest[: len(view)]
            view[: len(piece)] = piece
            rest = rest[len(piece) :]
        return len(data), [], 0, sender

    def unread(self, data: bytes) -> None:
        """Take back what was received too much; the next `recv` gives it first."""
        self._open().unread(data)

    def send(self, data: Any, flags: int = 0, /) -> int:
        """Send; how many bytes were taken."""
        _writing(flags)
        connection = self._open()
        with memoryview(data) as view, view.cast("B") as octets:
            return self._retry(lambda: connection.send(octets, None), OUT, flags)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send all of it."""
        _writing(flags)
        connection = self._open()
        deadline = self._deadline()
        with memoryview(data) as view, view.cast("B") as octets:
            sent = 0
            while sent < len(octets):
                try:
                    sent += connection.send(octets[sent:], None)
                except BlockingIOError:
                    if self._timeout == 0:
                        raise
                    self._wait(OUT, deadline)

    def sendto(self, data: Any, *rest: Any) -> int:
        """Send to an address, if the policy allows it."""
        if not 1 <= len(rest) <= 2:
            raise TypeError("sendto() takes 2 or 3 arguments")
        _writing(rest[0] if len(rest) == 2 else 0)
        connection = self._open()
        target: Address | None = None
        if rest[-1] is not None:
            target = surroundings.network.address(connection.family, rest[-1], connection.kind)
            surroundings.network.check("connect", connection.kind, target)
        with memoryview(data) as view, view.cast("B") as octets:
            return self._retry(lambda: connection.send(octets, target), OUT)

    def sendmsg(self, buffers: Any, ancillary: Any = (), flags: int = 0, address: Any = None, /) -> int:
        """Send the buffers; nothing can travel beside the data."""
        if list(ancillary):
            raise NotInside("descriptors and other ancillary data cannot be sent from inside")
        data = b"".join(bytes(memoryview(each).cast("B")) for each in buffers)
        return self.send(data, flags) if address is None else self.sendto(data, flags, address)

    # -- options ----------------------------------------------------------------------------------------------

    def getsockopt(self, level: int, name: int, size: int = 0, /) -> int | bytes:
        """An option: a number, or `size` bytes."""
        connection = self._open()
        inside = {_socket.SO_TYPE: connection.kind, _socket.SO_DOMAIN: connection.family}
        if level == _socket.SOL_SOCKET and name in inside and not size:
            return inside[name]
        if isinstance(connection, MemorySocket):
            return bytes(size) if size else 0
        if level not in _LEVELS or not 0 <= size <= _MOST_OPTION:
            raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
        return connection.option(level, name, size)

    def setsockopt(self, level: int, name: int, value: Any, length: int | None = None, /) -> None:
        """Set an option to a number or bytes."""
        connection = self._open()
        if isinstance(connection, MemorySocket):
            return
        if value is None:
            value = bytes(length or 0)
        plain = int(value) if isinstance(value, int) else bytes(value)
        if level not in _LEVELS or (isinstance(plain, bytes) and len(plain) > _MOST_OPTION):
            raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
        connection.set_option(level, name, plain)

    # -- the end ----------------------------------------------------------------------------------------------

    def detach(self) -> int:
        """Leave the descriptor open for somebody else."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self) -> None:
        """Close the descriptor."""
        fd, self._fd = self._fd, -1
        if fd != -1:
            surroundings.table.close(fd)

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) != -1:
            self.close()


def _reading(flags: int, size: int) -> tuple[bool, int]:
    if size < 0:
        raise ValueError("negative buffersize in recv")
    if flags & ~_FLAGS:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    return bool(flags & _socket.MSG_PEEK), size


def _writing(flags: int) -> None:
    if flags & ~(_socket.MSG_NOSIGNAL | _socket.MSG_DONTWAIT):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


def _fits(octets: memoryview, nbytes: int) -> int:
    if nbytes < 0:
        raise ValueError("negative buffersize in recv_into")
    if nbytes > len(octets):
        raise ValueError("buffer too small for requested bytes")
    return nbytes or len(octets)
