"""Whether an AWS Nitro document is genuine: COSE_Sign1 with ES384, its chain to AWS's root. Both worlds.

Called by `verdict`. Format: AWS Nitro Enclaves, "Cryptographic attestation"; RFC 9052 section 4.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gotee.attestation.cbor import read, read_map
from gotee.attestation.certificates import Chains, curve_key, read_certificate, verify_p384
from gotee.attestation.claims import Claims
from gotee.attestation.refusals import refuse
from gotee.attestation.trust import AWS, Trust, shipped

_ES384 = bytes.fromhex("a1013822")  # protected header {1: -35}, and nothing else
_TAG_18 = b"\xd2"  # COSE_Sign1
_MEMBERS = {
    "module_id",
    "digest",
    "timestamp",
    "pcrs",
    "certificate",
    "cabundle",
    "public_key",
    "user_data",
    "nonce",
}
_PCR = 48  # bytes, SHA-384
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def genuine(data: bytes, trust: Trust) -> Claims:
    """The claims of a genuine document. Raises EvidenceError."""
    protected, payload, signature = _envelope(data)
    document = _document(payload)
    chains = Chains(frozenset({AWS}), trust.now)
    leaf = read_certificate(document["certificate"], "the document's certificate")
    pool = [read_certificate(each, "a certificate of the cabundle") for each in document["cabundle"]]
    path = chains.path(leaf, [*pool, shipped("aws_nitro")], "the document's certificate")
    chains.refuse_strangers(pool, path, "the document's certificate")
    key = curve_key(leaf, "secp384r1", "the document's certificate")
    if len(signature) != 96 or not verify_p384(key, signature, _to_be_signed(protected, payload)):
        refuse("signature", "the document is not signed by its certificate's key")
    return _claims(document, chains)


def _envelope(data: bytes) -> tuple[bytes, bytes, bytes]:
    value = read(data.removeprefix(_TAG_18), "the document")  # AWS writes no tag; libraries add it
    if not isinstance(value, list) or len(value) != 4:
        refuse("format", "the document is no COSE_Sign1")
    protected, unprotected, payload, signature = value
    if unprotected != {} or not all(isinstance(each, bytes) for each in (protected, payload, signature)):
        refuse("format", "the document is no COSE_Sign1 with an empty unprotected header")
    if protected != _ES384:
        refuse("weak-hash", "the document is not signed with ES384")
    return protected, payload, signature


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """Sig_structure: ["Signature1", protected, external_aad = b"", payload]."""
    head = b"\x84\x6aSignature1" + bytes((0x40 + len(protected),)) + protected + b"\x40"
    length = len(payload)
    if length < 256:
        return head + bytes((0x58, length)) + payload
    if length < 65536:
        return head + b"\x59" + length.to_bytes(2, "big") + payload
    return head + b"\x5a" + length.to_bytes(4, "big") + payload


def _document(payload: bytes) -> dict[str, Any]:
    document = read_map(payload, "the document's payload", signed=True)
    if document.keys() - _MEMBERS or not (_MEMBERS - {"public_key", "user_data", "nonce"}) <= document.keys():
        refuse("format", "the document has unknown members, or lacks some")
    if document["digest"] != "SHA384":
        refuse("weak-hash", "the document's PCRs are not SHA-384")
    for name in ("public_key", "user_data", "nonce"):
        if not isinstance(document.get(name), bytes | None):
            refuse("format", f"{name} is no byte string")
    bundle, pcrs, stamp = document["cabundle"], document["pcrs"], document["timestamp"]
    if not isinstance(document["certificate"], bytes) or not isinstance(document["module_id"], str):
        refuse("format", "certificate or module_id is of another type")
    if not isinstance(bundle, list) or not 1 <= len(bundle) <= 7 or not all(isinstance(x, bytes) for x in bundle):
        refuse("format", "cabundle is no list of certificates")
    if type(stamp) is not int or not 0 < stamp < 1 << 47:
        refuse("format", "timestamp is no time")
    if not isinstance(pcrs, dict) or not {0, 1, 2} <= pcrs.keys():
        refuse("format", "pcrs has not PCR0 to PCR2")
    for number, value in pcrs.items():
        if type(number) is not int or not 0 <= number < 32 or not isinstance(value, bytes) or len(value) != _PCR:
            refuse("format", "pcrs holds something that is no SHA-384 PCR")
    return document


def _claims(document: dict[str, Any], chains: Chains) -> Claims:
    pcrs: dict[int, bytes] = document["pcrs"]
    assert chains.until is not None
    return Claims(
        kind="nitro",
        vendor="aws",
        hardware=True,
        measurement=pcrs[0],
        report_data=document.get("user_data") or b"",
        debug=not any(any(pcrs[number]) for number in (0, 1, 2)),
        revocation="none exists",
        valid_until=chains.until,
        signers=(pcrs[8],) if any(pcrs.get(8, b"")) else (),
        registers={f"pcr{number}": value for number, value in pcrs.items()},
        attributes={"module_id": document["module_id"]},
        platform_id=document["module_id"].partition("-enc")[0].encode(),
        cloud="aws",
        issued=_EPOCH + timedelta(milliseconds=document["timestamp"]),
        nonce=document.get("nonce") or b"",
        public_key=document.get("public_key") or b"",
    )
