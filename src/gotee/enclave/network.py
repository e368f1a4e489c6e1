"""Which peers trusted code may talk to, and names as the host resolves them. Enclave world.

A rule with a name allows the addresses that the host gave for that name; a rule with a block looks at the address. The
host may lie about all of them: who is at the other end, only TLS with an authority from the image can say.
"""

from __future__ import annotations

import errno
import os
from _socket import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AI_CANONNAME,
    AI_NUMERICHOST,
    AI_PASSIVE,
    EAI_FAMILY,
    EAI_NONAME,
    EAI_SERVICE,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SOCK_DGRAM,
    SOCK_STREAM,
    gaierror,
    inet_ntop,
)
from typing import Any

import msgspec

from gotee.boundary.network import Address, ResolveAnswer, Resolved, ResolveFailed, packed
from gotee.boundary.ocalls import Ocall, encode
from gotee.boundary.peers import PROTOCOLS, Peers, canonical
from gotee.boundary.policy import Policy
from gotee.enclave.ocalls import Ocalls
from gotee.errors import OcallRefused

_KINDS = {SOCK_STREAM: IPPROTO_TCP, SOCK_DGRAM: IPPROTO_UDP}
_answer = msgspec.msgpack.Decoder(ResolveAnswer | ResolveFailed).decode

# /etc/services is outside; these are what programs write as names.
SERVICES = {
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "http": 80, "pop3": 110, "ntp": 123, "imap": 143,
    "ldap": 389, "https": 443, "smtps": 465, "submission": 587, "ldaps": 636, "imaps": 993, "pop3s": 995,
    "postgresql": 5432, "redis": 6379, "mysql": 3306,
}  # fmt: skip


