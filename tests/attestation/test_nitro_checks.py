"""Each check of a Nitro document has a document that fails it alone, under a stand-in for AWS."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tests.attestation.samples import read

from gotee.attestation import Claims, Evidence, Policy, nitro, verify
from gotee.attestation.certificates import key_hash
from gotee.errors import EvidenceError

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(minutes=30)
NONCE, KEY = b"n" * 32, b"the public key in DER"
PCR = {number: bytes((number + 1,)) * 48 for number in range(5)}
_USES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
P384_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973


class Aws:
    """A root, an authority, and an enclave's certificate that lives three hours."""

    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        self.keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(2)]
        self.keys.append(ec.generate_private_key(curve or ec.SECP384R1()))
        self.root = self._issue(0, 0, days=3650)
        self.authority = self._issue(1, 0, days=20)
        self.leaf = self._issue(2, 1, hours=3)

    def document(self, **changes: Any) -> dict[str, Any]:
        members = {
            "module_id": "i-0123-enc0123",
            "digest": "SHA384",
            "timestamp": int((NOW - timedelta(seconds=10)).timestamp() * 1000),
            "pcrs": PCR,
            "certificate": self.leaf.public_bytes(Encoding.DER),
            "cabundle": [each.public_bytes(Encoding.DER) for each in (self.root, self.authority)],
            "public_key": KEY,
            "user_data": None,
            "nonce": NONCE,
        }
        return {name: value for name, value in {**members, **changes}.items() if value is not ...}

    def signed(self, document: Any, protected: bytes = bytes.fromhex("a1013822"), unprotected: Any = None) -> bytes:
        payload = document if isinstance(document, bytes) else cbor2.dumps(document)
        structure = cbor2.dumps(["Signature1", protected, b"", payload])
        r, s = decode_dss_signature(self.keys[2].sign(structure, ec.ECDSA(hashes.SHA384())))
        signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
        return cbor2.dumps([protected, unprotected or {}, payload, signature])

    def made(self, **changes: Any) -> bytes:
        return self.signed(self.document(**changes))

    def _issue(self, number: int, by: int, **life: float) -> x509.Certificate:
        ca = number < 2
        uses = {"key_cert_sign", "crl_sign"} if ca else {"digital_signature"}
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"aws {number}")]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"aws {by}")]))
            .public_key(self.keys[number].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(START)
            .not_valid_after(START + timedelta(**life))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**{use: use in uses for use in _USES}), critical=True)
            .sign(self.keys[by], hashes.SHA384())
        )


@pytest.fixture(scope="module")
def aws() -> Aws:
    return Aws()


def judge(aws: Aws, data: bytes, now: datetime = NOW, **wishes: Any) -> Claims:
    policy = Policy(**{"measurements": {PCR[0]}, "nonce": NONCE, **wishes})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nitro, "AWS", key_hash(aws.root))
        return verify(Evidence.detect(data, "nitro"), policy, now=now)


def code(aws: Aws, data: bytes, now: datetime = NOW, **wishes: Any) -> str:
    with pytest.raises(EvidenceError) as refused:
        judge(aws, data, now, **wishes)
    assert refused.value.reason and refused.value.cure
    return refused.value.code


@pytest.mark.parametrize(
    "form",
    [
        bytes,
        lambda data: b"\xd2" + data,
        base64.b64encode,
        base64.encodebytes,
        lambda data: base64.b64encode(data).rstrip(b"="),
        base64.urlsafe_b64encode,
        lambda data: data.hex().encode(),
        lambda data: b"0x" + data.hex().upper().encode() + b"\r\n",
        lambda data: "\n".join(data.hex()[at : at + 64] for at in range(0, 2 * len(data), 64)).encode(),
        lambda data: cbor2.dumps({"Attestation": {"document": data}}),
        lambda data: b"\0\2" + (len(data) << 2 | 1).to_bytes(2, "little") + data + b"and much else",
    ],
)
def test_a_document_is_read_in_every_form_that_tools_write(aws: Aws, form: Any) -> None:
    key = hashlib.sha256(KEY).digest()
    claims = judge(aws, form(aws.made()), key=key, max_age=60)
    assert (claims.cloud, claims.platform_id, claims.public_key) == ("aws", b"i-0123", KEY)


def test_large_fields_and_payloads_are_read(aws: Aws) -> None:
    judge(aws, aws.made(user_data=bytes(1024), public_key=bytes(1024)))
    judge(aws, aws.made(user_data=bytes(70_000)))


