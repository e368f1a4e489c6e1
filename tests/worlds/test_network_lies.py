"""A host that lies about sockets: whatever no honest host answers ends the enclave before any trusted code sees it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.messages import FROM_HOST, Kind, pack, unpack
from gotee.boundary.network import EVENTS, Accepted, Address, ResolveAnswer, Resolved, ResolveFailed
from gotee.boundary.ocalls import encode
from gotee.boundary.policy import Policy
from gotee.enclave.connections import HostSocket
from gotee.enclave.network import Network
from gotee.enclave.ocalls import LATER, Ocalls

V4, V6, TCP, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM
HERE = Address(V4, "127.0.0.1", 1)


class Host:
    """Answers every question with the same bytes, or errno."""

    blocks = None  # no memory is shared with it

    def __init__(self, payload: bytes, error: int = 0) -> None:
        self.payload, self.error = payload, error
        self.ocalls = Ocalls(self)  # type: ignore[arg-type]

    def post(self, kind: int, number: int, argument: int, payload: bytes) -> None:
        if kind == Kind.OCALL:
            self.ocalls.on_answer(unpack(pack(Kind.ANSWER, number, self.error, self.payload), FROM_HOST))

    def room(self) -> None:
        pass

    def wait_alone(self, ticket: Any) -> None:
        raise AssertionError("everything is answered at once")

    def briefly(self, *asked: object) -> object:
        """Everything is asked the long way."""
        return LATER


def opened(payload: bytes, kind: int = TCP) -> HostSocket:
    return HostSocket(Host(payload).ocalls, V4, kind, 0, handle=1)


def resolve(payload: bytes) -> Any:
    policy = Policy({"network": ["connect:tcp:example.com:443"]})
    return Network(policy, Host(payload).ocalls).resolve("example.com", 443, V4, TCP)


def found(*addresses: Address) -> bytes:
    return encode(ResolveAnswer([Resolved(TCP, 6, "", address) for address in addresses]))


LIES: dict[str, Callable[[], object]] = {
    "a handle that is none": lambda: HostSocket(Host(encode(0)).ocalls, V4, TCP, 0),
    "a negative handle": lambda: HostSocket(Host(encode(-1)).ocalls, V4, TCP, 0),
    "a handle that is no number": lambda: HostSocket(Host(encode("x")).ocalls, V4, TCP, 0),
    "an answer where none is due": lambda: opened(b"x").connect(HERE),
    "an unknown errno": lambda: HostSocket(Host(b"", 9999).ocalls, V4, TCP, 0, 1).listen(1),
    "more bytes than asked for": lambda: opened(b"12345").receive(4, False),
    "more of a datagram than asked for": lambda: opened(
        bytes((len(encode(HERE)),)) + encode(HERE) + b"12345", UDP
    ).receive_from(4, False),
    "a datagram from nobody": lambda: opened(b"", UDP).receive_from(4, False),
    "a datagram of another family": lambda: opened(
        bytes((len(encode(Address(V6, "::1", 1))),)) + encode(Address(V6, "::1", 1)), UDP
    ).receive_from(4, False),
    "more sent than there was": lambda: opened(encode(5)).send(memoryview(b"1234"), None),
    "less than nothing sent": lambda: opened(encode(-1)).send(memoryview(b"1234"), None),
    "sent, as a text": lambda: opened(encode("4")).send(memoryview(b"1234"), None),
    "a connection of another family": lambda: opened(encode(Accepted(7, Address(V6, "::1", 1)))).accept(),
    "a connection without a handle": lambda: opened(encode((0, HERE))).accept(),
    "an address with a name": lambda: opened(encode((int(V4), "localhost", 1, 0, 0))).name(),
    "an address with a port that is none": lambda: opened(encode((int(V4), "127.0.0.1", 65536, 0, 0))).peer(),
    "an address of a family that is none": lambda: opened(encode((1, "/tmp/x", 0, 0, 0))).name(),
    "events of another form": lambda: opened(b"x").events(1),
    "an option as bytes": lambda: opened(encode(b"1234")).option(1, 2, 0),
    "an option that is too long": lambda: opened(encode(b"12345")).option(1, 2, 4),
    "an option that is too large": lambda: opened(encode(1 << 40)).option(1, 2, 0),
    "another port": lambda: resolve(found(Address(V4, "192.0.2.1", 80))),
    "another family": lambda: resolve(found(Address(V6, "2001:db8::1", 443))),
    "a name instead of an address": lambda: resolve(
        encode(("found", [(1, 6, "", (int(V4), "evil.example", 443, 0, 0))]))
    ),
    "thousands of addresses": lambda: resolve(found(*[Address(V4, "192.0.2.1", 443)] * 2000)),
    "neither found nor failed": lambda: resolve(encode(("perhaps", 1))),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_ends_the_enclave(lie: str) -> None:
    with pytest.raises(LinkCorrupt):
        LIES[lie]()


def test_what_an_honest_host_says_is_taken() -> None:
    assert opened(b"1234").receive(4, False) == b"1234"
    assert opened(encode(3)).send(memoryview(b"1234"), None) == 3
    assert opened(encode(HERE)).name() == ("127.0.0.1", 1)
    assert opened(EVENTS.pack(1)).events(1) == 1
    assert resolve(found(Address(V4, "192.0.2.1", 443)))[0][4] == ("192.0.2.1", 443)
    with pytest.raises(socket.gaierror):
        resolve(encode(ResolveFailed(-2)))


def test_an_address_that_was_given_for_one_name_is_not_allowed_for_another_port_or_protocol() -> None:
    policy = Policy({"network": ["connect:tcp:example.com:443", "connect:tcp:*.example.org:8000-8010"]})
    network = Network(policy, Host(found(Address(V4, "192.0.2.1", 443))).ocalls)
    network.resolve("EXAMPLE.com.", 443, V4, TCP)
    network.check("connect", TCP, Address(V4, "192.0.2.1", 443))
    for direction, kind, host, port in (
        ("connect", TCP, "192.0.2.1", 80),
        ("connect", UDP, "192.0.2.1", 443),
        ("connect", TCP, "192.0.2.2", 443),
        ("listen", TCP, "192.0.2.1", 443),
    ):
        with pytest.raises(PermissionError, match="is not allowed: put network ="):
            network.check(direction, kind, Address(V4, host, port))
    with pytest.raises(PermissionError, match=r"evil-example\.org"):
        network.resolve("evil-example.org", 8000)
    with pytest.raises(PermissionError, match=r"example\.org"):
        network.resolve("example.org", 8000)


@pytest.mark.parametrize(
    ("rule", "host", "allowed"),
    [
        ("connect:tcp:10.0.0.0/8:80", "10.1.2.3", True),
        ("connect:tcp:10.0.0.0/8:80", "11.1.2.3", False),
        ("connect:tcp:10.0.0.0/8:80", "::ffff:10.1.2.3", False),
        ("connect:tcp:[2001:db8::]/32:80", "2001:db8:1::1", True),
        ("connect:tcp:[2001:db8::]/32:80", "2001:db9::1", False),
        ("connect:tcp:[::1]:80", "0:0:0:0:0:0:0:1", True),
        ("connect:tcp:*:80", "203.0.113.9", True),
    ],
)
def test_blocks_are_compared_with_the_address(rule: str, host: str, allowed: bool) -> None:
    network = Network(Policy({"network": [rule]}), Host(b"").ocalls)
    address = Address(V6 if ":" in host else V4, host, 80)
    if allowed:
        network.check("connect", TCP, address)
    else:
        with pytest.raises(PermissionError):
            network.check("connect", TCP, address)
