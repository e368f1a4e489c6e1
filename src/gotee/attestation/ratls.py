"""RA-TLS certificates: evidence in an extension, and the key that it has to bind. Both worlds.

Called by `evidence`, `verdict` and `binding`. Read by the rules of `der`, for `cryptography` refuses the certificates
that Gramine writes. Nothing of a certificate is believed but its key, and that only if the evidence binds it.
"""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gotee.attestation import cbor, der
from gotee.attestation.encoding import der_blocks
from gotee.attestation.refusals import refuse

INTEL_QUOTE = 60000  # CBOR tag: [quote, claims]
# OBJECT IDENTIFIER as DER content, the best first. CCC "Interoperable RA-TLS"; Gramine; Intel; Open Enclave.
_DICE = bytes.fromhex("678105050409")  # 2.23.133.5.4.9
_QUOTES = (
    bytes.fromhex("06092a864886f84d8a3906"),  # 0.6.9.42.840.113741.1337.6: Gramine's, with a header inside
    bytes.fromhex("2a864886f84d8a3906"),  # 1.2.840.113741.1337.6
    bytes.fromhex("2b0601040182376901"),  # 1.3.6.1.4.1.311.105.1
    bytes.fromhex("2b0601040182376902"),  # 1.3.6.1.4.1.311.105.2
    bytes.fromhex("2a864886f7140a0101"),  # 1.2.840.113556.10.1.1
    bytes.fromhex("2a864886f7140a0102"),  # 1.2.840.113556.10.1.2
    bytes.fromhex("2a864886f84d010d01"),  # 1.2.840.113741.1.13.1; of a PCK certificate it holds no quote
)
_HARMLESS = {bytes.fromhex(f"551d{last}") for last in ("0f", "11", "13", "25")}  # critical: key usage, names, CA, uses
_ECDSA = {bytes.fromhex(f"2a8648ce3d0403{last}"): bits for last, bits in (("02", 256), ("03", 384), ("04", 512))}
_RSA = {bytes.fromhex(f"2a864886f70d0101{last}"): bits for last, bits in (("0b", 256), ("0c", 384), ("0d", 512))}
_ED25519 = bytes.fromhex("2b6570")
_WHAT = "the RA-TLS certificate"


class Attested(NamedTuple):
    """What of a certificate counts: SubjectPublicKeyInfo, window, extensions, and what its own key has to sign."""

    spki: bytes
    start: datetime
    end: datetime
    extensions: dict[bytes, bytes]
    self_issued: bool
    signed: bytes
    algorithm: bytes
    signature: bytes


def read(data: bytes) -> Attested:
    """One certificate, DER or PEM. Raises EvidenceMalformed, EvidenceNotGenuine."""
    blocks = der_blocks(data, _WHAT)
    if len(blocks) != 1:
        refuse("certificate-format", f"{_WHAT} has to be one, and these are {len(blocks)}")
    whole = der.split(der.only(blocks[0], der.SEQUENCE, _WHAT), _WHAT)
    if [part.tag for part in whole] != [der.SEQUENCE, der.SEQUENCE, der.BITS] or whole[2].content[:1] != b"\0":
        refuse("certificate-format", f"{_WHAT} is no certificate")
    fields = der.split(whole[0].content, _WHAT)
    inside = (der.VERSION, der.INTEGER, *[der.SEQUENCE] * 5, der.EXTENSIONS)
    if tuple(field.tag for field in fields) != inside or fields[2].raw != whole[1].raw:
        refuse("certificate-format", f"{_WHAT} is no certificate of version 3 with extensions")
    start, end = _window(fields[4].content)
    algorithm = der.items(whole[1].content, _WHAT)
    return Attested(
        fields[6].raw,
        start,
        end,
        _extensions(fields[7].content),
        fields[3].raw == fields[5].raw,
        whole[0].raw,
        algorithm[0][1] if algorithm else b"",
        whole[2].content[1:],
    )


def take_out(data: bytes) -> tuple[bytes, dict[str, bytes]] | None:
    """The quote in a certificate, with the parts `certificate` and `claims`; None if it carries none that is known."""
    found = read(data).extensions
    parts = {"certificate": data}
    if _DICE in found:
        value = cbor.read(found[_DICE], "the evidence in the certificate")
        pair = getattr(value, "value", None)
        if getattr(value, "tag", None) != INTEL_QUOTE or not isinstance(pair, list | tuple) or len(pair) != 2:
            refuse("kind", f"the certificate's evidence is not of CBOR tag {INTEL_QUOTE}, [quote, claims]")
        if not all(isinstance(each, bytes) for each in pair):
            refuse("format", "quote and claims in the certificate are no byte strings")
        return pair[0], {**parts, "claims": pair[1]}
    for oid in _QUOTES:
        if oid in found and found[oid][:1] != bytes((der.SEQUENCE,)):
            return _without_header(found[oid]), parts
    return None


