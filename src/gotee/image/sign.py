"""Sign an image: with a key file, or in two steps with one that is held elsewhere (an HSM, a cloud KMS). Host world."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gotee.image import cache, keys, sigstruct
from gotee.image.sigstruct import DEBUG, MODE64BIT, SigStruct


def unsigned(measurement: bytes, *, product_id: int, security_version: int, debug: bool) -> SigStruct:
    """What will be signed. A release signature fixes DEBUG in its mask; one for debugging asks for it."""
    flags = MODE64BIT | (DEBUG if debug else 0)
    return SigStruct(
        enclave_hash=measurement,
        product_id=product_id,
        security_version=security_version,
        date=sigstruct.date_of_build(),
        attributes=(flags, sigstruct.XFRM_LEGACY),
    )


def signed(structure: SigStruct, key: Path, passphrase: bytes | None = None) -> SigStruct:
    """Sign with a key file."""
    private = keys.load(key, passphrase)
    number = keys.sign(private, structure.signed_bytes())
    return sigstruct.attach(structure, keys.modulus_of(private.public_key()), number)


def for_development(measurement: bytes, *, product_id: int = 0, security_version: int = 0) -> bytes:
    """A signature for debugging with the development key; the same one again for the same image."""
    key = keys.development()
    structure = unsigned(measurement, product_id=product_id, security_version=security_version, debug=True)
    try:
        public = keys.public_file(key).read_bytes()
    except OSError:
        public = b""
    place = hashlib.sha256(structure.to_bytes() + public).hexdigest()
    stored = cache.read("signatures", place) if public else None
    if stored is None:
        stored = signed(structure, key).to_bytes()
        if public:
            cache.write("signatures", place, stored)
    return stored
