"""RA-TLS certificates: every form that others write, and the key that the evidence has to bind."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from tests.attestation.samples import EVIDENCE, moment, read

from gotee.attestation import Claims, Collateral, Evidence, Policy, ratls, verify
from gotee.attestation.simulation import Simulation
from gotee.errors import EvidenceError

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=1)
ENCLAVE, NONCE = bytes(range(32)), b"n" * 32
DICE, SAME_LENGTH = "2.23.133.5.4.9", "1.3.6.1.4.1.311.105.9.9.9"
GRAMINE = bytes.fromhex("06092a864886f84d8a3906")
ECDSA = bytes.fromhex("300a06082a8648ce3d040302"), bytes.fromhex("300c06082a8648ce3d0403020500")
KEY = ec.generate_private_key(ec.SECP256R1())
SPKI = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
SHA256 = hashlib.sha256(SPKI).digest()


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return Simulation(START)


def certificate(*extensions: tuple[str, bytes], key: Any = KEY, by: Any = None, **changes: Any) -> bytes:
    """A certificate in DER with these extensions, signed by its own key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an enclave")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(changes.get("issuer", name))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    for oid, value in extensions:
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        builder = builder.add_extension(extension, critical=changes.get("critical", False))
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(by or key, digest).public_bytes(Encoding.DER)


def as_gramine_writes_it(der: bytes) -> bytes:
    """Gramine has the identifier's header in the identifier, and parameters in ECDSA's; no builder does."""
    tbs = x509.load_der_x509_certificate(der).tbs_certificate_bytes
    wrong = tbs[4:].replace(attested(x509.ObjectIdentifier(SAME_LENGTH)), GRAMINE).replace(*ECDSA)
    assert len(wrong) == len(tbs) - 4 + 2 and GRAMINE in wrong
    wrong = long(wrong)
    signature = KEY.sign(wrong, ec.ECDSA(hashes.SHA256()))
    return long(wrong + ECDSA[1] + b"\x03" + bytes((len(signature) + 1,)) + b"\0" + signature)


def long(content: bytes) -> bytes:
    return b"\x30\x82" + struct.pack(">H", len(content)) + content


def attested(oid: x509.ObjectIdentifier) -> bytes:
    found = bytearray((0x2B,))
    for number in map(int, oid.dotted_string.split(".")[2:]):
        found += bytes((0x80 | number >> 7, number & 0x7F)) if number > 0x7F else bytes((number,))
    return bytes(found)


def quoted(simulation: Simulation, report_data: bytes) -> bytes:
    return simulation.quote(simulation.report(mrenclave=ENCLAVE, report_data=report_data))


def dice(simulation: Simulation, key: Any = None, name: Any = 1, tag: int = 60000, **more: Any) -> bytes:
    """The evidence extension: [quote, claims]; `key` is SPKI or the claim itself."""
    digest = {1: "sha256", 7: "sha384", 8: "sha512"}.get(name, "sha256")
    claim = cbor2.dumps([name, hashlib.new(digest, SPKI).digest()]) if key is None else key
    claims = cbor2.dumps({"pubkey-hash": claim, **more})
    quote = quoted(simulation, hashlib.sha256(claims).digest())
    return cbor2.dumps(cbor2.CBORTag(tag, [quote, claims]))


def judge(simulation: Simulation, data: bytes, now: datetime = NOW, **wishes: Any) -> Claims:
    evidence = Evidence.detect(data)
    given = {"measurements": {ENCLAVE}, "key": evidence.key, "simulation_root": simulation.pin, **wishes}
    return verify(evidence, Policy(**given), now=now, collateral=simulation.collateral())


def code(simulation: Simulation, data: bytes, **wishes: Any) -> str:
    with pytest.raises(EvidenceError) as refused:
        judge(simulation, data, **wishes)
    assert refused.value.reason and refused.value.cure
    return refused.value.code


@pytest.mark.parametrize("name", [1, 7, 8, "sha-256"])
@pytest.mark.parametrize("critical", [False, True])
def test_interoperable_certificates_bind_their_key_by_any_of_the_hashes(
    simulation: Simulation, name: Any, critical: bool
) -> None:
    der = certificate((DICE, dice(simulation, name=name, nonce=NONCE)), critical=critical)
    claims = judge(simulation, der, nonce=NONCE)
    assert claims.binding_checked and claims.valid_until == START + timedelta(days=9)
    assert code(simulation, der, nonce=b"m" * 32) == "nonce"
    assert code(simulation, der, key=NONCE) == "key"


def test_a_claim_that_is_the_pair_itself_is_read_too(simulation: Simulation) -> None:
    judge(simulation, certificate((DICE, dice(simulation, key=[1, SHA256]))))


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)])
def test_certificates_of_other_kinds_of_key(simulation: Simulation, key: Any) -> None:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    claim = cbor2.dumps([1, hashlib.sha256(spki).digest()])
    judge(simulation, certificate((DICE, dice(simulation, key=claim)), key=key))