class Network:
    """Asks the policy, resolves names."""

    def __init__(self, policy: Policy, ocalls: Ocalls) -> None:
        self._policy = policy
        self._peers = Peers(policy.network)
        self._ocalls = ocalls

    # -- what is allowed ---------------------------------------------------------------------------------------

    def check(self, direction: str, kind: int, address: Address) -> None:
        """Raise OcallRefused unless a rule allows this address and port."""
        if self._peers.allows(direction, kind, address):
            return
        protocol = PROTOCOLS.get(kind, "tcp")
        host = min(self._peers.names_of(address), default=address.host)
        written = f"[{host}]" if ":" in host else host
        what = "connecting to" if direction == "connect" else "listening at"
        raise OcallRefused(
            f"{what} {written}:{address.port} ({protocol}) is not allowed",
            self._policy.network_line(f"{direction}:{protocol}:{written}:{address.port}"),
        )

    def _check_name(self, name: str, kind: int, port: int) -> None:
        if not self._peers.may_resolve(name):
            wanted = f"connect:{PROTOCOLS.get(kind, 'tcp')}:{name}:{port or 443}"
            raise OcallRefused(f"asking for the address of {name} is not allowed", self._policy.network_line(wanted))

    # -- names -------------------------------------------------------------------------------------------------

    def resolve(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[tuple[int, int, int, str, Any]]:
        """`socket.getaddrinfo`. Numbers are resolved inside; for names the host is asked."""
        number = _port(port, type)
        name = _name(host)
        if name is None:
            loopback = ("127.0.0.1", "::1")
            found = ("0.0.0.0", "::") if flags & AI_PASSIVE else loopback  # noqa: S104 - what the caller asked for
            return self._numeric([(AF_INET6, found[1]), (AF_INET, found[0])], number, family, type, proto, "")
        for each in (AF_INET, AF_INET6):
            try:
                text = inet_ntop(each, packed(each, name))
            except ValueError:
                continue
            if family not in (AF_UNSPEC, each):
                raise gaierror(EAI_FAMILY, "ai_family not supported")
            named = name if flags & AI_CANONNAME else ""
            return self._numeric([(each, text)], number, family, type, proto, named)
        if flags & AI_NUMERICHOST:
            raise gaierror(EAI_NONAME, "Name or service not known")
        self._check_name(canonical(name), type, number)
        return self._asked(name, number, family, type, proto, flags)

    def _numeric(
        self, addresses: list[tuple[int, str]], port: int, family: int, kind: int, proto: int, named: str
    ) -> list[tuple[int, int, int, str, Any]]:
        kinds = [(kind, proto or _KINDS.get(kind, 0))] if kind else list(_KINDS.items())
        return [
            (each, one, protocol, named, Address(each, host, port).plain)
            for each, host in addresses
            if family in (AF_UNSPEC, each)
            for one, protocol in kinds
        ]

    def _asked(
        self, name: str, port: int, family: int, kind: int, proto: int, flags: int
    ) -> list[tuple[int, int, int, str, Any]]:
        def check(payload: bytes) -> list[Resolved] | int:
            answer = _answer(payload)
            if isinstance(answer, ResolveFailed):
                return answer.code
            for each in answer.found:
                if each.address.port != port or family not in (AF_UNSPEC, each.address.family):
                    raise ValueError("an address that was not asked for")
            found: list[Resolved] = answer.found
            return found

        request = encode((name, port, family, kind, proto, flags))
        found = self._ocalls.ask(Ocall.RESOLVE, request, check, names=(name,))
        if isinstance(found, int):
            raise gaierror(found, _REASONS.get(found, "Name or service not known"))
        if not found:
            raise gaierror(EAI_NONAME, "Name or service not known")
        for each in found:
            self._peers.bind(canonical(name), each.address)
        return [(each.address.family, each.kind, each.protocol, each.name, each.address.plain) for each in found]

    def address(self, family: int, given: Any, kind: int) -> Address:
        """The address that a program names as `(host, port)`; a name is resolved, to its first address."""
        if not isinstance(given, tuple) or len(given) < 2 or len(given) > (2 if family == AF_INET else 4):
            shape = "(host, port)" if family == AF_INET else "(host, port, flow, scope)"
            raise TypeError(f"an address of this family is a tuple {shape}, not {given!r}")
        host, port = given[0], given[1]
        if type(port) is not int:
            raise TypeError(f"a port is an int, not {type(port).__name__}")
        if not 0 <= port <= 65535:
            raise OverflowError("bind(): port must be 0-65535.")
        if host in ("", b""):
            host = "0.0.0.0" if family == AF_INET else "::"  # noqa: S104 - Python's meaning of the empty text
        elif host == "<broadcast>":
            host = "255.255.255.255"
        found = self.resolve(host, port, family, kind)[0][4]
        return Address(family, found[0], port, *(given[2:] if family == AF_INET6 else ()))


_REASONS = {
    -2: "Name or service not known",
    -3: "Temporary failure in name resolution",
    -4: "Non-recoverable failure in name resolution",
    -5: "No address associated with hostname",
}


def _name(host: Any) -> str | None:
    if host is None or host in ("", b""):
        return None
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii")
    if not isinstance(host, str):
        raise TypeError("getaddrinfo() argument 1 must be string or None")
    name: str = host if host.isascii() else host.encode("idna").decode("ascii")
    if "\0" in name or len(name) > 253:
        raise gaierror(EAI_NONAME, "Name or service not known")
    return name


def _port(port: Any, kind: int) -> int:
    if port is None:
        return 0
    if isinstance(port, bytes | bytearray):
        port = port.decode("ascii")
    if isinstance(port, str):
        number = int(port) if port.isdigit() else SERVICES.get(port)
        if number is None:
            raise gaierror(EAI_SERVICE, f"Servname {port!r} not supported: inside, write the number")
        port = number
    if type(port) is not int:
        raise OSError(errno.EINVAL, "Int or String expected")
    if not 0 <= port <= 65535:
        raise (
            OverflowError("getaddrinfo() port must be 0-65535")
            if port > 1 << 16
            else OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        )
    return port
