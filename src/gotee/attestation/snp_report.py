"""An SEV-SNP attestation report: bytes to fields. Both worlds.

Called by `snp`, which says whether it is genuine. Offsets: AMD SEV-SNP Firmware ABI, table ATTESTATION_REPORT.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from gotee.attestation.encoding import strip_padding
from gotee.attestation.refusals import refuse

SIZE, SIGNED = 1184, 0x2A0
VERSIONS = (2, 3, 5)
ECDSA_P384_SHA384 = 1
DEBUG, MIGRATE = 1 << 19, 1 << 18
VCEK, VLEK = 0, 1
_HALF = 72  # bytes of r and of s, little-endian
_FAMILIES = {0x19: (("Milan", 0x0, 0xF), ("Genoa", 0x10, 0x1F), ("Genoa", 0xA0, 0xAF)), 0x1A: (("Turin", 0x0, 0x1F),)}


@dataclass(frozen=True)
class SnpReport:
    """A report's fields; `signature` is r, s big-endian, 48 bytes each."""

    version: int
    guest_svn: int
    policy: int
    family_id: bytes
    image_id: bytes
    vmpl: int
    platform_info: int
    signing_key: int
    report_data: bytes
    measurement: bytes
    host_data: bytes
    id_key_digest: bytes
    author_key_digest: bytes
    reported_tcb: bytes
    cpuid: tuple[int, int] | None
    chip_id: bytes
    committed_tcb: bytes
    launch_tcb: bytes
    signed: bytes
    signature: bytes


def read_report(data: bytes) -> SnpReport:
    """The fields of a report; zero padding may follow it. Raises EvidenceMalformed."""
    strip_padding(data, SIZE, "the SNP report")
    version, guest_svn, policy = struct.unpack_from("<IIQ", data)
    vmpl, algorithm = struct.unpack_from("<II", data, 0x30)
    if version not in VERSIONS:
        refuse("format", f"an SNP report of version {version} is not known")
    if algorithm != ECDSA_P384_SHA384:
        refuse("format", f"signature algorithm {algorithm} is not ECDSA P-384 with SHA-384")
    if vmpl > 3:
        refuse("format", f"VMPL {vmpl} does not exist")
    r, s = data[SIGNED : SIGNED + _HALF], data[SIGNED + _HALF : SIGNED + 2 * _HALF]
    if any(r[48:]) or any(s[48:]) or any(data[SIGNED + 2 * _HALF : SIZE]):
        refuse("format", "the signature of the SNP report is followed by something")
    return SnpReport(
        version=version,
        guest_svn=guest_svn,
        policy=policy,
        family_id=data[0x10:0x20],
        image_id=data[0x20:0x30],
        vmpl=vmpl,
        platform_info=struct.unpack_from("<Q", data, 0x40)[0],
        signing_key=struct.unpack_from("<I", data, 0x48)[0] >> 2 & 7,
        report_data=data[0x50:0x90],
        measurement=data[0x90:0xC0],
        host_data=data[0xC0:0xE0],
        id_key_digest=data[0xE0:0x110],
        author_key_digest=data[0x110:0x140],
        reported_tcb=data[0x180:0x188],
        cpuid=(data[0x188], data[0x189]) if version >= 3 else None,
        chip_id=data[0x1A0:0x1E0],
        committed_tcb=data[0x1E0:0x1E8],
        launch_tcb=data[0x1F0:0x1F8],
        signed=data[:SIGNED],
        signature=r[47::-1] + s[47::-1],
    )


def product_of(cpuid: tuple[int, int]) -> str:
    """The product line of a CPU family and model, or an empty text.

    >>> product_of((0x19, 0x01))
    'Milan'
    """
    family, model = cpuid
    return next((name for name, low, high in _FAMILIES.get(family, ()) if low <= model <= high), "")


def tcb_parts(tcb: bytes, product: str) -> dict[str, int]:
    """The parts of a TCB version; Turin has another layout, with an FMC byte."""
    if product == "Turin":
        return {"fmc": tcb[0], "bootloader": tcb[1], "tee": tcb[2], "snp": tcb[3], "microcode": tcb[7]}
    return {"bootloader": tcb[0], "tee": tcb[1], "snp": tcb[6], "microcode": tcb[7]}
