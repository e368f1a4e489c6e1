"""Intel's signed statements: the PCK certificate's extension, TCB info, QE and TDX module identity. Both worlds.

Called by `intel` after the signatures were checked. Intel PCS API v4, "TCB Info V3" and "Enclave Identity V2".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from gotee.attestation import der
from gotee.attestation.encoding import from_hex, from_json
from gotee.attestation.quotes import SgxReport, TdReport
from gotee.attestation.refusals import refuse

PCK_EXTENSION = "1.2.840.113741.1.13.1"
_SGX_OID = bytes.fromhex("2a864886f84d010d01")  # the same, as DER content
_SEVERITY = ("UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
             "OutOfDateConfigurationNeeded", "Revoked")  # fmt: skip
_FORMAT = "collateral-format"


@dataclass(frozen=True)
class Pck:
    """What a PCK certificate says of its platform."""

    ppid: bytes
    svns: tuple[int, ...]
    pcesvn: int
    pceid: bytes
    fmspc: bytes
    instance: bytes


@dataclass(frozen=True)
class Verdict:
    """A status with the advisories that belong to it."""

    status: str
    advisories: tuple[str, ...]


@lru_cache(maxsize=16)
def read_pck(extension: bytes) -> Pck:
    """The fields of the PCK extension. Raises EvidenceMalformed."""
    what = "the PCK extension"
    fields = der.named(der.only(extension, der.SEQUENCE, what), what)
    tcb = der.named(_value(fields, 2, der.SEQUENCE, what), what)
    svns = tuple(der.number(_value(tcb, (2, number), der.INTEGER, what), what) for number in range(1, 17))
    instance = fields.get(_SGX_OID + b"\x06")
    return Pck(
        ppid=_octets(fields, 1, 16, what),
        svns=svns,
        pcesvn=der.number(_value(tcb, (2, 17), der.INTEGER, what), what),
        pceid=_octets(fields, 3, 2, what),
        fmspc=_octets(fields, 4, 6, what),
        instance=instance[1] if instance else b"",
    )


def _value(fields: dict[bytes, tuple[int, bytes]], path: int | tuple[int, int], tag: int, what: str) -> bytes:
    oid = _SGX_OID + bytes(path if isinstance(path, tuple) else (path,))
    if oid not in fields or fields[oid][0] != tag:
        refuse("certificate-format", f"{what} lacks a field")
    return fields[oid][1]


def _octets(fields: dict[bytes, tuple[int, bytes]], number: int, length: int, what: str) -> bytes:
    value = _value(fields, number, der.OCTETS, what)
    if len(value) != length:
        refuse("certificate-format", f"{what} has a field of the wrong length")
    return value


@dataclass(frozen=True)
class Statement:
    """TCB info or an identity: the members, and the window that it names itself."""

    members: dict[str, Any]
    issued: datetime
    until: datetime
    evaluation: int


def read_statement(text: str, kind: str, what: str) -> Statement:
    """A signed JSON text whose `id` must be `kind` (SGX, TDX, QE, TD_QE)."""
    members = from_json(text, what, _FORMAT)
    version = _number(members, "version", what)
    if members.get("id", "SGX" if version == 2 else None) != kind:
        refuse("collateral-platform", f"{what} is for {members.get('id')!r:.20}, not {kind}")
    if version not in (2, 3) or (kind == "TDX" and version != 3):
        refuse(_FORMAT, f"{what} is of version {version}")
    issued, until = _moment(members, "issueDate", what), _moment(members, "nextUpdate", what)
    return Statement(members, issued, until, _number(members, "tcbEvaluationDataNumber", what))


def platform_matches(info: Statement, pck: Pck) -> bool:
    """Whether TCB info is for the FMSPC and PCEID of the certificate."""
    fmspc, pceid = info.members.get("fmspc"), info.members.get("pceId")
    return (
        isinstance(fmspc, str)
        and fmspc.lower() == pck.fmspc.hex()
        and isinstance(pceid, str)
        and pceid.lower() == pck.pceid.hex()
        and info.members.get("tcbType", 0) == 0
    )


def platform_status(info: Statement, pck: Pck, tdx_svn: bytes | None) -> Verdict:
    """The first TCB level that the platform reaches. `tdx_svn` is TEE_TCB_SVN of a TD."""
    for level in _levels(info.members):
        tcb = _dict(level, "tcb")
        if _reaches(pck.svns, _components(tcb, "sgx")) and pck.pcesvn >= _number(tcb, "pcesvn", "TCB info"):
            if tdx_svn is not None:
                # With a module version above 0 the first two belong to the module's own identity.
                first = 2 if tdx_svn[1] else 0
                if not _reaches(tuple(tdx_svn[first:]), _components(tcb, "tdx")[first:]):
                    continue
            return _verdict(level)
    refuse("tcb-unmatched", "the platform reaches no TCB level of the TCB info")


def module_status(info: Statement, report: TdReport) -> Verdict:
    """The TDX module's identity (signer, attributes) and its TCB status."""
    version, svn = report.tee_tcb_svn[1], report.tee_tcb_svn[0]
    if version == 0:
        module = _dict(info.members, "tdxModule")
        _match_module(module, report)
        return Verdict("UpToDate", ())
    for module in _list(info.members, "tdxModuleIdentities"):
        if module.get("id") == f"TDX_{version:02X}" or module.get("id") == f"TDX_{version:02x}":
            _match_module(module, report)
            return _by_svn(module, svn, "tdx-module", "the TDX module")
    refuse("tdx-module", f"the TCB info knows no TDX module of version {version}")


