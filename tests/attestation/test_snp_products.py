"""SEV-SNP of every product, key and report version, under a stand-in for AMD; CRLs, and what must not pass."""

from __future__ import annotations

import json
import os
import struct
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from tests.attestation.amd import NOW, START, Amd
from tests.attestation.samples import moment, read

from gotee.attestation import Claims, Evidence, Policy, snp_json, trust, verify
from gotee.attestation.certificates import key_hash
from gotee.errors import EvidenceError

REPORT_DATA = bytes(range(64))
EVERY_BIT = os.environ.get("GOTEE_EVERY_BIT") == "1"
PRODUCTS = [(product, leaf) for product in ("Milan", "Genoa", "Turin") for leaf in ("vcek", "vlek")]


@pytest.fixture(scope="module")
def milan() -> Amd:
    return Amd("Milan")


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch, milan: Amd) -> Iterator[None]:
    pin(monkeypatch, milan)
    return


def pin(monkeypatch: pytest.MonkeyPatch, amd: Amd) -> None:
    monkeypatch.setitem(trust.AMD, amd.product, key_hash(amd.ark))


def judge(report: bytes, parts: dict[str, bytes], now: Any = NOW, **wishes: Any) -> Claims:
    policy = Policy(**{"measurements": {b"m" * 48}, "report_data": REPORT_DATA, **wishes})
    return verify(Evidence.detect(report, parts=parts), policy, now=now)


def code(report: bytes, parts: dict[str, bytes], now: Any = NOW, **wishes: Any) -> str:
    with pytest.raises(EvidenceError) as refused:
        judge(report, parts, now, **wishes)
    assert refused.value.reason and refused.value.cure
    return refused.value.code


@pytest.mark.parametrize(("product", "leaf"), PRODUCTS)
@pytest.mark.parametrize("version", [2, 3, 5])
def test_every_product_key_and_version_is_accepted(
    monkeypatch: pytest.MonkeyPatch, product: str, leaf: str, version: int
) -> None:
    amd = Amd(product, leaf)
    pin(monkeypatch, amd)
    claims = judge(amd.report(version), amd.parts(crl=amd.crl()))
    assert (claims.attributes["product"], claims.attributes["key"], claims.revocation) == (product, leaf, "checked")
    expected = amd.tcb if product == "Turin" else {name: svn for name, svn in amd.tcb.items() if name != "fmc"}
    assert claims.tcb == expected
    assert claims.platform_id == (amd.chip.ljust(64, b"\0") if leaf == "vcek" else b"")


@pytest.mark.parametrize("version", [0, 1, 4, 6, 1 << 31])
def test_unknown_versions_are_refused(milan: Amd, version: int) -> None:
    report = milan.report(3, at_0x0=struct.pack("<I", version))
    with pytest.raises(EvidenceError) as refused:
        verify(Evidence("snp", report, milan.parts()), Policy.any_measurement_insecure(), now=NOW)
    assert refused.value.code == "format"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"at_0x8": struct.pack("<Q", 1 << 19)}, "debug"),
        ({"at_0x8": struct.pack("<Q", 1 << 18)}, "migration"),
        ({"at_0x30": b"\1"}, "vmpl"),
        ({"at_0x30": b"\4"}, "format"),
        ({"at_0x34": b"\2"}, "format"),
        ({"at_0x48": b"\4"}, "part-missing"),  # signed by a VLEK
        ({"at_0x48": b"\x1c"}, "signature"),  # signed by none
        ({"at_0x180": b"\xff"}, "vcek-mismatch"),
        ({"at_0x1a0": b"\0"}, "vcek-mismatch"),
        ({"at_0x188": b"\x1a\x02"}, "product"),
        ({"at_0x188": b"\x15\x00"}, "product"),
        ({"at_0x90": b"x"}, "measurement"),
        ({"at_0x8f": b"x"}, "report-data"),
    ],
)
def test_what_a_signed_report_may_not_say(milan: Amd, fields: dict[str, bytes], expected: str) -> None:
    assert code(milan.report(3, **fields), milan.parts(crl=milan.crl())) == expected


def test_every_byte_of_a_report_counts(milan: Amd) -> None:
    report, parts = milan.report(), milan.parts(crl=milan.crl())
    judge(report, parts)
    for at in range(0, len(report), 1 if EVERY_BIT else 5):
        changed = report[:at] + bytes((report[at] ^ 1,)) + report[at + 1 :]
        with pytest.raises(EvidenceError):
            judge(changed, parts)


@pytest.mark.parametrize("r", [0, 1, "n", "n+1", "2^384"])
@pytest.mark.parametrize("half", [0, 72])
def test_edge_values_of_the_signature_are_refused(milan: Amd, r: Any, half: int) -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
    value = {"n": order, "n+1": order + 1, "2^384": 1 << 384}.get(r, r)
    report = bytearray(milan.report())
    report[0x2A0 + half : 0x2A0 + half + 72] = value.to_bytes(72, "little")
    assert code(bytes(report), milan.parts(crl=milan.crl())) in ("signature", "format")


