"""The network's ocalls: forms of question and answer, and how both worlds name addresses. Both worlds, the same code.

Numbers of the ocalls are in `gotee.boundary.ocalls`. A socket is a handle of the host's; data follow a fixed head.
Nothing blocks but POLL: what cannot be done at once is answered with EAGAIN, so that a wait that is given up takes
nothing with it.
"""

from __future__ import annotations

import struct
from _socket import AF_INET, AF_INET6, inet_pton
from typing import Annotated, Final

import msgspec

PEEK: Final = 1  # a flag of RECEIVE: the data stay
WAIT: Final = 1  # a flag of POLL: answer when something holds, not at once

RECEIVE: Final = struct.Struct("<QQB")
"""Handle, most bytes, flags; the answer is the data, for RECEIVE_FROM behind the size and the bytes of an Address."""
SEND: Final = struct.Struct("<QB")
"""Handle, the size of the Address that follows, or 0; then the data. The answer is how many bytes were taken."""
POLL: Final = struct.Struct("<QHB")
"""Handle, events (those of poll(2)), flags; the answer is the events that hold."""
EVENTS: Final = struct.Struct("<H")

MOST_ADDRESSES: Final = 1024  # of one name
_Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)]
_Text = Annotated[str, msgspec.Meta(max_length=256)]


class Address(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An address of IPv4 or IPv6 with a port; `host` is numeric."""

    family: int
    host: _Text
    port: _Port
    flow: _Number = 0
    scope: _Number = 0

    def __post_init__(self) -> None:
        if self.family not in (AF_INET, AF_INET6):
            raise ValueError(f"{self.family} is no family of addresses that this knows")
        packed(self.family, self.host)

    @property
    def plain(self) -> tuple[str, int] | tuple[str, int, int, int]:
        """As Python's `socket` writes it."""
        if self.family == AF_INET:
            return (self.host, self.port)
        return (self.host, self.port, self.flow, self.scope)


def packed(family: int, host: str) -> bytes:
    """The bytes of a numeric address; ValueError for any other."""
    try:
        return inet_pton(family, host.partition("%")[0] if family == AF_INET6 else host)
    except (OSError, UnicodeError):
        raise ValueError(f"{host!r} is no address of family {family}") from None


class Resolved(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One answer of RESOLVE, as getaddrinfo gives it."""

    kind: Annotated[int, msgspec.Meta(ge=0, le=255)]
    protocol: Annotated[int, msgspec.Meta(ge=0, le=255)]
    name: _Text
    address: Address


class ResolveFailed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="failed"):
    """The host could not resolve: the code and text of a gaierror."""

    code: Annotated[int, msgspec.Meta(ge=-127, le=127)]


class ResolveAnswer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="found"):
    """What a name resolves to, says the host."""

    found: Annotated[list[Resolved], msgspec.Meta(max_length=MOST_ADDRESSES)]


class Accepted(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A connection that was taken: its handle, and who is at the other end."""

    handle: Annotated[int, msgspec.Meta(ge=1, le=(1 << 53) - 1)]
    peer: Address


Option = int | Annotated[bytes, msgspec.Meta(max_length=1024)]
"""The value of a socket option."""
