"""Real evidence of AMD, AWS and TPMs gets the verdict of its row in evidence/SOURCE.md."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from tests.attestation.samples import EVIDENCE, moment, read

from gotee.attestation import Collateral, Evidence, Policy, verify
from gotee.errors import EvidenceError

SNP_TIME = "2025-06-01T00:00:00"
UNCHECKED = Policy.any_measurement_insecure(revocation="unchecked")
NITRO = {
    "nitro/veracruz_doc.cose": "2022-11-09T23:00:00",
    "nitro/base_sample1.cose": "2024-02-26T07:30:00",
    "nitro/blocky_prod.b64": "2024-09-07T15:00:00",
    "nitro/evervault_beta_valid.cose": "2022-10-13T09:30:00",
    "nitro/dstack_nsm.bin": "2025-12-25T14:00:00",
}
SNP = {
    "snp/virtee_report_milan.hex": "snp/virtee_vcek_milan.der",
    "snp/trustee_test.report": "snp/trustee_test_vcek.der",
}


def snp(report: str, vcek: str, policy: Policy = UNCHECKED, when: str = SNP_TIME, **parts: bytes) -> Any:
    evidence = Evidence.detect(read(report), parts={"vcek": read(vcek), **parts})
    return verify(evidence, policy, now=moment(when))


def refused(call: Any) -> str:
    with pytest.raises(EvidenceError) as caught:
        call()
    assert caught.value.reason and caught.value.cure
    return caught.value.code


@pytest.mark.parametrize(("report", "vcek"), SNP.items())
def test_a_genuine_snp_report_is_accepted_and_shows_that_revocation_is_unchecked(report: str, vcek: str) -> None:
    claims = snp(report, vcek)
    assert (claims.kind, claims.attributes["product"], claims.revocation) == ("snp", "Milan", "unchecked")


def test_an_snp_report_without_amds_crl_is_refused_by_default() -> None:
    policy = Policy.any_measurement_insecure()
    assert refused(lambda: snp(*next(iter(SNP.items())), policy)) == "revocation-missing"


def test_an_snp_guest_in_debug_mode_is_refused() -> None:
    assert refused(lambda: snp("snp/gosev_attestation.report", "snp/gosev_vcek.der")) == "debug"


def test_the_vcek_of_another_chip_is_refused() -> None:
    assert refused(lambda: snp("snp/virtee_report_milan.hex", "snp/trustee_test_vcek.der")) == "signature"
    for bad in ("snp/trustee_vcek_invalid_legacy.der", "snp/trustee_vcek_invalid_new.der", "snp/automata_vcek.der"):
        code = refused(lambda: snp("snp/trustee_test.report", bad))  # noqa: B023
        assert code in ("signature", "certificate-window", "vcek-mismatch", "product")


def test_an_snp_report_is_refused_before_and_after_its_certificates_window() -> None:
    for when in ("2019-01-01T00:00:00", "2031-01-01T00:00:00"):
        assert refused(lambda: snp(*next(iter(SNP.items())), when=when)) == "certificate-window"  # noqa: B023


@pytest.mark.parametrize(("name", "when"), NITRO.items())
def test_a_genuine_nitro_document_is_accepted_while_its_certificate_lives(name: str, when: str) -> None:
    claims = verify(read(name), Policy.any_measurement_insecure(), now=moment(when))
    assert (claims.cloud, claims.debug, len(claims.measurement)) == ("aws", False, 48)
    later = moment(when).replace(year=2030)
    assert refused(lambda: verify(read(name), Policy.any_measurement_insecure(), now=later)) == "certificate-window"


@pytest.mark.parametrize(
    ("name", "when", "code"),
    [
        ("nitro/fortanix_proper.cose", "2021-09-09T11:00:00", "debug"),
        ("nitro/fortanix_em_expired.cose", "2022-01-01T00:00:00", "certificate-window"),
        ("nitro/fortanix_tampered_signature.cose", "2021-09-09T11:00:00", "signature"),
        ("nitro/fortanix_tampered_certificate.cose", "2021-09-09T11:00:00", "certificate-format"),
        ("nitro/veracruz_doc_bad_sig.cose", "2022-11-09T23:00:00", "signature"),
    ],
)
def test_a_bad_nitro_document_is_refused(name: str, when: str, code: str) -> None:
    assert refused(lambda: verify(read(name), Policy.any_measurement_insecure(), now=moment(when))) == code


@pytest.mark.parametrize("name", ["snp/trustee_az_evidence_v0.json", "snp/trustee_az_evidence_v1.json"])
def test_azures_tpm_quote_is_tied_to_its_snp_report(name: str) -> None:
    claims = verify(read(name), UNCHECKED, now=moment("2025-06-01T00:00:00"))
    assert (claims.kind, claims.cloud, claims.attributes["hardware"]) == ("tpm", "azure", "snp")


def test_azures_tdx_evidence_needs_collateral() -> None:
    evidence = read("tdx/attestrs_az_tdx_live_evidence.json")
    assert refused(lambda: verify(evidence, UNCHECKED, now=moment("2026-03-31T22:30:00"))) == "collateral-missing"
    given = Collateral.from_file(EVIDENCE / "tdx/asm_attestrs_2026_90c06f.collateral.json")
    claims = verify(evidence, UNCHECKED, now=moment("2026-03-31T22:30:00"), collateral=given)
    assert (claims.attributes["hardware"], claims.cloud, claims.tcb_status) == ("tdx", "azure", "UpToDate")


def tpm(message: str, signature: str, pcrs: str, key: str, **wishes: Any) -> Any:
    public = load_pem_public_key(read(key)).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    wishes.setdefault("attestation_keys", {hashlib.sha256(public).digest()})
    parts = {"signature": read(signature), "pcrs": read(pcrs), "key": read(key)}
    evidence = Evidence("tpm", read(message), parts)
    return verify(evidence, Policy.any_measurement_insecure(**wishes), now=moment("2026-01-01T00:00:00"))


KEYLIME = ("tpm/keylime_quote.out", "tpm/keylime_quotesig.out", "tpm/keylime_quotepcr.out", "tpm/keylime_akpub.pem")
SWTPM = [f"tpm/swtpm_local/ecc.{part}" for part in ("msg", "sig", "pcrs")] + ["tpm/swtpm_local/ak_ecc.pem"]
SWTPM_RSA = [name.replace("ecc", "rsa") for name in SWTPM]


def test_a_tpm_quote_of_a_named_key_is_accepted() -> None:
    assert tpm(*KEYLIME).registers.keys() == {"pcr16", "pcr22"} | tpm(*KEYLIME).registers.keys()


@pytest.mark.parametrize("files", [SWTPM, SWTPM_RSA])
def test_a_tpm_quote_answers_the_challenge(files: list[str]) -> None:
    nonce = read("tpm/swtpm_local/nonce.hex").decode().strip()
    assert tpm(*files, nonce=nonce).binding_checked
    assert refused(lambda: tpm(*files, nonce="00" * 32)) == "nonce"


def test_a_tpm_quote_of_an_unknown_key_is_refused() -> None:
    assert refused(lambda: tpm(*KEYLIME, attestation_keys=())) == "key-unknown"


def test_a_tpm_quote_with_other_pcr_values_is_refused() -> None:
    assert refused(lambda: tpm(KEYLIME[0], KEYLIME[1], SWTPM[2], KEYLIME[3])) == "pcr-selection"


def test_a_sha1_bank_is_refused() -> None:
    found = json.loads(read("tpm/goattestation_windows_gcp.json"))["Quote"]
    parts = {"signature": base64.b64decode(found["Signature"]), "pcrs": b"{}", "key": read(KEYLIME[3])}
    evidence = Evidence("tpm", base64.b64decode(found["Quote"]), parts)
    assert refused(lambda: verify(evidence, UNCHECKED, now=moment(SNP_TIME))) == "weak-hash"