def test_zero_pcrs_are_debug_only_all_together(aws: Aws) -> None:
    for number in (1, 2):
        assert not judge(aws, aws.made(pcrs={**PCR, number: bytes(48)})).debug
    assert code(aws, aws.made(pcrs={**PCR, 0: bytes(48)})) == "measurement"
    assert code(aws, aws.made(pcrs={**PCR, 0: bytes(48), 1: bytes(48), 2: bytes(48)})) == "debug"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"digest": "SHA256"}, "weak-hash"),
        ({"digest": ...}, "format"),
        ({"pcrs": {}}, "format"),
        ({"pcrs": {0: PCR[0], 1: PCR[1]}}, "format"),
        ({"pcrs": {**PCR, 32: PCR[0]}}, "format"),
        ({"pcrs": {**PCR, "5": PCR[0]}}, "format"),
        ({"pcrs": {**PCR, 4: bytes(32)}}, "format"),
        ({"pcrs": {**PCR, 4: "text"}}, "format"),
        ({"timestamp": 0}, "format"),
        ({"timestamp": -1}, "format"),
        ({"timestamp": 1.5}, "format"),
        ({"timestamp": 1 << 60}, "format"),
        ({"timestamp": int((NOW + timedelta(minutes=6)).timestamp() * 1000)}, "timestamp"),
        ({"timestamp": int((NOW - timedelta(minutes=2)).timestamp() * 1000)}, "age"),
        ({"cabundle": []}, "format"),
        ({"cabundle": [b"no certificate"]}, "certificate-format"),
        ({"cabundle": "text"}, "format"),
        ({"certificate": b""}, "certificate-format"),
        ({"certificate": "text"}, "format"),
        ({"module_id": 5}, "format"),
        ({"nonce": None}, "nonce"),
        ({"nonce": "text"}, "format"),
        ({"nonce": NONCE + b"\0"}, "nonce"),
        ({"more": 1}, "format"),
    ],
)
def test_what_a_signed_document_may_not_say(aws: Aws, changes: dict[str, Any], expected: str) -> None:
    assert code(aws, aws.made(**changes), max_age=60) == expected


def test_only_es384_and_an_empty_unprotected_header_are_accepted(aws: Aws) -> None:
    document = aws.document()
    for protected in ("a10126", "a1013823", "a0", "", "a101182200", "bf013822ff", "a201382204404b"):
        assert code(aws, aws.signed(document, bytes.fromhex(protected))) == "weak-hash"
    assert code(aws, aws.signed(document, unprotected={1: -35})) == "format"


def test_other_envelopes_are_refused(aws: Aws) -> None:
    good = aws.made()
    protected, unprotected, payload, signature = cbor2.loads(good)
    for envelope, expected in (
        (cbor2.dumps(cbor2.CBORTag(17, [protected, unprotected, payload, signature])), "format"),
        (cbor2.dumps([protected, unprotected, payload]), "format"),
        (cbor2.dumps([protected, unprotected, None, signature]), "format"),
        (cbor2.dumps([protected, unprotected, payload, signature[:-1]]), "signature"),
        (cbor2.dumps([protected, unprotected, payload, signature + b"\0"]), "signature"),
        (cbor2.dumps([protected, unprotected, payload, bytes(96)]), "signature"),
        (cbor2.dumps([protected, unprotected, payload, P384_ORDER.to_bytes(48, "big") * 2]), "signature"),
        (b"\x9f" + good[1:] + b"\xff", "format"),
        (b"\x98\x04" + good[1:], "format"),
        (good + b"\0", "format"),
        (b"\xd2\xd2" + good, "format"),
        (good[:-1], "format"),
        (b"\x84" * 10_000, "format"),
        (b"", "format"),
    ):
        assert code(aws, envelope) == expected


def test_duplicate_keys_are_refused_though_they_are_signed(aws: Aws) -> None:
    for member in ("nonce", "pcrs", "module_id", "certificate"):
        whole = cbor2.dumps(aws.document())
        pair = cbor2.dumps({member: aws.document()[member]})[1:]
        twice = bytes((whole[0] + 1,)) + whole[1:] + pair
        assert code(aws, aws.signed(twice)) == "format"
    head = cbor2.dumps(aws.document(pcrs=...))
    pcrs = b"\x64pcrs\xa4" + b"".join(cbor2.dumps(n) + cbor2.dumps(PCR[n]) for n in (0, 1, 2, 0))
    assert code(aws, aws.signed(bytes((head[0] + 1,)) + head[1:] + pcrs)) == "format"


def test_chains_of_others_and_spare_certificates_are_refused(aws: Aws) -> None:
    other = Aws()
    der = [each.public_bytes(Encoding.DER) for each in (other.root, other.authority)]
    own = [each.public_bytes(Encoding.DER) for each in (aws.root, aws.authority)]
    assert code(aws, other.made()) == "root"
    assert code(aws, aws.made(cabundle=der)) in ("signature", "root")
    assert code(aws, aws.made(cabundle=[*own, der[1]])) == "chain"
    assert code(aws, aws.made(cabundle=own[:1])) == "chain"
    assert code(aws, other.signed(aws.document())) == "signature"
    judge(aws, aws.made(cabundle=own[::-1]))
    p256 = Aws(ec.SECP256R1())
    assert code(p256, p256.made()) == "certificate-use"


@pytest.mark.parametrize("hours", [-1, 4, 24 * 21])
def test_documents_do_not_outlive_their_certificates(aws: Aws, hours: int) -> None:
    assert code(aws, aws.made(), START + timedelta(hours=hours)) == "certificate-window"


def test_every_bit_of_a_document_counts(aws: Aws) -> None:
    good = aws.made()
    for bit in range(0, 8 * len(good), 61):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        code(aws, bytes(changed))


def test_the_files_with_foreign_roots_are_no_evidence() -> None:
    for name in ("nitro/fortanix_unknown_ca.crt", "nitro/fortanix_tampered_root_cert.crt", "nitro/aws_root.der.pem"):
        with pytest.raises(EvidenceError, match="kind"):
            verify(read(name), Policy.any_measurement_insecure(), now=NOW)
