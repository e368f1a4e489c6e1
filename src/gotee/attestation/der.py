"""The few rules of DER that vendor extensions need: sequences of (identifier, value). Both worlds.

Called by the readers of Intel's and AMD's certificate extensions, and of RA-TLS certificates. Lengths are checked
before use, and have one spelling.
"""

from __future__ import annotations

from typing import NamedTuple

from gotee.attestation.refusals import refuse

SEQUENCE, INTEGER, ENUMERATED, BOOLEAN, OCTETS, OID, IA5 = 0x30, 0x02, 0x0A, 0x01, 0x04, 0x06, 0x16
BITS, UTC_TIME, GENERALIZED_TIME = 0x03, 0x17, 0x18
VERSION, EXTENSIONS = 0xA0, 0xA3  # [0] and [3] of a certificate


class Item(NamedTuple):
    """One item: its tag, its content, and all its bytes."""

    tag: int
    content: bytes
    raw: bytes


def split(data: bytes, what: str) -> list[Item]:
    """The items that fill `data`."""
    found: list[Item] = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            refuse("certificate-format", f"{what} is cut short")
        tag, length, start = data[at], data[at + 1], at + 2
        if length >= 0x80:
            width = length & 0x7F
            if not 1 <= width <= 3 or start + width > len(data):
                refuse("certificate-format", f"{what} has a wrong length")
            length, start = int.from_bytes(data[start : start + width], "big"), start + width
            if length < max(0x80, 1 << 8 * (width - 1)):
                refuse("certificate-format", f"{what} has a length that is longer than needed")
        if start + length > len(data):
            refuse("certificate-format", f"{what} is cut short")
        found.append(Item(tag, data[start : start + length], data[at : start + length]))
        at = start + length
    return found


def items(data: bytes, what: str) -> list[tuple[int, bytes]]:
    """The (tag, content) pairs that fill `data`.

    >>> items(bytes.fromhex("0201050400"), "it")
    [(2, b'\\x05'), (4, b'')]
    """
    return [(item.tag, item.content) for item in split(data, what)]


def only(data: bytes, tag: int, what: str) -> bytes:
    """The content of the one item in `data`, which has the given tag."""
    found = items(data, what)
    if len(found) != 1 or found[0][0] != tag:
        refuse("certificate-format", f"{what} is of another type")
    return found[0][1]


def number(content: bytes, what: str) -> int:
    """A non-negative integer of at most 8 bytes."""
    if not 1 <= len(content) <= 9 or content[0] & 0x80:
        refuse("certificate-format", f"{what} is no small number")
    return int.from_bytes(content, "big")


def named(content: bytes, what: str) -> dict[bytes, tuple[int, bytes]]:
    """A sequence of (identifier, value) pairs by identifier; one that occurs twice is refused."""
    found: dict[bytes, tuple[int, bytes]] = {}
    for tag, pair in items(content, what):
        inner = items(pair, what) if tag == SEQUENCE else []
        if len(inner) != 2 or inner[0][0] != OID or inner[0][1] in found:
            refuse("certificate-format", f"{what} is no list of named values")
        found[inner[0][1]] = inner[1]
    return found
