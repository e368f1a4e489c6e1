"""A stand-in for AMD: root, authorities, chip certificates, CRLs and reports of every product and version.

Tests put its root's key hash in the place of AMD's; nothing else in the verifier changes.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=1)
CPUID = {"Milan": (0x19, 0x01), "Genoa": (0x19, 0x11), "Turin": (0x1A, 0x02)}
PSS = padding.PSS(padding.MGF1(hashes.SHA384()), hashes.SHA384.digest_size)
_ARC = "1.3.6.1.4.1.3704.1"
_USES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """A shorter key than AMD's 4096 bits, which take long to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Amd:
    """One product's keys and certificates. `leaf` is vcek or vlek."""

    def __init__(self, product: str, leaf: str = "vcek", keys: int = 0, **changes: Any) -> None:
        self.product, self.leaf, self.keys = product, leaf, keys
        self.chip = bytes(range(1, 9)) if product == "Turin" else bytes(range(1, 65))
        self.tcb = {"fmc": 1, "bootloader": 3, "tee": 0, "snp": 8, "microcode": 115}
        self.key = ec.generate_private_key(changes.get("curve", ec.SECP384R1()))
        self.ark = self._authority(f"ARK-{product}", f"ARK-{product}", rsa_key(keys), rsa_key(keys))
        between = changes.get("between", f"SEV-{product}" if leaf == "vcek" else f"SEV-VLEK-{product}")
        self.ask = self._authority(between, f"ARK-{product}", rsa_key(keys + 1), rsa_key(keys))
        self.certificate = self._chip(between, changes.get("certified", self.tcb))

    def parts(self, **more: bytes) -> dict[str, bytes]:
        chain = self.ask.public_bytes(Encoding.PEM) + self.ark.public_bytes(Encoding.PEM)
        return {self.leaf: self.certificate.public_bytes(Encoding.DER), "chain": chain, **more}

    def crl(self, *revoked: x509.Certificate, of: str = "ark", start: datetime = START, **changes: Any) -> bytes:
        issuer = self.ark if of == "ark" else self.ask
        key = rsa_key(changes.get("key", self.keys if of == "ark" else self.keys + 1))
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(start)
            .next_update(start + timedelta(days=30))
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for extension in changes.get("critical", ()):
            builder = builder.add_extension(extension, critical=True)
        for each in revoked:
            entry = x509.RevokedCertificateBuilder(each.serial_number, start, [])
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(key, hashes.SHA384(), rsa_padding=PSS).public_bytes(Encoding.DER)

    def report(self, version: int = 3, **fields: Any) -> bytes:
        """A signed report; `fields` overwrite bytes at an offset (`at_0x...`) before the signature."""
        body = bytearray(1184)
        struct.pack_into("<IIQ", body, 0, version, 1, 0x30000)
        struct.pack_into("<II", body, 0x30, 0, 1)
        struct.pack_into("<I", body, 0x48, 0 if self.leaf == "vcek" else 1 << 2)
        body[0x50:0x90] = bytes(range(64))
        body[0x90:0xC0] = b"m" * 48
        for at in (0x180, 0x1E0, 0x1F0):
            body[at : at + 8] = self.tcb_bytes()
        if version >= 3:
            body[0x188:0x18A] = bytes(CPUID[self.product])
        if self.leaf == "vcek":
            body[0x1A0 : 0x1A0 + len(self.chip)] = self.chip
        for name, value in fields.items():
            at = int(name.removeprefix("at_"), 16)
            body[at : at + len(value)] = value
        r, s = decode_dss_signature(self.key.sign(bytes(body[:0x2A0]), ec.ECDSA(hashes.SHA384())))
        body[0x2A0 : 0x2A0 + 144] = r.to_bytes(72, "little") + s.to_bytes(72, "little")
        return bytes(body)

    def tcb_bytes(self) -> bytes:
        tcb = self.tcb
        if self.product == "Turin":
            return bytes((tcb["fmc"], tcb["bootloader"], tcb["tee"], tcb["snp"], 0, 0, 0, tcb["microcode"]))
        return bytes((tcb["bootloader"], tcb["tee"], 0, 0, 0, 0, tcb["snp"], tcb["microcode"]))

    def _authority(self, name: str, issuer: str, key: rsa.RSAPrivateKey, by: rsa.RSAPrivateKey) -> x509.Certificate:
        builder = _builder(name, issuer, key.public_key())
        uses = {use: use in ("key_cert_sign", "crl_sign") for use in _USES}
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(x509.KeyUsage(**uses), critical=True)
        return builder.sign(by, hashes.SHA384(), rsa_padding=PSS)

    def _chip(self, issuer: str, tcb: dict[str, int]) -> x509.Certificate:
        numbers = {".3.1": "bootloader", ".3.2": "tee", ".3.3": "snp", ".3.8": "microcode"}
        if self.product == "Turin":
            numbers[".3.9"] = "fmc"
        builder = _builder(f"SEV-{self.leaf.upper()}", issuer, self.key.public_key())
        for suffix, name in numbers.items():
            builder = _with(builder, suffix, b"\x02\x01" + bytes((tcb[name],)))
        if self.leaf == "vcek":
            builder = _with(builder, ".4", self.chip)
        return builder.sign(rsa_key(self.keys + 1), hashes.SHA384(), rsa_padding=PSS)


def _builder(name: str, issuer: str, key: Any) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=3650))
    )


def _with(builder: x509.CertificateBuilder, suffix: str, value: bytes) -> x509.CertificateBuilder:
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(_ARC + suffix), value)
    return builder.add_extension(extension, critical=False)
