"""Which peer a call in trusted code names, and whether the policy's network rules allow it. Host world.

`refusable` asks. Only constants are seen: a host and a port, or an address (URL) of http or https.
"""

from __future__ import annotations

import ast
import ipaddress
import socket
import urllib.parse
from collections.abc import Iterator
from typing import NamedTuple

from gotee.boundary.network import Address
from gotee.boundary.peers import Peers, canonical
from gotee.boundary.policy import Policy

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_PORTS = {"http": 80, "https": 443}
_VERBS = ("get", "post", "put", "patch", "delete", "head", "options")
_BY_ADDRESS = {  # by name: the argument that is a pair of host and port, direction, protocols
    "socket.create_connection": (0, "connect", ("tcp",)),
    "socket.create_server": (0, "listen", ("tcp",)),
    "socket.socket.connect": (0, "connect", ("tcp", "udp")),
    "socket.socket.connect_ex": (0, "connect", ("tcp", "udp")),
    "socket.socket.bind": (0, "listen", ("tcp", "udp")),
    "socket.socket.sendto": (1, "connect", ("udp",)),
}
_BY_HOST = {  # by name: the argument that is the host, before the port, and direction
    "asyncio.open_connection": (0, "connect"),
    "asyncio.start_server": (1, "listen"),
}
_BY_URL = {
    **dict.fromkeys(("urllib.request.urlopen", "urllib.request.urlretrieve"), 0),
    **{f"{package}.{verb}": 0 for package in ("requests", "httpx") for verb in _VERBS},
}
_CONNECTIONS = {"http.client.HTTPConnection": "http", "http.client.HTTPSConnection": "https"}


class _Peer(NamedTuple):
    direction: str
    protocols: tuple[str, ...]  # one of them is meant
    host: str
    port: int


def socket_method(node: ast.Call) -> str | None:
    """The name of a call that can only be a method of a socket, going by its constant address."""
    if not isinstance(node.func, ast.Attribute):
        return None
    name = f"socket.socket.{node.func.attr}"
    place = _BY_ADDRESS.get(name, (9,))[0]
    return name if place < len(node.args) <= 2 and _pair(node.args[place]) is not None else None


def refused_peer(
    name: str, arguments: list[ast.expr], keywords: dict[str | None, ast.expr], policy: Policy
) -> Iterator[tuple[str, str]]:
    """What is asked and not allowed, with the line that would allow it."""
    peer = _peer(name, arguments, keywords)
    if peer is None or any(_allowed(policy, peer, protocol) for protocol in peer.protocols):
        return
    written = f"[{peer.host}]" if ":" in peer.host else peer.host
    act = "connecting to" if peer.direction == "connect" else "listening at"
    line = policy.network_line(f"{peer.direction}:{peer.protocols[0]}:{written}:{peer.port}")
    yield f"{act} {written}:{peer.port}", line


def _peer(name: str, arguments: list[ast.expr], keywords: dict[str | None, ast.expr]) -> _Peer | None:
    if name in _BY_ADDRESS:
        place, direction, protocols = _BY_ADDRESS[name]
        pair = _pair(arguments[place]) if place < len(arguments) else _pair(keywords.get("address"))
        return None if pair is None else _made(direction, protocols, *pair)
    if name in _BY_HOST:
        place, direction = _BY_HOST[name]
        host = _constant(arguments[place] if place < len(arguments) else keywords.get("host"))
        port = _constant(arguments[place + 1] if place + 1 < len(arguments) else keywords.get("port"))
        return _made(direction, ("tcp",), host, port)
    if name in _BY_URL:
        return _of_url(_constant(_url_of(arguments[0] if arguments else keywords.get("url"))))
    if name in _CONNECTIONS:
        host = _constant(arguments[0] if arguments else keywords.get("host"))
        port = _constant(arguments[1] if len(arguments) > 1 else keywords.get("port"))
        written = host if port is None else f"{host}:{port}"
        known = isinstance(host, str) and (port is not None or (len(arguments) < 2 and "port" not in keywords))
        return _of_url(f"{_CONNECTIONS[name]}://{written}") if known else None
    return None


def _made(direction: str, protocols: tuple[str, ...], host: object, port: object) -> _Peer | None:
    if not isinstance(host, str) or not isinstance(port, int) or not 0 <= port <= 65535:
        return None
    anywhere = "0.0.0.0"  # noqa: S104 - what the program's own "" means
    return _Peer(direction, protocols, canonical(host) or anywhere, port)


def _of_url(text: object) -> _Peer | None:
    if not isinstance(text, str):
        return None
    try:
        url = urllib.parse.urlsplit(text)
        port = url.port or _PORTS.get(url.scheme)
    except ValueError:
        return None
    return _made("connect", ("tcp",), url.hostname, port) if url.scheme in _PORTS else None


def _url_of(node: ast.expr | None) -> ast.expr | None:
    """That of a `Request` that is made in the call."""
    if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] == "Request":
        return node.args[0]
    return node


def _constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _pair(node: ast.expr | None) -> tuple[str, int] | None:
    if not isinstance(node, ast.Tuple) or len(node.elts) < 2:
        return None
    host, port = _constant(node.elts[0]), _constant(node.elts[1])
    return (host, port) if isinstance(host, str) and isinstance(port, int) else None


def _allowed(policy: Policy, peer: _Peer, protocol: str) -> bool:
    """As the enclave decides it. A name may have any address: then a block allows it, and a name that is asked for."""
    try:
        address = ipaddress.ip_address(peer.host)
    except ValueError:
        rules = [
            rule
            for rule in policy.network
            if (rule.direction, rule.protocol) == (peer.direction, protocol) and rule.first <= peer.port <= rule.last
        ]
        return Peers(rules).may_resolve(peer.host)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    peers = Peers(policy.network)
    for rule in policy.network:
        if rule.block is None and address.is_loopback and rule.host == "localhost":
            peers.bind(rule.host, Address(family, peer.host, 0))
    return peers.allows(peer.direction, _KINDS[protocol], Address(family, peer.host, peer.port))
