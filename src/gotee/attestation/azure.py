"""Azure's confidential VMs: the HCL report, whose runtime data the hardware report names. Both worlds.

Called by `verdict` and `tpm`. Format: Azure "Guest attestation", HCL report: header, hardware report, runtime data.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gotee.attestation import snp
from gotee.attestation.certificates import same
from gotee.attestation.claims import Claims
from gotee.attestation.collateral import Collateral
from gotee.attestation.encoding import from_base64, from_json, strip_padding
from gotee.attestation.refusals import refuse
from gotee.attestation.snp_report import SIZE
from gotee.attestation.trust import Trust

_HEADER, _REPORT_AREA = 32, 1184
_RUNTIME = _HEADER + _REPORT_AREA  # u32 size, version, report type, hash type, length; then the JSON text
SNP, TDX = 2, 4
_SHA256 = 1


def genuine_hardware(hcl: bytes, parts: Mapping[str, bytes], collateral: Collateral | None, trust: Trust) -> Claims:
    """The hardware's claims. Its report data must be the hash of the runtime data."""
    kind, report, runtime = read_hcl(hcl)
    if kind == SNP:
        claims = snp.genuine(report, parts, trust)
    else:
        from gotee.attestation import intel

        if "td_quote" not in parts:
            refuse("part-missing", "the TD's quote is missing: part `td_quote`")
        claims = intel.genuine(parts["td_quote"], "tdx", collateral, trust)
        _same_td(report, claims)
    expected = hashlib.sha256(runtime).digest().ljust(64, b"\0")
    if not same(claims.report_data, expected):
        refuse("runtime-data", "the hardware report is about other runtime data")
    return replace(claims, cloud="azure")


def _same_td(report: bytes, claims: Claims) -> None:
    """The TDREPORT has to be of the quote's TD. Intel TDX module ABI: REPORTMACSTRUCT, TEE_TCB_INFO, TDINFO.

    Its MAC and CPUSVN can be checked on the machine only; RTMRs may have been extended between report and quote.
    """
    tcb, td = report[256:495], report[512:1024]
    hashes = hashlib.sha384(tcb).digest() + hashlib.sha384(td).digest()
    spare = report[1:16] + report[192:224] + report[495:512] + report[1024:]
    if report[:1] != b"\x81" or any(spare) or not same(report[32:128], hashes):
        refuse("format", "the HCL report holds no TDREPORT")
    names = ("xfam", "mrconfigid", "mrowner", "mrownerconfig")
    registers = [claims.registers[name] for name in names]
    flags = int(claims.attributes["flags"]).to_bytes(8, "little")
    expected = (claims.report_data, flags, registers[0], claims.measurement, *registers[1:])
    mrseam = claims.registers["mrseam"]
    if not same(report[128:192] + td[:208], b"".join(expected)) or not same(tcb[24:72], mrseam):
        refuse("runtime-data", "the TDREPORT in the HCL report is of another TD than the quote")


def read_hcl(hcl: bytes) -> tuple[int, bytes, bytes]:
    """The hardware's kind, its report (of a TD not a quote but TDREPORT), and the runtime data."""
    if len(hcl) < _RUNTIME + 20 or hcl[:4] != b"HCLA":
        refuse("format", "the HCL report is cut short, or has another beginning")
    if struct.unpack_from("<I", hcl, 4)[0] not in (1, 2) or any(hcl[16:_HEADER]):
        refuse("format", "the HCL report's header is of an unknown version")
    request, size = struct.unpack_from("<I", hcl, 12)[0], struct.unpack_from("<I", hcl, 8)[0]
    total, version, kind, algorithm, length = struct.unpack_from("<IIIII", hcl, _RUNTIME)
    end = _RUNTIME + 20 + length
    if request != 2 or version != 1 or kind not in (SNP, TDX) or algorithm != _SHA256 or total != length + 20:
        refuse("format", "the HCL report's runtime data is of an unknown form")
    if size != end:
        refuse("format", "the HCL report has another length than it says")
    strip_padding(hcl, end, "the HCL report")
    return kind, hcl[_HEADER : _HEADER + SIZE], hcl[_RUNTIME + 20 : end]


def attestation_key(runtime: bytes) -> tuple[int, int]:
    """Modulus and exponent of the TPM's attestation key, HCLAkPub, in the runtime data."""
    keys = from_json(runtime, "the runtime data").get("keys")
    found: list[dict[str, Any]] = []
    if isinstance(keys, list):
        found = [key for key in keys if isinstance(key, dict) and key.get("kid") == "HCLAkPub"]
    if len(found) != 1 or found[0].get("kty") != "RSA":
        refuse("runtime-data", "the runtime data holds no RSA key HCLAkPub")
    n, e = (from_base64(found[0].get(name), f"{name} of HCLAkPub") for name in ("n", "e"))
    return int.from_bytes(n, "big"), int.from_bytes(e, "big")
