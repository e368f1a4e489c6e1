"""Makes SGX quotes of version 3 and their collateral under a root of its own. Both worlds.

Called by the simulated platform (gotee.platform.quoting) and by tests. Nothing made here is accepted unless a policy
names the root's key.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from gotee.attestation.certificates import key_hash
from gotee.attestation.collateral import Collateral
from gotee.attestation.intel_tcb import PCK_EXTENSION
from gotee.attestation.quotes import INTEL_QE_VENDOR

_OID = bytes.fromhex("2a864886f84d010d01")  # PCK_EXTENSION as DER content
_QE_SIGNER = hashlib.sha256(b"gotee simulated quoting enclave").digest()
_QE_ATTRIBUTES = bytes.fromhex("11" + "00" * 15)
FMSPC, PCEID = b"gotee\0", bytes(2)  # no processor has this FMSPC
_AUTHORITIES = ("root", "authority", "pck", "signer")
_KEY_USE = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip


@dataclass(frozen=True)
class Authority:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    def to_text(self) -> str:
        """Certificate and private key, in PEM."""
        return self.pem.decode() + _key_text(self.key)

    @classmethod
    def from_text(cls, text: str) -> Authority:
        """What `to_text` wrote; what the parsers raise for anything else."""
        certificate, begin, key = text.partition("-----BEGIN PRIVATE KEY-----")
        return cls(x509.load_pem_x509_certificate(certificate.encode()), _key_of(begin + key))


@dataclass
class Simulation:
    """A root, its PCK authority, a PCK certificate and a collateral signer, valid from `start` for `days`.

    CRLs, TCB info and QE identity are valid from `issued` (by default `start`) for `statement_days` (by default
    `days`). The fields may be changed before a quote is made, so that tests can forge.
    """

    start: datetime
    days: int = 30
    svns: tuple[int, ...] = (7,) * 16
    pcesvn: int = 13
    status: str = "UpToDate"
    advisories: tuple[str, ...] = ()
    evaluation: int = 18
    revoked: tuple[x509.Certificate, ...] = ()
    crl_start: datetime | None = None
    issued: datetime | None = None
    statement_days: int | None = None
    ppid: bytes = hashlib.sha256(b"gotee simulation").digest()[:16]
    attestation: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self._make()

    def _make(self) -> None:
        self.root = self._issue("gotee simulation Root CA", None, ca=1)
        self.authority = self._issue("gotee simulation PCK Platform CA", self.root, ca=0)
        self.pck = self._issue("gotee simulation PCK Certificate", self.authority, extension=self._pck_extension())
        self.signer = self._issue("gotee simulation TCB Signing", self.root)

    def to_json(self) -> bytes:
        """Keys, certificates and PPID, to be kept."""
        members = {name: getattr(self, name).to_text() for name in _AUTHORITIES}
        members |= {"attestation": _key_text(self.attestation), "ppid": self.ppid.hex()}
        window = {"start": self.start.isoformat(), "days": self.days}
        return json.dumps({"version": 1, **window, **members}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Simulation:
        """What `to_json` wrote; ValueError, or what the parsers raise, for anything else."""
        found = json.loads(data)
        if found["version"] != 1:
            raise ValueError("of another version")
        start, ppid = datetime.fromisoformat(found["start"]), bytes.fromhex(found["ppid"])
        return _Kept(
            start=start,
            days=int(found["days"]),
            ppid=ppid,
            attestation=_key_of(found["attestation"]),
            kept={name: Authority.from_text(found[name]) for name in _AUTHORITIES},
        )

    @property
    def pin(self) -> bytes:
        """What a policy names as `simulation_root`."""
        return key_hash(self.root.certificate)

    @property
    def chain(self) -> bytes:
        """PCK certificate, authority and root in PEM, with the NUL that real quotes have."""
        return self.pck.pem + self.authority.pem + self.root.pem + b"\0"

    def report(
        self,
        *,
        mrenclave: bytes = bytes(32),
        mrsigner: bytes = bytes(32),
        report_data: bytes = b"",
        isvprodid: int = 0,
        isvsvn: int = 0,
        debug: bool = False,
        level: str = "development",
        configid: bytes = b"",
    ) -> bytes:
        """A report body of 384 bytes."""
        attributes = struct.pack("<QQ", 1 | 4 | (2 if debug else 0), 3)
        return _report(attributes, mrenclave, mrsigner, report_data, isvprodid, isvsvn, level.encode(), configid)

    def quote(self, report: bytes, *, certification_type: int = 5, chain: bytes | None = None) -> bytes:
        """The quote of version 3 over a report body."""
        header = struct.pack("<HHIHH", 3, 2, 0, 8, self.pcesvn) + INTEL_QE_VENDOR + bytes(20)
        numbers = self.attestation.public_key().public_numbers()
        public = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        auth_data = bytes(range(32))
        bound = hashlib.sha256(public + auth_data).digest()
        qe_report = _report(_QE_ATTRIBUTES, bytes(32), _QE_SIGNER, bound, 1, 8, b"", b"")
        certification = self.chain if chain is None else chain
        auth = (
            _raw(self.attestation, header + report)
            + public
            + qe_report
            + _raw(self.pck.key, qe_report)
            + struct.pack("<H", len(auth_data))
            + auth_data
            + struct.pack("<HI", certification_type, len(certification))
            + certification
        )
        return header + report + struct.pack("<I", len(auth)) + auth

    def collateral(self) -> Collateral:
        """CRLs, TCB info and QE identity, signed now."""
        signer_chain = (self.signer.pem + self.root.pem).decode()
        tcb_info, identity = self._tcb_info(), self._qe_identity()
        return Collateral(
            pck_crl_issuer_chain=(self.authority.pem + self.root.pem).decode(),
            root_ca_crl=self.crl(self.root),
            pck_crl=self.crl(self.authority),
            tcb_info_issuer_chain=signer_chain,
            tcb_info=tcb_info,
            tcb_info_signature=_raw(self.signer.key, tcb_info.encode()),
            qe_identity_issuer_chain=signer_chain,
            qe_identity=identity,
            qe_identity_signature=_raw(self.signer.key, identity.encode()),
        )

    def crl(self, authority: Authority) -> bytes:
        """The authority's CRL in DER, which lists the certificates in `revoked` that it issued."""
        start = self.crl_start or self.issued or self.start
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(start)
            .next_update(start + timedelta(days=self._statement_days))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(_authority_key(authority.key), critical=False)
        )
        for each in self.revoked:
            if each.issuer == authority.certificate.subject:
                entry = x509.RevokedCertificateBuilder(each.serial_number, start, [])
                builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def _issue(
        self, name: str, issuer: Authority | None, *, ca: int | None = None, extension: bytes | None = None
    ) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, name),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulation - NOT HARDWARE"),
                x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            ]
        )
        uses = {"key_cert_sign", "crl_sign"} if ca is not None else {"digital_signature"}
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.start)
            .not_valid_after(self.start + timedelta(days=self.days))
            .add_extension(_authority_key(issuer.key if issuer else key), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.KeyUsage(**{use: use in uses for use in _KEY_USE}), critical=True)
            .add_extension(x509.BasicConstraints(ca=ca is not None, path_length=ca), critical=True)
        )
        if extension is not None:
            value = x509.UnrecognizedExtension(x509.ObjectIdentifier(PCK_EXTENSION), extension)
            builder = builder.add_extension(value, critical=False)
        return Authority(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)

    def _pck_extension(self) -> bytes:
        cpusvn = bytes(self.svns)
        tcb = [_named((2, number), _integer(svn)) for number, svn in enumerate(self.svns, 1)]
        tcb += [_named((2, 17), _integer(self.pcesvn)), _named((2, 18), _der(0x04, cpusvn))]
        fields = [
            _named((1,), _der(0x04, self.ppid)),
            _named((2,), _der(0x30, b"".join(tcb))),
            _named((3,), _der(0x04, PCEID)),
            _named((4,), _der(0x04, FMSPC)),
            _named((5,), _der(0x0A, b"\0")),
        ]
        return _der(0x30, b"".join(fields))

    @property
    def _statement_days(self) -> int:
        return self.days if self.statement_days is None else self.statement_days

    def _statement(self, members: dict[str, Any]) -> str:
        issued = self.issued or self.start
        until = issued + timedelta(days=self._statement_days)
        window = {"issueDate": _moment(issued), "nextUpdate": _moment(until)}
        return json.dumps({**members, **window, "tcbEvaluationDataNumber": self.evaluation}, separators=(",", ":"))

    def _tcb_info(self) -> str:
        tcb = {"sgxtcbcomponents": [{"svn": svn} for svn in self.svns], "pcesvn": self.pcesvn}
        level = {"tcb": tcb, "tcbDate": _moment(self.start), "tcbStatus": self.status}
        if self.advisories:
            level["advisoryIDs"] = list(self.advisories)
        head = {"id": "SGX", "version": 3, "fmspc": FMSPC.hex(), "pceId": PCEID.hex(), "tcbType": 0}
        return self._statement({**head, "tcbLevels": [level]})

    def _qe_identity(self) -> str:
        level = {"tcb": {"isvsvn": 8}, "tcbDate": _moment(self.start), "tcbStatus": "UpToDate"}
        return self._statement(
            {
                "id": "QE",
                "version": 2,
                "miscselect": "00000000",
                "miscselectMask": "FFFFFFFF",
                "attributes": _QE_ATTRIBUTES.hex().upper(),
                "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
                "mrsigner": _QE_SIGNER.hex().upper(),
                "isvprodid": 1,
                "tcbLevels": [level],
            }
        )


