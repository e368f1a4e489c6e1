"""Evidence as it is handed to the verifier: what kind, the bytes, and further files by name. Both worlds.

Made by callers of `verify`; only tells the formats apart, and checks nothing.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gotee.attestation.containers import SNP_REPORT, certificate_table, take_out
from gotee.attestation.encoding import from_base64, from_hex, from_json
from gotee.attestation.refusals import refuse

KINDS = ("sgx", "tdx", "snp", "nitro", "tpm")
PARTS = ("vcek", "vlek", "chain", "crl", "certs", "claims", "certificate", "td_quote", "signature", "pcrs", "key",
         "hcl_report")  # fmt: skip
LIMIT = 1 << 20  # bytes of evidence; real evidence is below 64 KiB


@dataclass(frozen=True)
class Evidence:
    """Evidence of one kind, with its parts.

    >>> Evidence.detect(bytes.fromhex("ff54434780180022")).kind
    'tpm'
    """

    kind: str
    data: bytes
    parts: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            refuse("kind", f"{self.kind!r} is no kind of evidence")
        if len(self.data) > LIMIT or any(len(part) > LIMIT for part in self.parts.values()):
            refuse("format", f"the evidence is longer than {LIMIT} bytes")

    @property
    def key(self) -> bytes | None:
        """SHA-256 of the key of the part `certificate`, as a policy names it; None without that part."""
        from gotee.attestation.ratls import key_hash

        return key_hash(self.parts["certificate"]) if "certificate" in self.parts else None

    @classmethod
    def detect(cls, data: bytes, kind: str | None = None, parts: Mapping[str, bytes] | None = None) -> Evidence:
        """Evidence from a file: binary, or hexadecimal or base64 text, JSON, or wrapped as others do."""
        if len(data) > LIMIT:
            refuse("format", f"the evidence is longer than {LIMIT} bytes")
        given = dict(parts or {})
        if data.lstrip()[:10] == b"-----BEGIN" or _is_der(data):
            data, inside = _attested(data)
            given = {**inside, **given}
        if "certs" in given:
            given = {**certificate_table(given.pop("certs")), **given}
        if data.lstrip(b" \t\r\n")[:1] == b"{":
            document = from_json(data, "the evidence")
            if document.keys() & {"tpm_quote", "hcl_report", "message"} or isinstance(document.get("quote"), dict):
                return _azure_json(document, given, kind)
            if "attestation_report" in document or "chip_id" in document:
                return _snp_json(document, given, kind)
            data = _wrapped_text(document)
        if kind is None or _kind_of(data) != kind:
            data = _decoded(data)
        found = take_out(data)
        if found is not None and kind in (None, found.kind):
            return cls(found.kind, found.data, {**found.parts, **given})
        kind = kind or _kind_of(data)
        if kind is None:
            refuse("kind", "the evidence has no known beginning" if data else "the evidence is empty")
        return cls(kind, data, given)


def _snp_json(document: Mapping[str, Any], given: dict[str, bytes], kind: str | None) -> Evidence:
    """A report field by field, alone or with its certificates."""
    from gotee.attestation.snp_json import parts_of, report_of

    alone = "chip_id" in document
    if kind not in (None, "snp") or (not alone and document.keys() - {"attestation_report", "cert_chain"}):
        refuse("kind", "a JSON object with an SNP report, and more, or called by another kind")
    report = document if alone else document["attestation_report"]
    if not isinstance(report, dict):
        refuse("kind", "a JSON object whose attestation_report is no object")
    return Evidence("snp", report_of(report), {**parts_of(document.get("cert_chain")), **given})


def _is_der(data: bytes) -> bool:
    """Whether it begins as a certificate does: a sequence with a long length. Hexadecimal text may begin with 0x30."""
    return data[:1] == b"\x30" and data[1:2] in (b"\x81", b"\x82", b"\x83")


def _attested(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The quote in an RA-TLS certificate, with its parts."""
    from gotee.attestation.ratls import take_out

    found = take_out(data) if b"CERTIFICATE-----" in data[:40] or _is_der(data) else None
    if found is None:
        refuse("kind", "a certificate or a key without evidence in it is none; it may be a part of some")
    return found


