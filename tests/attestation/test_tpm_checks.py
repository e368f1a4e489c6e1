"""TPM 2.0 quotes: every signature scheme and form that tools write, and what must not pass."""

from __future__ import annotations

import hashlib
import json
import struct
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.attestation.samples import read

from gotee.attestation import Claims, Evidence, Policy, verify
from gotee.errors import EvidenceError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NONCE = b"n" * 32
SHA1, SHA256, SHA384 = 0x0004, 0x000B, 0x000C
RSASSA, RSAPSS, ECDSA = 0x0014, 0x0016, 0x0018
HASHES: dict[int, Any] = {SHA256: hashes.SHA256(), SHA384: hashes.SHA384()}
PCRS = {number: bytes((number + 1,)) * 32 for number in range(24)}
SELECTED = (0, 7, 23)
SCHEMES = [(RSASSA, SHA256), (RSASSA, SHA384), (RSAPSS, SHA256), (RSAPSS, SHA384), (ECDSA, SHA256), (ECDSA, SHA384)]
JSON = json.dumps({str(number): value.hex() for number, value in PCRS.items()}).encode()


@cache
def key(scheme: int) -> Any:
    if scheme == ECDSA:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def message(digest: int = SHA256, selection: tuple[int, ...] = SELECTED, **changes: Any) -> bytes:
    bits = sum(1 << number for number in selection)
    values = b"".join(PCRS[number] for number in selection)
    name = {SHA256: "sha256", SHA384: "sha384"}[digest]
    return (
        struct.pack(">IH", changes.get("magic", 0xFF544347), changes.get("type", 0x8018))
        + sized(b"signer")
        + sized(changes.get("nonce", NONCE))
        + bytes(16)
        + bytes((changes.get("safe", 1),))
        + bytes(8)
        + struct.pack(">IHB", 1, changes.get("bank", SHA256), 3)
        + bits.to_bytes(3, "little")
        + sized(changes.get("pcr_digest", hashlib.new(name, values).digest()))
    )


def sign(data: bytes, scheme: int = ECDSA, digest: int = SHA256) -> bytes:
    head = struct.pack(">HH", scheme, digest)
    if scheme == ECDSA:
        r, s = decode_dss_signature(key(scheme).sign(data, ec.ECDSA(HASHES[digest])))
        return head + sized(r.to_bytes(32, "big")) + sized(s.to_bytes(32, "big"))
    pss = padding.PSS(padding.MGF1(HASHES[digest]), HASHES[digest].digest_size)
    return head + sized(key(scheme).sign(data, pss if scheme == RSAPSS else padding.PKCS1v15(), HASHES[digest]))


def spki(scheme: int = ECDSA) -> bytes:
    return key(scheme).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def judge(data: bytes, signature: bytes, scheme: int = ECDSA, pcrs: bytes = JSON, **more: Any) -> Claims:
    wishes = {"attestation_keys": {hashlib.sha256(spki(scheme)).digest()}, "nonce": NONCE, **more.pop("wishes", {})}
    parts = {"signature": signature, "pcrs": pcrs, "key": spki(scheme), **more}
    evidence = Evidence("tpm", data, {name: part for name, part in parts.items() if part is not None})
    return verify(evidence, Policy.any_measurement_insecure(**wishes), now=NOW)


def code(data: bytes, signature: bytes | None = None, **more: Any) -> str:
    with pytest.raises(EvidenceError) as refused:
        judge(data, sign(data) if signature is None else signature, **more)
    assert refused.value.reason and refused.value.cure
    return refused.value.code


@pytest.mark.parametrize(("scheme", "digest"), SCHEMES)
def test_every_scheme_is_accepted(scheme: int, digest: int) -> None:
    data = message(digest)
    claims = judge(data, sign(data, scheme, digest), scheme)
    assert claims.registers == {f"pcr{number}": PCRS[number] for number in SELECTED}
    assert not claims.hardware


def test_bare_signatures_are_accepted() -> None:
    data = message()
    judge(data, key(RSASSA).sign(data, padding.PKCS1v15(), hashes.SHA256()), RSASSA)
    judge(data, key(ECDSA).sign(data, ec.ECDSA(hashes.SHA256())))


@pytest.mark.parametrize(
    "pcrs",
    [
        JSON,
        json.dumps([value.hex() for value in PCRS.values()]).encode(),
        b"".join(PCRS.values()),
        b"".join(PCRS[number] for number in SELECTED),
    ],
    ids=["object", "list", "all", "selected"],
)
def test_pcr_values_are_read_in_every_form(pcrs: bytes) -> None:
    data = message()
    judge(data, sign(data), pcrs=pcrs)