def _match_module(module: dict[str, Any], report: TdReport) -> None:
    signer = _hex(module, "mrsigner", 48)
    mask, wanted = _hex(module, "attributesMask", 8), _hex(module, "attributes", 8)
    if signer != report.mrsignerseam or _masked(report.seam_attributes, mask) != _masked(wanted, mask):
        refuse("tdx-module", "the TDX module has another signer or other attributes")


def enclave_status(identity: Statement, report: SgxReport) -> Verdict:
    """The quoting enclave's report against its identity."""
    members = identity.members
    mask, wanted = _hex(members, "attributesMask", 16), _hex(members, "attributes", 16)
    misc_mask = int.from_bytes(_hex(members, "miscselectMask", 4), "big")
    misc = int.from_bytes(_hex(members, "miscselect", 4), "big")
    # These two are little-endian in the report and big-endian text in some identities; all real ones are zero.
    if (
        report.mrsigner != _hex(members, "mrsigner", 32)
        or report.isvprodid != _number(members, "isvprodid", "the QE identity")
        or _masked(report.attributes, mask) != _masked(wanted, mask)
        or report.miscselect & misc_mask != misc & misc_mask
    ):
        refuse("qe-identity", "the quoting enclave is not the one of the identity")
    return _by_svn(members, report.isvsvn, "qe-identity", "the quoting enclave")


def converge(platform: Verdict, *others: Verdict) -> Verdict:
    """One status from the platform's and its enclave's or module's: the worse one, as Intel's library joins them."""
    status, advisories = platform.status, list(platform.advisories)
    for other in others:
        advisories += other.advisories
        if "Revoked" in (status, other.status):
            status = "Revoked"
        elif other.status != "UpToDate":
            status = "OutOfDateConfigurationNeeded" if "Configuration" in status else "OutOfDate"
    return Verdict(status, tuple(dict.fromkeys(advisories)))


def _by_svn(members: dict[str, Any], svn: int, code: str, what: str) -> Verdict:
    for level in _levels(members):
        if svn >= _number(_dict(level, "tcb"), "isvsvn", what):
            return _verdict(level)
    refuse(code, f"{what} is older than every known version")


def _verdict(level: dict[str, Any]) -> Verdict:
    status, advisories = level.get("tcbStatus"), level.get("advisoryIDs", [])
    if status not in _SEVERITY or not isinstance(advisories, list) or not all(isinstance(a, str) for a in advisories):
        refuse(_FORMAT, "a TCB level has no known status")
    return Verdict(status, tuple(advisories))


def _components(tcb: dict[str, Any], kind: str) -> tuple[int, ...]:
    if f"{kind}tcbcomponents" in tcb:
        found = tuple(_number(each, "svn", "TCB info") for each in _list(tcb, f"{kind}tcbcomponents"))
    else:  # version 2 numbers them
        found = tuple(_number(tcb, f"{kind}tcbcomp{number:02}svn", "TCB info") for number in range(1, 17))
    if len(found) != 16:
        refuse(_FORMAT, "a TCB level has not 16 components")
    return found


def _reaches(svns: Sequence[int], needed: Sequence[int]) -> bool:
    return all(have >= need for have, need in zip(svns, needed, strict=True))


def _masked(value: bytes, mask: bytes) -> bytes:
    return bytes(a & b for a, b in zip(value, mask, strict=True))


def _levels(members: dict[str, Any]) -> list[dict[str, Any]]:
    return _list(members, "tcbLevels")


def _list(members: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = members.get(name)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        refuse(_FORMAT, f"{name} is no list of objects")
    return found


def _dict(members: dict[str, Any], name: str) -> dict[str, Any]:
    found = members.get(name)
    return found if isinstance(found, dict) else refuse(_FORMAT, f"{name} is no object")


def _number(members: dict[str, Any], name: str, what: str) -> int:
    found = members.get(name)
    if type(found) is not int or found < 0:
        refuse(_FORMAT, f"{name} of {what} is no number")
    return found


def _hex(members: dict[str, Any], name: str, length: int) -> bytes:
    text = members.get(name)
    found = from_hex(text.lower() if isinstance(text, str) else text, name, _FORMAT)
    return found if len(found) == length else refuse(_FORMAT, f"{name} is not {length} bytes long")


def _moment(members: dict[str, Any], name: str, what: str) -> datetime:
    text = members.get(name)
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        refuse(_FORMAT, f"{name} of {what} is no moment with a zone")
    return found
