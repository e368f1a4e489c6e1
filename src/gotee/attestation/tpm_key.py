"""The attestation key of a TPM quote, which the policy names or Azure's hardware vouches for. Both worlds.

Called by `tpm`. Forms: PEM, DER (SubjectPublicKeyInfo), and TPM2B_PUBLIC as tpm2-tools write it.
"""

from __future__ import annotations

import hashlib
import re

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from gotee.attestation.certificates import same
from gotee.attestation.refusals import refuse
from gotee.attestation.tpm_quote import Reader
from gotee.attestation.trust import Trust

Key = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
# TPM 2.0 Library, part 2: TPM_ALG_ID, TPM_ECC_CURVE, TPMA_OBJECT
_RSA, _ECC, _NULL, _ECDAA = 0x0001, 0x0023, 0x0010, 0x001A
_CURVES: dict[int, type[ec.EllipticCurve]] = {0x0003: ec.SECP256R1, 0x0004: ec.SECP384R1, 0x0005: ec.SECP521R1}
_FIXED_TPM, _RESTRICTED, _DECRYPT, _SIGN = 1 << 1, 1 << 16, 1 << 17, 1 << 18
_WHAT = "part `key`"
_PEM = re.compile(  # its lines and nothing else: loaders skip what they do not understand
    rb"-----BEGIN ((?:RSA )?PUBLIC KEY)-----\r?\n(?:[A-Za-z0-9+/]++={0,2}\r?\n)++-----END \1-----(?:\r?\n)*+"
)


def spki(key: Key) -> bytes:
    """The key's SubjectPublicKeyInfo in DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def rsa_key(modulus: int, exponent: int, code: str, what: str) -> Key:
    """An RSA key, or the refusal `code`."""
    try:
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        refuse(code, f"{what} is no RSA key")


def named_key(given: bytes, trust: Trust) -> Key:
    """The key in part `key`, which the policy must name. Raises EvidenceError."""
    key = _read(given)
    digest = hashlib.sha256(spki(key)).digest()
    if not any(same(digest, pin) for pin in trust.attestation_keys):
        refuse("key-unknown", f"nothing says that key {digest.hex()} is a TPM's attestation key")
    return key


def _read(given: bytes) -> Key:
    if int.from_bytes(given[:2], "big") == len(given) - 2:
        return _tpm_public(given[2:])
    try:
        key = load_pem_public_key(given) if _PEM.fullmatch(given) else load_der_public_key(given)
    except Exception:  # the parser's errors have no common base
        refuse("part-format", f"{_WHAT} is no public key")
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        refuse("part-format", f"{_WHAT} is neither RSA nor on an elliptic curve")
    return key


def _tpm_public(data: bytes) -> Key:
    """TPMT_PUBLIC. A key that may sign what a caller made up signs quotes that no TPM made: it is refused."""
    reader = Reader(data, _WHAT)
    kind, _, attributes = reader.number(2), reader.number(2), reader.number(4)
    if attributes & (_FIXED_TPM | _RESTRICTED | _DECRYPT | _SIGN) != _FIXED_TPM | _RESTRICTED | _SIGN:
        refuse("key-unknown", "the key is no attestation key: it is not fixed to a TPM, restricted, and for signing")
    reader.sized()  # authPolicy
    if reader.number(2) != _NULL:  # symmetric: only decryption keys have one
        refuse("part-format", f"{_WHAT} has an unknown form")
    _scheme(reader)
    if kind == _RSA:
        reader.number(2)  # keyBits
        exponent = reader.number(4) or 65537
        modulus = int.from_bytes(reader.sized(), "big")
        reader.end()
        return rsa_key(modulus, exponent, "part-format", _WHAT)
    curve = _CURVES.get(reader.number(2)) if kind == _ECC else None
    if curve is None:
        refuse("part-format", f"{_WHAT} is of an unknown kind")
    _scheme(reader)  # kdf
    x, y = (int.from_bytes(reader.sized(), "big") for _ in range(2))
    reader.end()
    try:
        return ec.EllipticCurvePublicNumbers(x, y, curve()).public_key()
    except ValueError:
        refuse("part-format", f"{_WHAT} is no point of its curve")


def _scheme(reader: Reader) -> None:
    algorithm = reader.number(2)
    if algorithm != _NULL:
        reader.number(2)  # hash
    if algorithm == _ECDAA:
        reader.number(2)  # count
