"""Text forms of bytes, read strictly: one accepted spelling each, so that an altered file is seen. Both worlds.

Called by the readers of evidence and collateral. Everything that does not fit is an EvidenceError.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from gotee.attestation.refusals import refuse

_PEM = re.compile(  # possessive: an attempt that fails is not tried again with fewer of a million line ends
    rb"-----BEGIN (CERTIFICATE|X509 CRL)-----[\r\n]++([A-Za-z0-9+/=\r\n]++)-----END \1-----[\r\n]*+", re.ASCII
)
JSON_LIMIT = 4 << 20  # characters; real collateral is about 20,000


def from_hex(text: object, what: str, code: str = "encoding") -> bytes:
    """Bytes of a hexadecimal text in one case throughout.

    >>> from_hex("0aff", "it").hex()
    '0aff'
    """
    if not isinstance(text, str):
        refuse(code, f"{what} is not a text")
    try:
        data = binascii.unhexlify(text)
    except ValueError:
        refuse(code, f"{what} is not hexadecimal")
    spelled = data.hex()
    if text not in (spelled, spelled.upper()):
        refuse(code, f"{what} mixes upper and lower case")
    return data


def from_base64(text: object, what: str) -> bytes:
    """Bytes of a base64 text in one alphabet, padded or not, without line ends or spare bits.

    >>> from_base64("_w", "it"), from_base64("/w==", "it")
    (b'\\xff', b'\\xff')
    """
    if not isinstance(text, str) or not text.isascii():
        refuse("encoding", f"{what} is no ASCII text")
    raw = text.encode("ascii")
    url = b"-" in raw or b"_" in raw
    bare = raw.rstrip(b"=")
    try:
        data = base64.b64decode(bare + b"=" * (-len(bare) % 4), b"-_" if url else None, validate=True)
    except ValueError:
        refuse("encoding", f"{what} is not base64")
    again = base64.urlsafe_b64encode(data) if url else base64.b64encode(data)
    if raw not in (again, again.rstrip(b"=")):
        refuse("encoding", f"{what} is not canonical base64")
    return data


def from_json(text: str | bytes, what: str, code: str = "encoding") -> dict[str, Any]:
    """The object of a JSON text; duplicate keys, NaN and other top values are refused."""
    if len(text) > JSON_LIMIT:
        refuse(code, f"{what} is too long")
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        refuse(code, f"{what} is not JSON: {str(error)[:80]}")
    if not isinstance(value, dict):
        refuse(code, f"{what} is not a JSON object")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def from_pem(data: bytes, what: str) -> list[bytes]:
    """DER of each block of a PEM text that holds certificates or CRLs and nothing else; NUL bytes may end it."""
    text = data.rstrip(b"\0")
    blocks: list[bytes] = []
    at = 0
    while at < len(text):
        match = _PEM.match(text, at)
        if match is None:
            refuse("certificate-format", f"{what} holds something that is no PEM block")
        body = match[2].replace(b"\r", b"").replace(b"\n", b"")
        try:
            der = base64.b64decode(body, validate=True)
        except ValueError:
            refuse("certificate-format", f"{what} is not base64")
        if base64.b64encode(der) != body:
            refuse("certificate-format", f"{what} is not canonical base64")
        blocks.append(der)
        at = match.end()
    if not blocks:
        refuse("certificate-format", f"{what} is empty")
    return blocks


def der_blocks(data: bytes, what: str) -> list[bytes]:
    """DER of each certificate or CRL in `data`, which is one in DER or several in PEM."""
    return [data] if data[:1] == b"\x30" else from_pem(data, what)


def strip_padding(data: bytes, length: int, what: str) -> None:
    """Refuse whatever follows the first `length` bytes, but for zero padding: real quotes carry it."""
    if len(data) < length:
        refuse("format", f"{what} ends after {len(data)} of {length} bytes")
    if data.count(0, length) != len(data) - length:
        refuse("trailing", f"{what} is {length} bytes long and other bytes follow it")
