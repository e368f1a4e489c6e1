"""The functions of `_socket` inside an enclave, and `install`, which puts them and `Socket` in place. Enclave world.

`gotee.enclave.networking` calls `install` when the program has imported `_socket`.
"""

from __future__ import annotations

import _socket
import errno
import os
from typing import Any

from gotee.enclave import connections
from gotee.enclave.descriptors import Descriptors
from gotee.enclave.network import SERVICES, Network
from gotee.enclave.ocalls import Ocalls
from gotee.enclave.sockets import MODES, Socket, surroundings
from gotee.errors import NotInside


def _socketpair(family: int = _socket.AF_UNIX, type: int = _socket.SOCK_STREAM, proto: int = 0, /) -> Any:
    kind = int(type) & ~MODES
    if kind not in (_socket.SOCK_STREAM, _socket.SOCK_DGRAM):
        raise OSError(errno.EPROTONOSUPPORT, os.strerror(errno.EPROTONOSUPPORT))
    ends = connections.pair(int(family), kind, int(proto))
    return tuple(Socket(fileno=surroundings.table.add(end)) for end in ends)


def _dup(fd: int, /) -> int:
    return surroundings.table.add(surroundings.table.get(int(fd)))


def _close(fd: int, /) -> None:
    surroundings.table.close(int(fd))


def _getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[tuple[int, int, int, str, Any]]:
    return surroundings.network.resolve(host, port, int(family), int(type), int(proto), int(flags))


def _gethostbyname(name: str, /) -> str:
    found: str = surroundings.network.resolve(name, None, _socket.AF_INET, _socket.SOCK_STREAM)[0][4][0]
    return found


def _gethostbyname_ex(name: str, /) -> tuple[str, list[str], list[str]]:
    found = surroundings.network.resolve(name, None, _socket.AF_INET, _socket.SOCK_STREAM)
    return name, [], [each[4][0] for each in found]


def _gethostbyaddr(name: str, /) -> Any:
    raise _socket.herror(1, "Unknown host: inside, addresses are not turned into names")


def _getnameinfo(address: Any, flags: int, /) -> tuple[str, str]:
    return str(address[0]), str(address[1])


def _gethostname() -> str:
    return "enclave"


def _getservbyname(name: str, protocol: str | None = None, /) -> int:
    found = SERVICES.get(name)
    if found is None:
        raise OSError(f"service {name!r} is not known inside: write the port's number")
    return found


def _getservbyport(port: int, protocol: str | None = None, /) -> str:
    for name, number in SERVICES.items():
        if number == port:
            return name
    raise OSError("port/proto not found")


def _setdefaulttimeout(timeout: float | None, /) -> None:
    if timeout is not None:
        timeout = float(timeout)
        if not timeout >= 0:
            raise ValueError("Timeout value out of range")
    surroundings.default_timeout = timeout


def _getdefaulttimeout() -> float | None:
    return surroundings.default_timeout


def _sethostname(name: Any, /) -> None:
    raise NotInside("the machine's name cannot be set from inside")


def _interfaces() -> list[tuple[int, str]]:
    return [(1, "lo")]


_REPLACED: dict[str, Any] = {
    "socket": Socket,
    "SocketType": Socket,
    "socketpair": _socketpair,
    "dup": _dup,
    "close": _close,
    "getaddrinfo": _getaddrinfo,
    "gethostbyname": _gethostbyname,
    "gethostbyname_ex": _gethostbyname_ex,
    "gethostbyaddr": _gethostbyaddr,
    "getnameinfo": _getnameinfo,
    "gethostname": _gethostname,
    "sethostname": _sethostname,
    "getservbyname": _getservbyname,
    "getservbyport": _getservbyport,
    "setdefaulttimeout": _setdefaulttimeout,
    "getdefaulttimeout": _getdefaulttimeout,
    "if_nameindex": _interfaces,
}


def install(network: Network, ocalls: Ocalls, table: Descriptors) -> None:
    """From now on `_socket` is served by the host, and what is not served says so."""
    surroundings.network, surroundings.ocalls, surroundings.table = network, ocalls, table
    for name, value in _REPLACED.items():
        if hasattr(_socket, name):
            setattr(_socket, name, value)
