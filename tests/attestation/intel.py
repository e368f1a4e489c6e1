"""A stand-in for Intel: the simulation with Intel's names, and TDX besides.

Tests put its root's key hash in the place of Intel's; nothing else in the verifier changes.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gotee.attestation import simulation
from gotee.attestation.quotes import INTEL_QE_VENDOR
from gotee.attestation.simulation import Simulation

SEAM_SIGNER = b"S" * 48
TDX_SVN = bytes((5, 1)) + bytes((2,) * 14)
SEPT_VE_DISABLE = 1 << 28


@dataclass
class Intel(Simulation):
    """`info` and `identity` overwrite members of the signed statements; None removes one."""

    tdx: bool = False
    info: dict[str, Any] = field(default_factory=dict)
    identity: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def _make(self) -> None:
        name = {
            "root": "Intel SGX Root CA",
            "authority": "Intel SGX PCK Platform CA",
            "pck": "Intel SGX PCK Certificate",
            "signer": "Intel SGX TCB Signing",
            **self.names,
        }
        self.root = self._issue(name["root"], None, ca=1)
        self.authority = self._issue(name["authority"], self.root, ca=0)
        self.pck = self._issue(name["pck"], self.authority, extension=self._pck_extension())
        self.signer = self._issue(name["signer"], self.root)

    def again(self, issuer: str, **options: Any) -> simulation.Authority:
        """Another certificate of one of the authorities."""
        return self._issue("Intel SGX PCK Certificate", getattr(self, issuer), **options)

    def older_root(self) -> bytes:
        """Another certificate of the root's own key, in PEM: Intel has two."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.root.certificate.subject)
            .issuer_name(self.root.certificate.subject)
            .public_key(self.root.key.public_key())
            .serial_number(self.root.certificate.serial_number)
            .not_valid_before(self.start)
            .not_valid_after(self.start + timedelta(days=400))
        )
        for extension in self.root.certificate.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        return builder.sign(self.root.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    @property
    def pck_extension(self) -> bytes:
        return self._pck_extension()

    def _tcb_info(self) -> str:
        found = json.loads(super()._tcb_info())
        if self.tdx:
            found["id"] = "TDX"
            found["tdxModule"] = _module(None)
            found["tdxModuleIdentities"] = [_module("TDX_01")]
            tcb = found["tcbLevels"][0]["tcb"]
            tcb["tdxtcbcomponents"] = [{"svn": svn} for svn in TDX_SVN]
        return _changed(found, self.info)

    def _qe_identity(self) -> str:
        found = json.loads(super()._qe_identity())
        if self.tdx:
            found["id"] = "TD_QE"
        return _changed(found, self.identity)

    def tdx_quote(self, body: bytes, version: int = 4, **changes: Any) -> bytes:
        """A TDX quote; `changes` replace its header's fields and lengths."""
        qe = changes.get("qe")
        header = struct.pack("<HHIHH", version, changes.get("key_type", 2), 0x81, 0, 0) + INTEL_QE_VENDOR + bytes(20)
        if version == 5:
            kind, size = changes.get("body_type", 2 if len(body) == 584 else 3), changes.get("body_size", len(body))
            header += struct.pack("<HI", kind, size)
        public = _public(self.attestation)
        auth_data = b"a" * 32
        bound = hashlib.sha256(public + auth_data).digest()
        signer = simulation._QE_SIGNER
        report = qe or simulation._report(simulation._QE_ATTRIBUTES, bytes(32), signer, bound, 1, 8, b"", b"")
        inner = (
            report
            + simulation._raw(self.pck.key, report)
            + struct.pack("<H", len(auth_data))
            + auth_data
            + struct.pack("<HI", changes.get("inner", 5), len(self.chain))
            + self.chain
        )
        outer = struct.pack("<HI", changes.get("outer", 6), len(inner) + changes.get("lie", 0)) + inner
        auth = simulation._raw(self.attestation, header + body) + public + outer
        return header + body + struct.pack("<I", len(auth)) + auth


def td_report(*, long: bool = False, **fields: bytes) -> bytes:
    """A TD report body of 584 or 648 bytes; `fields` overwrite bytes at an offset (`at_0`...)."""
    body = bytearray(648 if long else 584)
    body[0:16] = TDX_SVN
    body[64:112] = SEAM_SIGNER
    body[120:128] = SEPT_VE_DISABLE.to_bytes(8, "little")
    body[136:184] = b"t" * 48
    body[520:584] = bytes(range(64))
    for name, value in fields.items():
        at = int(name.removeprefix("at_"))
        body[at : at + len(value)] = value
    return bytes(body)


def _module(name: str | None) -> dict[str, Any]:
    module = {"mrsigner": SEAM_SIGNER.hex().upper(), "attributes": "00" * 8, "attributesMask": "FF" * 8}
    if name is None:
        return module
    level = {"tcb": {"isvsvn": 4}, "tcbDate": "2026-01-01T00:00:00Z", "tcbStatus": "UpToDate"}
    old = {"tcb": {"isvsvn": 2}, "tcbDate": "2025-01-01T00:00:00Z", "tcbStatus": "OutOfDate"}
    return {"id": name, **module, "tcbLevels": [level, old]}


def _changed(found: dict[str, Any], changes: dict[str, Any]) -> str:
    kept = {name: value for name, value in {**found, **changes}.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"))


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def unknown_critical() -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
