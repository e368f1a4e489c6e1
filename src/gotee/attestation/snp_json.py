"""An SEV-SNP report as the JSON of the crate `sev` and of CoCo's agents, put together again. Both worlds.

Called by `evidence`. Nothing is believed here: what comes out is a report whose signature is verified, so a field that
is read wrongly is refused there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gotee.attestation.containers import SNP_REPORT, as_pem
from gotee.attestation.refusals import refuse

# Name: offset, bytes. AMD SEV-SNP Firmware ABI, table ATTESTATION_REPORT.
_NUMBERS = {
    "version": (0x00, 4),
    "guest_svn": (0x04, 4),
    "policy": (0x08, 8),
    "vmpl": (0x30, 4),
    "sig_algo": (0x34, 4),
    "plat_info": (0x40, 8),
    "key_info": (0x48, 4),
    "_author_key_en": (0x48, 4),
    "_reserved_0": (0x4C, 4),
    "cpuid_fam_id": (0x188, 1),
    "cpuid_mod_id": (0x189, 1),
    "cpuid_step": (0x18A, 1),
    "current_build": (0x1E8, 1),
    "current_minor": (0x1E9, 1),
    "current_major": (0x1EA, 1),
    "_reserved_2": (0x1EB, 1),
    "committed_build": (0x1EC, 1),
    "committed_minor": (0x1ED, 1),
    "committed_major": (0x1EE, 1),
    "_reserved_3": (0x1EF, 1),
    "launch_mit_vector": (0x1F8, 8),
    "current_mit_vector": (0x200, 8),
}
_BYTES = {
    "family_id": (0x10, 16),
    "image_id": (0x20, 16),
    "report_data": (0x50, 64),
    "measurement": (0x90, 48),
    "host_data": (0xC0, 32),
    "id_key_digest": (0xE0, 48),
    "author_key_digest": (0x110, 48),
    "report_id": (0x140, 32),
    "report_id_ma": (0x160, 32),
    "_reserved_1": (0x188, 24),
    "chip_id": (0x1A0, 64),
    "_reserved_4": (0x1F8, 168),
}
_TCBS = {"current_tcb": 0x38, "reported_tcb": 0x180, "committed_tcb": 0x1E0, "launch_tcb": 0x1F0}
_TCB = {"bootloader": 0, "tee": 1, "snp": 6, "microcode": 7}
_TURIN_TCB = {"fmc": 0, "bootloader": 1, "tee": 2, "snp": 3, "microcode": 7}
_VERSIONS = {"current": 0x1E8, "committed": 0x1EC}  # build, minor, major
_SIGNATURE = {"r": (0x2A0, 72), "s": (0x2E8, 72), "_reserved": (0x330, 368)}
_NEEDED = {"version", "policy", "report_data", "measurement", "reported_tcb", "chip_id", "signature"}
_WHAT = "the report in JSON"


def report_of(members: Mapping[str, Any]) -> bytes:
    """The 1184 bytes of a report. Raises EvidenceMalformed."""
    known = {*_NUMBERS, *_BYTES, *_TCBS, *_VERSIONS, "signature"}
    if not _NEEDED <= members.keys() <= known:
        refuse("format", f"{_WHAT} lacks members, or has unknown ones")
    report, taken = bytearray(SNP_REPORT), bytearray(SNP_REPORT)
    for name, value in members.items():
        for at, part in _placed(name, value) if value is not None else ():  # null: this version has no such field
            end = at + len(part)
            if any(taken[at:end]):
                refuse("format", f"{_WHAT} says the same twice")
            report[at:end], taken[at:end] = part, b"\1" * len(part)
    return bytes(report)


def _placed(name: str, value: Any) -> list[tuple[int, bytes]]:
    """Where the bytes of one member belong."""
    if name in _NUMBERS:
        return [(_NUMBERS[name][0], _number(value, _NUMBERS[name][1]))]
    if name in _BYTES:
        return [(_BYTES[name][0], _bytes(value, _BYTES[name][1]))]
    if name in _TCBS:
        return [(_TCBS[name], _tcb(value))]
    members = _object(value)
    if name in _VERSIONS:
        parts = (members.get(part) for part in ("build", "minor", "major"))
        return [(_VERSIONS[name], b"".join(_number(part, 1) for part in parts))]
    if not {"r", "s"} <= members.keys() <= _SIGNATURE.keys():
        refuse("format", f"{_WHAT} has a signature of an unknown form")
    return [(_SIGNATURE[part][0], _bytes(members[part], _SIGNATURE[part][1])) for part in members]


def parts_of(chain: Any) -> dict[str, bytes]:
    """The parts in `cert_chain`: a list of {"cert_type", "data"}, or null."""
    parts: dict[str, bytes] = {}
    for entry in chain if isinstance(chain, list) else []:
        name, data = str(_object(entry).get("cert_type")).lower(), _bytes(_object(entry).get("data"), None)
        if name in ("ask", "ark", "asvk"):
            parts["chain"] = parts.get("chain", b"") + as_pem(data)
        elif name in parts:
            refuse("part-format", f"the report's certificates have {name} twice")
        elif name in ("vcek", "vlek", "crl"):
            parts[name] = data
    return parts


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else refuse("format", f"{_WHAT} has a member that is no object")


def _number(value: Any, size: int) -> bytes:
    if type(value) is not int or not 0 <= value < 1 << 8 * size:
        refuse("format", f"{_WHAT} has a number that does not fit {size} bytes")
    return value.to_bytes(size, "little")


def _bytes(value: Any, size: int | None) -> bytes:
    if not isinstance(value, list) or not all(type(each) is int and 0 <= each < 256 for each in value):
        refuse("format", f"{_WHAT} has a member that is no list of bytes")
    if size is not None and len(value) != size:
        refuse("format", f"{_WHAT} has {len(value)} bytes where {size} belong")
    return bytes(value)


def _tcb(value: Any) -> bytes:
    members = _object(value)
    places = _TCB if members.get("fmc") is None else _TURIN_TCB
    if not {*places} <= members.keys() <= {*_TURIN_TCB, "_reserved"}:
        refuse("format", f"{_WHAT} has a TCB of an unknown form")
    tcb = bytearray(8)
    for name, place in places.items():
        tcb[place : place + 1] = _number(members[name], 1)
    if any(_bytes(members.get("_reserved", [0] * 4), 4)):
        refuse("format", f"{_WHAT} has a TCB with reserved bytes")
    return bytes(tcb)