def test_amds_crl_is_required_and_its_absence_shows(milan: Amd) -> None:
    report = milan.report()
    assert code(report, milan.parts()) == "revocation-missing"
    assert code(report, milan.parts(crl=milan.crl(of="ask"))) == "revocation-missing"
    assert judge(report, milan.parts(), revocation="unchecked").revocation == "unchecked"


def test_revoked_authorities_and_chips_are_refused_even_if_nobody_asked_for_crls(milan: Amd) -> None:
    both = _pem(milan.crl()) + _pem(milan.crl(milan.certificate, of="ask"))
    for crl in (milan.crl(milan.ask), both):
        for revocation in ("required", "unchecked"):
            assert code(milan.report(), milan.parts(crl=crl), revocation=revocation) == "revoked"
    clean = _pem(milan.crl()) + _pem(milan.crl(of="ask"))
    assert judge(milan.report(), milan.parts(crl=clean)).revocation == "checked"


def test_crls_that_are_not_amds_now_are_refused(milan: Amd) -> None:
    report = milan.report()
    for crl, expected in (
        (milan.crl(start=NOW + timedelta(seconds=1)), "crl-window"),
        (milan.crl(start=NOW - timedelta(days=31)), "crl-window"),
        (milan.crl(key=7), "crl"),
        (Amd("Genoa").crl(), "crl"),
        (milan.crl()[:-1], "crl"),
        (b"", "certificate-format"),
        (b"\x30\x00", "crl"),
        (milan.crl(critical=[x509.DeltaCRLIndicator(1)]), "crl"),
        (milan.crl(critical=[_point(only_contains_user_certs=True)]), "crl"),
        (milan.crl(critical=[_point(indirect_crl=True)]), "crl"),
    ):
        assert code(report, milan.parts(crl=crl)) == expected
    judge(report, milan.parts(crl=milan.crl(critical=[_point()])))


def test_swapped_and_foreign_certificates_are_refused(milan: Amd) -> None:
    report, crl = milan.report(), milan.crl()
    foreign = Amd("Milan", keys=2)
    other = Amd("Milan")
    assert code(report, foreign.parts(crl=crl)) == "root"
    assert code(foreign.report(), foreign.parts(crl=crl)) == "root"
    assert code(report, other.parts(crl=crl)) == "signature"
    assert code(report, {**milan.parts(crl=crl), "vcek": milan.ask.public_bytes(Encoding.DER)}) == "part-format"
    assert code(report, {**milan.parts(crl=crl), "vcek": foreign.certificate.public_bytes(Encoding.DER)}) == "signature"


def test_a_chip_key_of_another_authority_or_curve_is_refused(milan: Amd) -> None:
    vlek_authority = Amd("Milan", between="SEV-VLEK-Milan")
    assert code(vlek_authority.report(), vlek_authority.parts(crl=milan.crl())) == "certificate-use"
    wrong_curve = Amd("Milan", curve=ec.SECP256R1())
    assert code(wrong_curve.report(), wrong_curve.parts(crl=milan.crl())) == "certificate-use"


def test_a_vcek_for_another_tcb_is_refused(milan: Amd) -> None:
    for name in ("bootloader", "tee", "snp", "microcode"):
        amd = Amd("Milan", certified={**milan.tcb, name: 99})
        assert code(amd.report(), amd.parts(crl=milan.crl())) == "vcek-mismatch"


def test_milans_certificates_do_not_serve_other_products(milan: Amd) -> None:
    genoa = Amd("Genoa")
    assert code(milan.report(), genoa.parts(crl=genoa.crl())) in ("product", "root")


@pytest.mark.parametrize("days", [-1, 3651])
def test_windows_are_those_of_the_moment(milan: Amd, days: int) -> None:
    assert code(milan.report(), milan.parts(crl=milan.crl()), START + timedelta(days=days)) == "certificate-window"


@pytest.mark.parametrize("little", [False, True])
def test_a_report_with_the_hosts_certificate_table_needs_no_parts(milan: Amd, little: bool) -> None:
    contents = {
        "63da758d-e664-4564-adc5-f4b93be8accd": milan.certificate.public_bytes(Encoding.DER),
        "4ab7b379-bbac-4fe4-a02f-05aef327c782": milan.ask.public_bytes(Encoding.DER),
        "c0b406a4-a803-4952-9743-3fb6014cd0ae": milan.ark.public_bytes(Encoding.PEM),
        "92f81bc3-5811-4d3d-97ff-d19f88dc67ea": milan.crl(),
        "00000001-0000-4000-8000-000000000000": b"of a kind that nobody knows",
    }
    table, blobs, at = b"", b"", 24 * (len(contents) + 1)
    for guid, blob in contents.items():
        name = uuid.UUID(guid)
        table += struct.pack("<16sII", name.bytes_le if little else name.bytes, at + len(blobs), len(blob))
        blobs += blob
    blob = table + bytes(24) + blobs
    header = struct.pack("<II24x", 0, 1184)
    for data, parts in (
        (milan.report() + blob, {}),
        (milan.report() + blob + bytes(500), {}),
        (header + milan.report() + blob, {}),
        (milan.report(), {"certs": blob}),
        (header + milan.report() + bytes(2784), {"certs": blob}),
    ):
        assert judge(data, parts).revocation == "checked"
    with pytest.raises(EvidenceError):
        judge(milan.report() + blob[:-1], {})
    assert code(milan.report() + b"other bytes", milan.parts(crl=milan.crl())) == "trailing"
    assert code(milan.report() + table, {}) == "trailing"