def _wrapped_text(document: Mapping[str, object]) -> bytes:
    """The one text with evidence in a JSON object: others write event logs and much else beside it."""
    found = [document[name] for name in ("quote", "attestation") if isinstance(document.get(name), str)]
    if len(found) != 1:
        refuse("kind", "a JSON object without one `quote` or `attestation`, and no evidence of Azure")
    return str(found[0]).encode()


def _kind_of(data: bytes) -> str | None:
    if data[:4] == b"HCLA":
        return "tdx" if data[32:36] == b"\x81\0\0\0" else "snp"
    if data[:6] == b"\xff\x54\x43\x47\x80\x18":
        return "tpm"
    if data[:1] in (b"\x84", b"\xd2"):
        return "nitro"
    if len(data) >= 48:
        version, key, tee = struct.unpack_from("<HHI", data)
        if version in (3, 4, 5) and key in (2, 3) and tee in (0, 0x81):
            return "tdx" if tee else "sgx"
    if len(data) >= SNP_REPORT and struct.unpack_from("<I", data)[0] in (2, 3, 5):
        return "snp"
    return None


def _decoded(data: bytes) -> bytes:
    """The bytes of a text, in one line or several; binary evidence never consists of ASCII letters alone."""
    text = data.replace(b"\r\n", b"\n").replace(b"\n", b"")
    if not text.isascii() or not text or any(byte < 0x20 for byte in text):
        return data
    try:
        binascii.unhexlify(text.removeprefix(b"0x"))
    except ValueError:
        return from_base64(text.decode(), "the evidence, a text that is not hexadecimal,")
    return from_hex(text.removeprefix(b"0x").decode(), "the evidence")


def _azure_json(document: Mapping[str, Any], parts: dict[str, bytes], kind: str | None) -> Evidence:
    """Azure's confidential VMs: a TPM quote, and the hardware report that names the TPM's key; or the quote alone."""
    alone = "message" in document
    quote = document if alone else document.get("tpm_quote", document.get("quote"))
    if not isinstance(quote, dict) or not quote.keys() <= {"message", "signature", "pcrs"}:
        refuse("kind", "a JSON object that is no evidence of Azure")
    if not alone:
        number = document.get("version", 0)
        names = {0: ("quote", "report"), 1: ("tpm_quote", "hcl_report")}.get(number) if type(number) is int else None
        if names is None:
            refuse("format", "Azure's evidence is of an unknown version")
        if not set(names) <= document.keys() or document.keys() - {"version", *names, "vcek", "td_quote"}:
            refuse("format", f"Azure's evidence has members that version {number} does not have, or lacks some")
        parts["hcl_report"] = _bytes_of(document[names[1]], "the HCL report")
    parts["signature"] = _bytes_of(quote.get("signature"), "the TPM signature")
    pcrs = quote.get("pcrs")
    if not isinstance(pcrs, list):
        refuse("part-format", "the PCR values are no list")
    parts["pcrs"] = b"".join(_pcr(value) for value in pcrs)
    vcek = document.get("vcek")
    if isinstance(vcek, str):
        parts["vcek"] = vcek.encode() if vcek.startswith("-----") else _bytes_of(vcek, "the VCEK")
    if "td_quote" in document:
        parts["td_quote"] = _bytes_of(document["td_quote"], "the TD quote")
    if kind not in (None, "tpm"):
        refuse("kind", f"Azure's JSON is evidence of kind tpm, not {kind}")
    return Evidence("tpm", _bytes_of(quote.get("message"), "the TPM message"), parts)


def _pcr(value: object) -> bytes:
    digest = _bytes_of(value, "a PCR value")
    if len(digest) != 32:
        refuse("part-format", "a PCR value is not 32 bytes long")
    return digest


def _bytes_of(value: object, what: str) -> bytes:
    """Bytes that JSON carries as a list of numbers, hexadecimal, or base64 of either alphabet."""
    if isinstance(value, list):
        if all(type(item) is int and 0 <= item < 256 for item in value):
            return bytes(value)
        refuse("encoding", f"{what} is no list of bytes")
    if isinstance(value, str) and value and set(value) <= set("0123456789abcdefABCDEF"):
        return from_hex(value, what)
    return from_base64(value, what)