def test_gramines_certificates_are_read_though_x509_libraries_refuse_them(simulation: Simulation) -> None:
    quote = quoted(simulation, SHA256)
    der = as_gramine_writes_it(certificate((SAME_LENGTH, quote)))
    with pytest.raises(ValueError, match="asn1"):
        _ = x509.load_der_x509_certificate(der).extensions
    judge(simulation, der)
    judge(simulation, certificate(("1.2.840.113741.1337.6", quote)))
    judge(simulation, certificate(("1.2.840.113741.1.13.1", quote)))
    other = certificate(("1.2.840.113741.1337.6", quoted(simulation, NONCE)))
    assert code(simulation, other) == "key"


@pytest.mark.parametrize("hashed", [PEM, PEM + b"\0"])
def test_open_enclaves_certificates_are_read_in_each_of_their_wrappings(simulation: Simulation, hashed: bytes) -> None:
    quote = quoted(simulation, hashlib.sha256(hashed).digest())
    report = struct.pack("<IIQ", 1, 2, len(quote)) + quote
    evidence = struct.pack("<I16sQ", 3, b"f" * 16, len(quote) + len(hashed)) + quote + hashed
    older = struct.pack("<I16sQ", 2, b"f" * 16, len(report)) + report
    for oid in ("1.3.6.1.4.1.311.105.1", "1.2.840.113556.10.1.1", "1.3.6.1.4.1.311.105.2", "1.2.840.113556.10.1.2"):
        for value in (quote, report, evidence, older):
            judge(simulation, certificate((oid, value), critical=True))


def test_the_certificate_of_a_connection_may_be_a_part_beside_any_quote(simulation: Simulation) -> None:
    peer, other = certificate(), certificate(key=ec.generate_private_key(ec.SECP256R1()))
    data, collateral = quoted(simulation, SHA256), simulation.collateral()
    for part, expected in ((peer, ""), (other, "key")):
        evidence = Evidence("sgx", data, {"certificate": part})
        policy = Policy(measurements={ENCLAVE}, key=evidence.key, simulation_root=simulation.pin)
        try:
            verify(evidence, policy, now=NOW, collateral=collateral)
            found = ""
        except EvidenceError as refused:
            found = refused.code
        assert found == expected


def test_what_a_certificate_may_not_be(simulation: Simulation) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    good, value = dice(simulation), cbor2.dumps([1, hashlib.sha256(b"another").digest()])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
    weak = rsa.generate_private_key(65537, 1024)
    for der, expected in (
        (certificate((DICE, good), by=stranger), "signature"),
        (certificate((DICE, good), issuer=name), "certificate-use"),
        (certificate((DICE, good), key=stranger), "key"),
        (certificate((DICE, good), key=weak), "weak-hash"),
        (certificate((DICE, dice(simulation, key=value))), "key"),
        (certificate((DICE, dice(simulation, key=b"\x01"))), "key"),
        (certificate((DICE, dice(simulation, key=None, name=2))), "key"),
        (certificate((DICE, dice(simulation, tag=60001))), "kind"),
        (certificate((DICE, cbor2.dumps([b"a", b"b"]))), "kind"),
        (certificate((DICE, cbor2.dumps(cbor2.CBORTag(60000, [b"a", 3])))), "format"),
        (certificate((DICE, good + b"\0")), "format"),
        (certificate((DICE, good), ("1.2.3.4", b""), critical=True), "certificate-use"),
        (certificate(), "kind"),
        (certificate((DICE, good)) + b"\0", "certificate-format"),
    ):
        assert code(simulation, der) == expected
    for when in (START - timedelta(seconds=1), START + timedelta(days=9, seconds=1)):
        assert code(simulation, certificate((DICE, good)), now=when) == "certificate-window"


def test_every_byte_of_a_certificate_counts(simulation: Simulation) -> None:
    der = certificate((DICE, dice(simulation)))
    policy = Policy(measurements={ENCLAVE}, key=SHA256, simulation_root=simulation.pin)
    collateral = simulation.collateral()
    heads = [*range(60), *range(len(der) - 80, len(der))]
    for at in (*heads, *range(60, len(der) - 80, 61)):
        changed = bytearray(der)
        changed[at] ^= 1 << at % 8
        with pytest.raises(EvidenceError):
            verify(Evidence.detect(bytes(changed)), policy, now=NOW, collateral=collateral)


def test_gramines_real_certificate_binds_its_key_and_meets_no_collateral_of_another_authority() -> None:
    evidence = Evidence.detect(read("ratls/ccc_gramine-cert.pem"))
    assert evidence.data == read("ratls/ccc_gramine-cert.pem.quote") and evidence.key is not None
    assert ratls.check(evidence.parts["certificate"], NOW).year == 2030
    collateral = Collateral.from_file(EVIDENCE / "sgx/phala_sgx_v3.collateral.json")
    policy = Policy.any_measurement_insecure(key=evidence.key)
    with pytest.raises(EvidenceError, match="collateral-platform"):
        verify(evidence, policy, now=moment("2025-07-04T10:28:44"), collateral=collateral)