def tpm_public(attributes: int = 0x00050072, scheme: int = ECDSA) -> bytes:
    head = struct.pack(">HI", SHA256, attributes) + sized(b"")
    numbers = key(scheme).public_key().public_numbers()
    if scheme == ECDSA:
        point = sized(numbers.x.to_bytes(32, "big")) + sized(numbers.y.to_bytes(32, "big"))
        fixed = struct.pack(">HHHHH", 0x10, ECDSA, SHA256, 0x0003, 0x10)
        return sized(b"\x00\x23" + head + fixed + point)
    fixed = struct.pack(">HHHHI", 0x10, RSASSA, SHA256, 2048, 0)
    return sized(b"\x00\x01" + head + fixed + sized(numbers.n.to_bytes(256, "big")))


@pytest.mark.parametrize("scheme", [ECDSA, RSASSA])
def test_a_key_in_the_tpms_own_form_is_read_and_must_be_an_attestation_key(scheme: int) -> None:
    data = message()
    judge(data, sign(data, scheme), scheme, key=tpm_public(scheme=scheme))
    for attributes in (0x00040072, 0x00050070, 0x00070072, 0x00010072):  # not restricted, not fixed, decrypts, no sign
        refused = code(data, sign(data, scheme), scheme=scheme, key=tpm_public(attributes, scheme))
        assert refused == "key-unknown"
    for cut in range(4, len(tpm_public(scheme=scheme)) - 2, 7):
        assert code(data, key=sized(tpm_public(scheme=scheme)[2:cut]), scheme=scheme)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"magic": 0xFF544348}, "format"),
        ({"type": 0x8017}, "format"),
        ({"safe": 2}, "format"),
        ({"bank": SHA1}, "weak-hash"),
        ({"bank": 0x0999}, "weak-hash"),
        ({"bank": SHA384}, "pcr-selection"),
        ({"pcr_digest": bytes(32)}, "pcr-digest"),
        ({"pcr_digest": b""}, "pcr-digest"),
        ({"nonce": b""}, "nonce"),
        ({"nonce": NONCE + b"\0"}, "nonce"),
        ({"selection": ()}, "pcr-selection"),
    ],
)
def test_what_a_signed_quote_may_not_say(changes: dict[str, Any], expected: str) -> None:
    assert code(message(**changes)) == expected


def test_sha1_is_refused_in_the_signature() -> None:
    data = message()
    assert code(data, struct.pack(">HH", RSASSA, SHA1) + sized(bytes(256))) == "weak-hash"


def test_signatures_that_do_not_fit_key_or_message_are_refused() -> None:
    data, other = message(), message(nonce=b"m" * 32)
    assert code(data, sign(other)) == "signature"
    assert code(data, sign(data, RSASSA)) == "signature"
    assert code(data, sign(data), scheme=RSASSA) == "signature"
    assert code(data, sign(data) + b"\0") == "trailing"
    assert code(data, b"") == "format"
    assert code(data, struct.pack(">HH", 0x001A, SHA256) + sized(bytes(32)) * 2) == "part-format"
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for r, s in ((0, 1), (1, 0), (order, 1), (1, order), ((1 << 256) - 1, 1)):
        pair = sized(r.to_bytes(32, "big")) + sized(s.to_bytes(32, "big"))
        assert code(data, struct.pack(">HH", ECDSA, SHA256) + pair) == "signature"


def test_short_rsa_keys_are_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    public = weak.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    data = message()
    signature = struct.pack(">HH", RSASSA, SHA256) + sized(weak.sign(data, padding.PKCS1v15(), hashes.SHA256()))
    wishes = {"attestation_keys": {hashlib.sha256(public).digest()}}
    assert code(data, signature, key=public, wishes=wishes) == "signature"


def test_zero_pcrs_other_values_and_missing_parts_are_refused() -> None:
    data = message(digest=SHA256)
    zero = hashlib.sha256(bytes(96)).digest()
    nothing = message().replace(message()[-32:], zero)
    assert code(nothing, pcrs=bytes(96)) == "pcr-selection"
    assert code(data, pcrs=b"".join(PCRS[number] for number in (7, 0, 23))) == "pcr-digest"
    assert code(data, pcrs=json.dumps({"0": PCRS[0].hex()}).encode()) == "pcr-selection"
    for damaged in (b"", b"{", b"[1]", b'{"zero": "00"}', b'{"0": "00", "0": "01"}', b"\0" * 135, b"\xff" * 668):
        assert code(data, pcrs=damaged)
    for name in ("signature", "pcrs", "key"):
        with pytest.raises(EvidenceError, match="part-missing"):
            parts = {"signature": sign(data), "pcrs": JSON, "key": spki()}
            del parts[name]
            verify(Evidence("tpm", data, parts), Policy.any_measurement_insecure(), now=NOW)


def test_every_bit_and_every_cut_of_a_quote_count() -> None:
    data = message()
    signature = sign(data)
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        code(bytes(changed), signature)
    for bit in range(8 * len(signature)):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        code(data, bytes(changed))
    for cut in range(len(data)):
        code(data[:cut], signature)


def test_a_quote_alone_in_json_needs_its_key() -> None:
    evidence = Evidence.detect(read("tpm/trustee_az_tdx_tpm_quote_v1.json"))
    with pytest.raises(EvidenceError, match="part-missing"):
        verify(evidence, Policy.any_measurement_insecure(), now=NOW)