def check(data: bytes, now: datetime) -> datetime:
    """The end of the window of a certificate that signs itself and is valid. Raises EvidenceNotGenuine."""
    found = read(data)
    if not found.self_issued:
        refuse("certificate-use", f"{_WHAT} is signed by another; only one that signs itself can be checked")
    if not _signs_itself(found):
        refuse("signature", f"{_WHAT} is not signed by its own key")
    if not found.start <= now <= found.end:
        refuse("certificate-window", f"{_WHAT} is valid {found.start} to {found.end}, not at {now}")
    return found.end


def key_hash(data: bytes) -> bytes:
    """SHA-256 of the certificate's public key (SPKI): what a policy names as `key`."""
    return hashlib.sha256(read(data).spki).digest()


def key_texts(spki: bytes) -> tuple[bytes, bytes]:
    """The key in PEM, without and with a NUL behind it: what Open Enclave hashes."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    text = _public_key(spki).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text, text + b"\0"


def _window(content: bytes) -> tuple[datetime, datetime]:
    moments = [_moment(tag, text) for tag, text in der.items(content, _WHAT)]
    if len(moments) != 2:
        refuse("certificate-format", f"{_WHAT} has no window")
    return moments[0], moments[1]


def _moment(tag: int, text: bytes) -> datetime:
    """RFC 5280, section 4.1.2.5: UTCTime up to 2049, then GeneralizedTime, both to the second and with Z."""
    form = {der.UTC_TIME: 13, der.GENERALIZED_TIME: 15}.get(tag)
    if len(text) != form or not text[:-1].isdigit() or text[-1:] != b"Z":
        refuse("certificate-format", f"{_WHAT} has no readable window")
    century = (b"" if form == 15 else b"20" if text[:2] < b"50" else b"19").decode()
    try:
        return datetime.strptime(century + text.decode(), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        refuse("certificate-format", f"{_WHAT} has no readable window")


def _extensions(content: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for tag, each in der.items(der.only(content, der.SEQUENCE, _WHAT), _WHAT):
        parts = der.items(each, _WHAT) if tag == der.SEQUENCE else []
        critical = len(parts) == 3 and parts.pop(1) == (der.BOOLEAN, b"\xff")
        if [part[0] for part in parts] != [der.OID, der.OCTETS] or parts[0][1] in found:
            refuse("certificate-format", f"{_WHAT} has an extension twice, or one that is none")
        if critical and parts[0][1] not in (_DICE, *_QUOTES, *_HARMLESS):
            refuse("certificate-use", f"{_WHAT} has an unknown critical extension")
        found[parts[0][1]] = parts[1][1]
    return found


def _without_header(data: bytes) -> bytes:
    """A quote as it is, or in Open Enclave's report (version 1) or evidence (2 around a report, 3)."""
    version = int.from_bytes(data[:4], "little")
    if version in (2, 3) and len(data) >= 28:
        length = struct.unpack_from("<Q", data, 20)[0]
        data, version = data[28 : 28 + length], 1 if version == 2 else 0
    if version == 1 and len(data) >= 16:
        kind, length = struct.unpack_from("<IQ", data, 4)
        data = data[16 : 16 + length] if kind == 2 else b""
    if not version and len(data) > 436:  # the claims that follow the quote are the key, which is hashed below anyway
        data = data[: 436 + struct.unpack_from("<I", data, 432)[0]]
    return data


def _public_key(spki: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        return load_der_public_key(spki)
    except Exception:  # the parser's errors have no common base
        refuse("certificate-format", f"the key of {_WHAT} cannot be read")


def _signs_itself(found: Attested) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    key, name = _public_key(found.spki), found.algorithm
    digests = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and name in _ECDSA:
            key.verify(found.signature, found.signed, ec.ECDSA(digests[_ECDSA[name]]))
            return True
        if isinstance(key, rsa.RSAPublicKey) and name in _RSA and key.key_size >= 2048:
            key.verify(found.signature, found.signed, padding.PKCS1v15(), digests[_RSA[name]])
            return True
        if isinstance(key, ed25519.Ed25519PublicKey) and name == _ED25519:
            key.verify(found.signature, found.signed)
            return True
    except (InvalidSignature, ValueError):
        return False
    refuse("weak-hash", f"{_WHAT} is signed in a way that is not accepted, or with a short key")
