"""Identities of enclaves that were never started, for tests of what the platform says of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gotee.image import sigstruct
from gotee.image.sigstruct import DEBUG, MODE64BIT, SigStruct
from gotee.platform.identity import Identity, einit

MEASUREMENT = bytes(range(32))


@cache
def key(number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=3, key_size=3072)


def signed(measurement: bytes = MEASUREMENT, signer: int = 0, *, debug: bool = False, **fields: Any) -> SigStruct:
    attributes = (MODE64BIT | (DEBUG if debug else 0), sigstruct.XFRM_LEGACY)
    structure = SigStruct(measurement, **{"attributes": attributes, **fields})
    number = key(signer).public_key().public_numbers().n
    structure = structure._replace(modulus=number.to_bytes(384, "little"))
    signature = key(signer).sign(structure.signed_bytes(), padding.PKCS1v15(), hashes.SHA256())
    return sigstruct.attach(structure, number, int.from_bytes(signature, "big"))


def enclave(measurement: bytes = MEASUREMENT, signer: int = 0, level: str = "development", **fields: Any) -> Identity:
    return einit(measurement, signed(measurement, signer, **fields), level)
