"""What the evidence binds: a key, a nonce, or claims whose hash is the report data. Both worlds.

Called by `wanted`. All bytes are compared, in constant time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from gotee.attestation.cbor import read_map
from gotee.attestation.certificates import same
from gotee.attestation.claims import Claims
from gotee.attestation.policy import Policy
from gotee.attestation.refusals import refuse
from gotee.enclave.statement import report_data

_HALF = 32  # bytes of report data: the hash of what is bound; behind it, the program digest
_SHA256 = (1, "sha-256")  # COSE and CoSWID names of SHA-256 in `pubkey-hash`


def read(claims: Claims, policy: Policy, part: bytes | None) -> Mapping[str, object]:
    """The claims part, a CBOR map, if its SHA-256 fills the report data. Without one: what gotee's own form says."""
    if part is None:
        return {"program-digest": claims.report_data[_HALF:]} if _own_form(claims, policy) else {}
    if not _fills(claims.report_data, hashlib.sha256(part).digest()):
        refuse("binding", "the report data is not the hash of the claims part")
    return read_map(part, "the claims part")


def check(claims: Claims, policy: Policy, part: bytes | None) -> None:
    """Raise EvidenceUnwanted unless key, nonce and report data are those of the policy."""
    said = read(claims, policy, part)
    if policy.report_data is not None and not _fills(claims.report_data, policy.report_data):
        refuse("report-data", "the report data is not the policy's")
    if part is not None:
        _said(said, policy)
    elif claims.kind in ("nitro", "tpm"):
        _own_fields(claims, policy)
    elif policy.key is not None or policy.nonce is not None:
        wanted = (policy.key or b"") + (policy.nonce or b"")
        if not _fills(claims.report_data, wanted) and not _own_form(claims, policy):
            refuse("nonce" if policy.key is None else "key", "the report data does not bind the policy's key or nonce")


def _said(said: Mapping[str, object], policy: Policy) -> None:
    if policy.nonce is not None:
        nonce = said.get("nonce")
        if not isinstance(nonce, bytes) or not same(nonce, policy.nonce):
            refuse("nonce", "the claims hold another nonce")
    if policy.key is not None:
        hashed = said.get("pubkey-hash")
        if not isinstance(hashed, list) or len(hashed) != 2 or hashed[0] not in _SHA256:
            refuse("key", "the claims hold no SHA-256 of a key")
        if not isinstance(hashed[1], bytes) or not same(hashed[1], policy.key):
            refuse("key", "the claims bind another key")


def _own_fields(claims: Claims, policy: Policy) -> None:
    """Nitro and TPM have fields of their own for nonce and key."""
    if policy.nonce is not None and not same(claims.nonce, policy.nonce):
        refuse("nonce", "the evidence holds another nonce")
    if policy.key is not None and not same(hashlib.sha256(claims.public_key).digest(), policy.key):
        refuse("key", "the evidence binds another key, or none")


def _own_form(claims: Claims, policy: Policy) -> bool:
    """Whether the report data binds the policy's key and nonce in the form of gotee.enclave.statement."""
    if claims.kind not in ("sgx", "tdx", "snp") or (policy.key is None and policy.nonce is None):
        return False
    expected = report_data(policy.nonce or b"", policy.key or b"", b"")
    return same(claims.report_data[:_HALF], expected)


def _fills(field: bytes, value: bytes) -> bool:
    return len(value) <= len(field) and same(field, value.ljust(len(field), b"\0"))
