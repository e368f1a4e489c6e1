"""What the evidence binds: a key, a nonce, or claims whose hash is the report data. Both worlds.

Called by `wanted`. All bytes are compared, in constant time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from gotee.attestation import cbor, ratls
from gotee.attestation.certificates import same
from gotee.attestation.claims import Claims
from gotee.attestation.policy import Policy
from gotee.attestation.refusals import refuse
from gotee.enclave.statement import report_data

_HALF = 32  # bytes of report data: the hash of what is bound; behind it, the program digest
# IANA "Named Information Hash Algorithm Registry", and the names that some write, for `pubkey-hash`
_HASHES = {1: "sha256", "sha-256": "sha256", 7: "sha384", "sha-384": "sha384", 8: "sha512", "sha-512": "sha512"}


class Bound(NamedTuple):
    """What has to be bound: SHA-256 of a key, a nonce, and the key itself if a certificate shows it."""

    key: bytes | None
    nonce: bytes | None
    spki: bytes | None


def bound(policy: Policy, certificate: bytes | None) -> Bound:
    """The policy's wishes; a certificate that comes with the evidence has to hold the very key."""
    if certificate is None:
        return Bound(policy.key, policy.nonce, None)
    spki = ratls.read(certificate).spki
    key = hashlib.sha256(spki).digest()
    if policy.key is not None and not same(key, policy.key):
        refuse("key", "the certificate holds another key than the policy names")
    return Bound(key, policy.nonce, spki)


def read(claims: Claims, wanted: Bound, part: bytes | None) -> Mapping[str, object]:
    """The claims part, a CBOR map, if its SHA-256 fills the report data. Without one: what gotee's own form says."""
    if part is None:
        return {"program-digest": claims.report_data[_HALF:]} if _own_form(claims, wanted) else {}
    if not _fills(claims.report_data, hashlib.sha256(part).digest()):
        refuse("binding", "the report data is not the hash of the claims part")
    return cbor.read_map(part, "the claims part")


def check(claims: Claims, policy: Policy, wanted: Bound, part: bytes | None) -> None:
    """Raise EvidenceUnwanted unless key, nonce and report data are those that are wanted."""
    said = read(claims, wanted, part)
    if policy.report_data is not None and not _fills(claims.report_data, policy.report_data):
        refuse("report-data", "the report data is not the policy's")
    if part is not None:
        _said(said, wanted)
    elif claims.kind in ("nitro", "tpm"):
        _own_fields(claims, wanted)
    elif wanted.key is None and wanted.nonce is None:
        return
    elif not _own_form(claims, wanted) and not any(_fills(claims.report_data, form) for form in _forms(wanted)):
        refuse("nonce" if wanted.key is None else "key", "the report data does not bind the wanted key or nonce")


def _forms(wanted: Bound) -> list[bytes]:
    """Key and nonce as they may stand in the report data; Open Enclave hashes the key's PEM."""
    forms = [(wanted.key or b"") + (wanted.nonce or b"")]
    if wanted.spki is not None and wanted.nonce is None:
        forms += [hashlib.sha256(text).digest() for text in ratls.key_texts(wanted.spki)]
    return forms


def _said(said: Mapping[str, object], wanted: Bound) -> None:
    if wanted.nonce is not None:
        nonce = said.get("nonce")
        if not isinstance(nonce, bytes) or not same(nonce, wanted.nonce):
            refuse("nonce", "the claims hold another nonce")
    if wanted.key is not None:
        name, value = _hash_of(said.get("pubkey-hash"))
        expected = hashlib.new(name, wanted.spki).digest() if wanted.spki is not None else wanted.key
        if wanted.spki is None and name != "sha256":
            refuse("key", f"the claims hold a {name} of a key, to be compared with part `certificate` only")
        if not same(value, expected):
            refuse("key", "the claims bind another key")


def _hash_of(claim: Any) -> tuple[str, bytes]:
    """`pubkey-hash`: [algorithm, hash], or the CBOR of that as a byte string, as "Interoperable RA-TLS" writes it."""
    pair = cbor.read(claim, "pubkey-hash") if isinstance(claim, bytes) else claim
    if isinstance(pair, list) and len(pair) == 2 and type(pair[0]) in (int, str) and isinstance(pair[1], bytes):
        name = _HASHES.get(pair[0])
        if name is not None:
            return name, pair[1]
    refuse("key", "the claims hold no SHA-256, SHA-384 or SHA-512 of a key")


def _own_fields(claims: Claims, wanted: Bound) -> None:
    """Nitro and TPM have fields of their own for nonce and key."""
    if wanted.nonce is not None and not same(claims.nonce, wanted.nonce):
        refuse("nonce", "the evidence holds another nonce")
    if wanted.key is not None and not same(hashlib.sha256(claims.public_key).digest(), wanted.key):
        refuse("key", "the evidence binds another key, or none")


def _own_form(claims: Claims, wanted: Bound) -> bool:
    """Whether the report data binds key and nonce in the form of gotee.enclave.statement."""
    if claims.kind not in ("sgx", "tdx", "snp") or (wanted.key is None and wanted.nonce is None):
        return False
    expected = report_data(wanted.nonce or b"", wanted.key or b"", b"")
    return same(claims.report_data[:_HALF], expected)


def _fills(field: bytes, value: bytes) -> bool:
    return len(value) <= len(field) and same(field, value.ljust(len(field), b"\0"))
