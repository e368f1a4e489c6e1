"""A question and its answer in boxes that only the owner and the enclave can open. Used by both parties.

The owner makes a key for one question. From it and the enclave's key follow two keys, one for each direction, that are
used once.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

ONCE = bytes(12)  # a nonce for keys that are used once


class Box:
    """The two keys between a private key and another's public key; `owner` is the public key of who asks."""

    def __init__(self, private: X25519PrivateKey, other: bytes, owner: bytes) -> None:
        public = load_der_public_key(other)
        if not isinstance(public, X25519PublicKey):
            raise TypeError("not an X25519 key")
        pair = b"".join(sorted((other, der(private))))
        made = HKDF(SHA256(), 64, salt=None, info=b"gotee example owner" + owner + pair)
        material = made.derive(private.exchange(public))
        self.question, self.answer = ChaCha20Poly1305(material[:32]), ChaCha20Poly1305(material[32:])


def der(private: X25519PrivateKey) -> bytes:
    """The public half, as evidence binds it."""
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