def test_a_real_report_of_version_3_is_taken_out_of_its_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    policy = Policy.any_measurement_insecure(revocation="unchecked")
    evidence = Evidence.detect(read("snp/dstack_sev_snp_attestation.json"))
    claims = verify(evidence, policy, now=moment("2026-07-01T00:00:00"))
    assert (claims.attributes["version"], claims.attributes["product"]) == (3, "Milan")


def as_json(report: bytes, product: str) -> dict[str, Any]:
    """The report as the crate `sev` writes it: older versions of it with reserved fields, newer ones without."""
    version = report[0]

    def number(at: int, size: int) -> int:
        return int.from_bytes(report[at : at + size], "little")

    def tcb(at: int) -> dict[str, Any]:
        if product == "Turin":
            names = {"fmc": 0, "bootloader": 1, "tee": 2, "snp": 3, "microcode": 7}
            return {name: report[at + place] for name, place in names.items()}
        parts = {
            name: report[at + place] for name, place in {"bootloader": 0, "tee": 1, "snp": 6, "microcode": 7}.items()
        }
        return {**parts, "_reserved": [0] * 4} if version == 2 else {"fmc": None, **parts}

    members = {name: number(at, size) for name, (at, size) in snp_json._NUMBERS.items() if not name.startswith("_")}
    members |= {name: tcb(at) for name, at in snp_json._TCBS.items()}
    listed = {name: list(report[at : at + size]) for name, (at, size) in snp_json._BYTES.items()}
    if version == 2:
        members = {
            name: value for name, value in members.items() if not name.startswith(("cpuid", "launch_m", "current_mit"))
        }
    else:
        listed = {name: value for name, value in listed.items() if not name.startswith("_")}
        members = {name: value for name, value in members.items() if not name.startswith(("current_m", "committed_m"))}
        del members["current_build"], members["committed_build"]
        members["current_mit_vector"] = number(0x200, 8) if version == 5 else None
        members["current"] = members["committed"] = {"major": 0, "minor": 0, "build": 0}
    return {**members, **listed, "signature": {"r": list(report[0x2A0:0x2E8]), "s": list(report[0x2E8:0x330])}}


@pytest.mark.parametrize(("product", "version"), [("Milan", 2), ("Genoa", 3), ("Turin", 5)])
def test_a_report_in_json_is_put_together_and_every_field_counts(
    monkeypatch: pytest.MonkeyPatch, product: str, version: int
) -> None:
    amd = Amd(product)
    pin(monkeypatch, amd)
    parts = amd.parts(crl=amd.crl())
    members = as_json(amd.report(version), product)
    ask, ark = (each.public_bytes(Encoding.DER) for each in (amd.ask, amd.ark))
    given = {"VCEK": parts["vcek"], "ASK": ask, "ARK": ark, "CRL": parts["crl"]}
    chain = [{"cert_type": name, "data": list(data)} for name, data in given.items()]
    judge(json.dumps({"attestation_report": members, "cert_chain": chain}).encode(), {})
    for whole in ({"attestation_report": members, "cert_chain": None}, members):
        judge(json.dumps(whole).encode(), parts)
    for name, value in members.items():
        for other in _others(value):
            assert code(json.dumps({**members, name: other}).encode(), parts)
    for wrong in ({**members, "more": 1}, {**members, "signature": 5}, {**members, "policy": -1}, {"chip_id": []}):
        assert code(json.dumps(wrong).encode(), parts) == "format"
    twice = {"attestation_report": members, "cert_chain": chain[:1] * 2}
    assert code(json.dumps(twice).encode(), {}) == "part-format"
    assert code(json.dumps({"attestation_report": members, "more": 1}).encode(), {}) == "kind"


def _others(value: Any) -> list[Any]:
    """Another value of the same form, one of another form."""
    if isinstance(value, dict):
        return [{**value, name: other} for name in value for other in _others(value[name])]
    if isinstance(value, list):
        return [[value[0] ^ 1, *value[1:]], value[:-1], "text"]
    return [] if value is None else [value ^ 1, True, 1 << 64]


def _point(**only: bool) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier("https://crl.example/")],
        relative_name=None,
        only_contains_user_certs=only.get("only_contains_user_certs", False),
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=only.get("indirect_crl", False),
        only_contains_attribute_certs=False,
    )


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)
