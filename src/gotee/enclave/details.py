"""The details of a failure, encrypted to the developer's public key that the image names. Enclave world.

RSA-OAEP with SHA-256 (RFC 8017, section 7.1) carries a fresh key; SHAKE-256 of it (FIPS 202) is the key stream, and
keyed BLAKE2b (RFC 7693) of the cipher text the tag. Only public-key arithmetic is done here, so that images do not
need a cryptographic library for the sake of their failures. `gotee explain` is the other end (gotee.image.explain).
"""

from __future__ import annotations

import os
from _blake2 import blake2b
from _sha3 import shake_256  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

try:
    from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]  # from Python 3.12 on
except ImportError:
    from _sha256 import sha256  # type: ignore[import-not-found,no-redef,unused-ignore]

EXPONENT = 65537
BITS = 3072
BODY = 4096  # bytes: every failure is as long as every other
TAG = 32  # bytes
SIZE = BITS // 8 + BODY + TAG
_KEY = 32  # bytes of the fresh key
_HASH = 32  # bytes of SHA-256


def seal(text: str, modulus: int) -> bytes:
    """`text`, cut to the constant size, for whoever holds the private key of `modulus`.

    Encrypted anew each time: equal failures look different.
    """
    data = text.encode("utf-8", "backslashreplace")[: BODY - 2]
    body = len(data).to_bytes(2, "little") + data + bytes(BODY - 2 - len(data))
    key = os.urandom(_KEY)
    stream = shake_256(b"gotee details stream" + key).digest(BODY)
    cipher = (int.from_bytes(body, "big") ^ int.from_bytes(stream, "big")).to_bytes(BODY, "big")
    wrapped = pow(int.from_bytes(_oaep(key), "big"), EXPONENT, modulus).to_bytes(BITS // 8, "big")
    return wrapped + cipher + tag(key, wrapped + cipher)


def tag(key: bytes, data: bytes) -> bytes:
    """The tag that says that `data` was made by who made the key."""
    return blake2b(data, key=shake_256(b"gotee details tag" + key).digest(_KEY), digest_size=TAG).digest()


def _oaep(message: bytes) -> bytes:
    """EME-OAEP encoding with an empty label (RFC 8017, section 7.1.1, step 2)."""
    size = BITS // 8
    block = sha256(b"").digest() + bytes(size - len(message) - 2 * _HASH - 2) + b"\x01" + message
    seed = os.urandom(_HASH)
    masked = _xor(block, _mgf1(seed, len(block)))
    return b"\x00" + _xor(seed, _mgf1(masked, _HASH)) + masked


def _mgf1(seed: bytes, size: int) -> bytes:
    """The mask generation function (RFC 8017, section B.2.1)."""
    blocks = (sha256(seed + counter.to_bytes(4, "big")).digest() for counter in range(-(-size // _HASH)))
    return b"".join(blocks)[:size]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