@dataclass
class _Kept(Simulation):
    """A simulation that was made before."""

    kept: dict[str, Authority] = field(default_factory=dict)

    def _make(self) -> None:
        self.root, self.authority, self.pck, self.signer = (self.kept[name] for name in _AUTHORITIES)


def _report(
    attributes: bytes,
    mrenclave: bytes,
    mrsigner: bytes,
    report_data: bytes,
    isvprodid: int,
    isvsvn: int,
    family: bytes,
    configid: bytes,
) -> bytes:
    body = bytearray(384)
    for at, size, value in (
        (48, 16, attributes),
        (64, 32, mrenclave),
        (128, 32, mrsigner),
        (192, 64, configid),
        (304, 16, family),
        (320, 64, report_data),
    ):
        if len(value) > size:
            raise ValueError(f"{len(value)} bytes at {at} of a report, which has room for {size}")
        body[at : at + len(value)] = value
    struct.pack_into("<HH", body, 256, isvprodid, isvsvn)
    return bytes(body)


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _key_of(text: str) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(text.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("no key on P-256")
    return key


def _raw(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _authority_key(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    return (
        bytes((tag, 0x82)) + length.to_bytes(2, "big") + content
        if length > 0xFF
        else bytes((tag, 0x81, length)) + content
    )


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _named(path: tuple[int, ...], value: bytes) -> bytes:
    return _der(0x30, _der(0x06, _OID + bytes(path)) + value)
