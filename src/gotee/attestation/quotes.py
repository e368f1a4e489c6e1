"""Intel quotes: bytes to fields, versions 3 (SGX), 4 and 5 (SGX and TDX). Both worlds.

Called by `intel`, which says whether they are genuine. Offsets: Intel SGX ECDSA QuoteLibReference DCAP API and
Intel TDX DCAP Quoting Library API, appendix "Quote Format".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from gotee.attestation.encoding import strip_padding
from gotee.attestation.refusals import refuse

HEADER = 48
SGX_BODY, TDX_BODY, TDX_BODY_15 = 384, 584, 648
ECDSA_P256 = 2
SGX, TDX = 0, 0x81
INTEL_QE_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
PEM_CHAIN, QE_CERTIFICATION = 5, 6
_BODY_TYPES = {(1, SGX_BODY): SGX, (2, TDX_BODY): TDX, (3, TDX_BODY_15): TDX}  # version 5


@dataclass(frozen=True)
class SgxReport:
    """An SGX report body (384 bytes): an enclave's, or the quoting enclave's."""

    cpusvn: bytes
    miscselect: int
    isvextprodid: bytes
    attributes: bytes
    mrenclave: bytes
    mrsigner: bytes
    configid: bytes
    isvprodid: int
    isvsvn: int
    configsvn: int
    isvfamilyid: bytes
    report_data: bytes

    @classmethod
    def read(cls, body: bytes) -> SgxReport:
        """The fields of exactly 384 bytes."""
        miscselect, isvprodid = struct.unpack_from("<I", body, 16)[0], struct.unpack_from("<H", body, 256)[0]
        isvsvn, configsvn = struct.unpack_from("<HH", body, 258)
        return cls(
            body[0:16], miscselect, body[32:48], body[48:64], body[64:96], body[128:160], body[192:256],
            isvprodid, isvsvn, configsvn, body[304:320], body[320:384],
        )  # fmt: skip


@dataclass(frozen=True)
class TdReport:
    """A TD report body (584 bytes, or 648 of TDX 1.5)."""

    tee_tcb_svn: bytes
    mrseam: bytes
    mrsignerseam: bytes
    seam_attributes: bytes
    td_attributes: bytes
    xfam: bytes
    mrtd: bytes
    mrconfigid: bytes
    mrowner: bytes
    mrownerconfig: bytes
    rtmrs: tuple[bytes, bytes, bytes, bytes]
    report_data: bytes
    mrservicetd: bytes

    @classmethod
    def read(cls, body: bytes) -> TdReport:
        """The fields of 584 or 648 bytes."""
        return cls(
            body[0:16], body[16:64], body[64:112], body[112:120], body[120:128], body[128:136], body[136:184],
            body[184:232], body[232:280], body[280:328],
            (body[328:376], body[376:424], body[424:472], body[472:520]), body[520:584], body[600:648],
        )  # fmt: skip


@dataclass(frozen=True)
class Quote:
    """A quote's fields. `signed` is what the attestation key signs."""

    version: int
    tee: int
    body: SgxReport | TdReport
    signed: bytes
    signature: bytes
    attestation_key: bytes
    qe_report: bytes
    qe_signature: bytes
    qe_auth_data: bytes
    certification_type: int
    certification: bytes


def read_quote(data: bytes) -> Quote:
    """The fields of a quote. Lengths are exact; zero padding may follow. Raises EvidenceMalformed."""
    if len(data) < HEADER + SGX_BODY + 4:
        refuse("format", "a quote is longer than this")
    version, key_type, tee = struct.unpack_from("<HHI", data)
    if version not in (3, 4, 5) or tee not in (SGX, TDX) or (version == 3 and tee != SGX):
        refuse("format", f"a quote of version {version} for TEE {tee:#x} is not known")
    if key_type != ECDSA_P256:
        refuse("format", f"attestation key type {key_type} is not ECDSA P-256")
    if data[12:28] != INTEL_QE_VENDOR:
        refuse("format", "the quoting enclave is not Intel's kind")
    start, size = _body(data, version, tee)
    end = start + size
    if len(data) < end + 4:
        refuse("format", "the quote ends inside its body")
    auth_length = struct.unpack_from("<I", data, end)[0]
    strip_padding(data, end + 4 + auth_length, "the quote")
    report = TdReport.read(data[start:end]) if tee == TDX else SgxReport.read(data[start:end])
    auth = data[end + 4 : end + 4 + auth_length]
    return _with_auth(version, tee, report, data[:end], auth)


def _body(data: bytes, version: int, tee: int) -> tuple[int, int]:
    if version < 5:
        return HEADER, TDX_BODY if tee == TDX else SGX_BODY
    kind, size = struct.unpack_from("<HI", data, HEADER)
    if _BODY_TYPES.get((kind, size)) != tee:
        refuse("format", f"a body of type {kind} and {size} bytes is not known")
    return HEADER + 6, size


def _with_auth(version: int, tee: int, report: SgxReport | TdReport, signed: bytes, auth: bytes) -> Quote:
    if len(auth) < 128 + 6:
        refuse("format", "the signature data of the quote is too short")
    rest = auth[128:]
    if version > 3:
        kind, length = struct.unpack_from("<HI", rest)
        if kind != QE_CERTIFICATION:
            refuse("certification-type", f"certification data of type {kind} instead of 6")
        if length != len(rest) - 6:
            refuse("format", "the certification data has another length than it says")
        rest = rest[6:]
    if len(rest) < SGX_BODY + 64 + 2:
        refuse("format", "the quoting enclave's report is cut short")
    length = struct.unpack_from("<H", rest, 448)[0]
    at = 450 + length
    if len(rest) < at + 6:
        refuse("format", "the quoting enclave's data is cut short")
    kind, size = struct.unpack_from("<HI", rest, at)
    if size != len(rest) - at - 6:
        refuse("format", "the certification data has another length than it says")
    return Quote(
        version, tee, report, signed, auth[:64], auth[64:128], rest[:384], rest[384:448], rest[450:at], kind,
        rest[at + 6 :],
    )  # fmt: skip
