"""One rule of `network` in the program's policy: its form. Both worlds; `policy` is its only user.

connect:tcp:api.example.com:443    listen:tcp:127.0.0.1:8443    connect:tcp:10.0.0.0/8:5000-5010
connect:tcp:[2001:db8::]/32:443    connect:udp:*:53
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gotee.errors import UsageError

if TYPE_CHECKING:
    import ipaddress
    from typing import NamedTuple
else:
    from gotee.records import Record as NamedTuple

DIRECTIONS: Final = ("connect", "listen")
PROTOCOLS: Final = ("tcp", "udp")
_NAME = re.compile(r"(?:\*\.)?(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|\*")
_FORM = "DIRECTION:PROTOCOL:HOST:PORT, as in connect:tcp:api.example.com:443"


class NetworkRule(NamedTuple):
    """`host` is a name, an address, a CIDR block, or `*`; an IPv6 address stands in brackets in the text.

    >>> NetworkRule.parse("connect:tcp:[::1]:8000-8010")
    NetworkRule(direction='connect', protocol='tcp', host='::1', first=8000, last=8010)
    """

    direction: str
    protocol: str
    host: str
    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> NetworkRule:
        """Raises UsageError with the place in the rule, and the cure."""
        direction, _, rest = text.partition(":")
        if direction not in DIRECTIONS:
            raise _malformed(text, 0, f"begins with {direction!r}", f"write connect or listen: {_FORM}")
        protocol, _, rest = rest.partition(":")
        at = len(direction) + 1
        if protocol not in PROTOCOLS:
            raise _malformed(text, at, f"has the protocol {protocol!r}", f"write tcp or udp: {_FORM}")
        at += len(protocol) + 1
        written, colon, port = rest.rpartition(":")
        if not colon or not written:
            raise _malformed(text, at, "has no host and port", f"write {_FORM}")
        host = _host(text, at, written)
        first, last = _ports(text, at + len(written) + 1, port)
        return cls(direction, protocol, host, first, last)

    @property
    def block(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
        """The addresses that it names; None if it names a host, or all."""
        import ipaddress

        try:
            return ipaddress.ip_network(self.host)
        except ValueError:
            return None


def _host(text: str, at: int, written: str) -> str:
    import ipaddress  # slow to load; most programs have no such rule

    host = written
    if written.startswith("["):
        inner, bracket, rest = written[1:].partition("]")
        if not bracket or (rest and not rest.startswith("/")):
            raise _malformed(text, at, f"has the host {written!r}", "write an IPv6 address as [::1], a block as [::]/0")
        host = inner + rest
    elif ":" in written:
        raise _malformed(text, at, f"has the host {written!r}", f"write an IPv6 address in brackets, or {_FORM}")
    try:
        return str(ipaddress.ip_network(host)) if "/" in host else str(ipaddress.ip_address(host))
    except ValueError as error:
        if "/" in host or written.startswith("[") or re.fullmatch(r"[0-9.]+", host):
            raise _malformed(text, at, f"has the host {written!r}: {error}", "write an address or a block") from None
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise _malformed(text, at, f"has the host {written!r}", "write a name, an address, a block as 10.0.0.0/8, or *")
    return host.lower().rstrip(".")


def _ports(text: str, at: int, written: str) -> tuple[int, int]:
    if written == "*":
        return 0, 65535
    low, dash, high = written.partition("-")
    if not low.isascii() or not low.isdigit() or (dash and not (high.isascii() and high.isdigit())):
        raise _malformed(text, at, f"has the port {written!r}", "write a number, two with - between, or *")
    first, last = int(low), int(high or low)
    if not first <= last <= 65535:
        raise _malformed(text, at, f"has the port {written!r}", "write 0 to 65535, the smaller one first")
    return first, last


def _malformed(text: str, place: int, what: str, cure: str) -> UsageError:
    return UsageError(f"rule {text!r}, character {place + 1}: it {what}; {cure}")
