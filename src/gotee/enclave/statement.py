"""What gotee's own evidence binds, and how it stands in the report data. Both worlds.

The report data is the SHA-256 of a CBOR map (`nonce`, `pubkey-hash`), then the program digest. Because both are hashed
together and named, whoever chooses the nonce cannot bind a key.
"""

from __future__ import annotations

SHA256 = 1  # COSE's name of SHA-256 in `pubkey-hash`


def claims_of(nonce: bytes, key_hash: bytes) -> bytes:
    """The canonical CBOR map of what is bound; what is empty is left out.

    >>> claims_of(b"\\x01", b"").hex()
    'a1656e6f6e63654101'
    """
    members = []
    if nonce:
        members.append(b"\x65nonce" + _bytes(nonce))
    if key_hash:
        members.append(b"\x6bpubkey-hash" + bytes((0x82, SHA256)) + _bytes(key_hash))
    return bytes((0xA0 | len(members),)) + b"".join(members)


def report_data(nonce: bytes, key_hash: bytes, program_digest: bytes) -> bytes:
    """The 64 bytes of report data."""
    return digest_of(claims_of(nonce, key_hash)) + program_digest


def digest_of(data: bytes) -> bytes:
    """SHA-256."""
    try:  # not hashlib, whose native part would bring OpenSSL into every image; here, as few programs ask for evidence
        from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]  # from Python 3.12 on
    except ImportError:
        from _sha256 import sha256  # type: ignore[import-not-found,no-redef,unused-ignore]

    found: bytes = sha256(data).digest()
    return found


def _bytes(value: bytes) -> bytes:
    length = len(value)
    if length < 24:
        return bytes((0x40 | length,)) + value
    if length < 256:
        return bytes((0x58, length)) + value
    return b"\x59" + length.to_bytes(2, "big") + value
