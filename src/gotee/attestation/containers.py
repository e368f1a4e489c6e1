"""Evidence inside what others wrap around it, taken out; the rest of the container is not believed. Both worlds.

Called by `evidence`. Forms: JSON with a `quote` or an `attestation`; dstack's attestation; the answers of the SNP guest
device and of the Nitro security module; an SNP report with the host's certificate table.
"""

from __future__ import annotations

import base64
import struct
import uuid
from typing import NamedTuple

from gotee.attestation.refusals import refuse

SNP_REPORT = 1184  # bytes, SEV-SNP ABI, ATTESTATION_REPORT
_SNP_VERSIONS = (2, 3, 5)
_SNP_HEADER = 32  # bytes: MSG_REPORT_RSP, status and size before the report
_NSM = b"\xa1\x6bAttestation\xa1\x68document"  # CBOR {"Attestation": {"document": ...}}
_LEAST = 1000  # bytes; shorter evidence does not exist
_DSTACK = {0: "tdx", 2: "nitro", 3: "snp"}
# GHCB specification, "SNP extended guest request": certificate table; `chain` is joined.
_TABLE = {
    uuid.UUID("63da758d-e664-4564-adc5-f4b93be8accd"): "vcek",
    uuid.UUID("a8074bc2-a25a-483e-aae6-39c045a0b8a1"): "vlek",
    uuid.UUID("4ab7b379-bbac-4fe4-a02f-05aef327c782"): "chain",  # ASK or ASVK
    uuid.UUID("c0b406a4-a803-4952-9743-3fb6014cd0ae"): "chain",  # ARK
    uuid.UUID("92f81bc3-5811-4d3d-97ff-d19f88dc67ea"): "crl",
}
_ENTRY = struct.Struct("<16sII")  # GUID, offset, length


class Found(NamedTuple):
    """Evidence that was taken out: its kind, its bytes, and the parts that came with it."""

    kind: str
    data: bytes
    parts: dict[str, bytes]


def take_out(data: bytes) -> Found | None:
    """The evidence in a container, or None if it is none of those that are known."""
    if data[:1] == b"\0" and len(data) > 4 and data[1] in _DSTACK and (found := _dstack(data)) is not None:
        return found
    if data.startswith(_NSM):
        return Found("nitro", _bytes_of_cbor(data, len(_NSM)), {})
    if _is_report(data, _SNP_HEADER) and struct.unpack_from("<II", data) == (0, SNP_REPORT):
        rest = data[_SNP_HEADER + SNP_REPORT :]
        return _with_table(data[_SNP_HEADER : _SNP_HEADER + SNP_REPORT], rest)
    if _is_report(data, 0) and any(data[SNP_REPORT:]):
        return _with_table(data[:SNP_REPORT], data[SNP_REPORT:])
    return None


def _is_report(data: bytes, at: int) -> bool:
    return len(data) >= at + SNP_REPORT and struct.unpack_from("<I", data, at)[0] in _SNP_VERSIONS


def _with_table(report: bytes, rest: bytes) -> Found:
    parts = certificate_table(rest) if any(rest) else {}
    return Found("snp", report, parts)


def certificate_table(data: bytes) -> dict[str, bytes]:
    """The parts in a certificate table as the host gives it to an SNP guest. Raises EvidenceMalformed.

    GUIDs are written in either byte order: hosts do both.
    """
    parts: dict[str, bytes] = {}
    chain: list[bytes] = []
    for at in range(0, len(data) - _ENTRY.size + 1, _ENTRY.size):
        guid, offset, length = _ENTRY.unpack_from(data, at)
        if not any(guid):
            break
        if offset + length > len(data) or offset < at + _ENTRY.size:
            refuse("trailing", "what follows the SNP report is no certificate table")
        name = _TABLE.get(uuid.UUID(bytes=guid)) or _TABLE.get(uuid.UUID(bytes_le=guid))
        content = data[offset : offset + length]
        if name == "chain":
            chain.append(as_pem(content))
        elif name in parts:
            refuse("part-format", f"the certificate table has {name} twice")
        elif name is not None:
            parts[name] = content
    else:
        refuse("trailing", "what follows the SNP report is no certificate table")
    if chain:
        parts["chain"] = b"".join(chain)
    return parts


def as_pem(certificate: bytes) -> bytes:
    """A certificate in PEM, whichever form it has."""
    if certificate[:1] != b"\x30":
        return certificate.rstrip(b"\0\n") + b"\n"
    text = base64.encodebytes(certificate)
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"


def _dstack(data: bytes) -> Found | None:
    """dstack's attestation in SCALE: version 0, kind, the evidence; for SNP its certificates; then much else."""
    kind = _DSTACK[data[1]]
    evidence, at = _scale(data, 2)
    if evidence is None or len(evidence) < _LEAST:
        return None
    parts: dict[str, bytes] = {}
    if kind == "snp":
        if len(evidence) != SNP_REPORT or at >= len(data):
            return None
        count = data[at] >> 2  # a compact number below 64
        chain: list[bytes] = []
        at += 1
        for _ in range(min(count, 4)):
            one, at = _scale(data, at)
            if one is None:
                refuse("format", "the certificates of the attestation are cut short")
            chain.append(one)
        if chain:
            parts = {"vcek": b"".join(chain)}
    return Found(kind, evidence, parts)


def _scale(data: bytes, at: int) -> tuple[bytes | None, int]:
    """A byte string of SCALE, and where it ends; its length is a compact number of 1, 2 or 4 bytes."""
    width = {0: 1, 1: 2, 2: 4}.get(data[at] & 3) if at < len(data) else None
    if width is None or at + width > len(data):
        return None, at
    start = at + width
    length = int.from_bytes(data[at:start], "little") >> 2
    return (data[start : start + length], start + length) if start + length <= len(data) else (None, at)


def _bytes_of_cbor(data: bytes, at: int) -> bytes:
    """The byte string that ends a CBOR item whose beginning is known."""
    width = {0x58: 1, 0x59: 2, 0x5A: 4}.get(data[at]) if at < len(data) else None
    if width is None:
        refuse("format", "the security module's answer holds no document")
    start = at + 1 + width
    length = int.from_bytes(data[at + 1 : start], "big")
    if start + length != len(data):
        refuse("trailing", "the security module's answer has another length than it says")
    return data[start:]
