"""Every bit of real evidence, of its parts and of its collateral counts: one that is flipped is refused.

CI looks at some bits and at those that once did not count; `make every-bit` at all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from tests.attestation.samples import EVIDENCE, moment, read

from gotee.attestation import Collateral, Evidence, Policy, verify
from gotee.errors import EvidenceError

EVERY_BIT = os.environ.get("GOTEE_EVERY_BIT") == "1"
SOME = 11  # bits of each, in CI
LOOK: dict[str, Any] = {
    "revocation": "unchecked",
    "tcb_statuses": ["UpToDate", "SWHardeningNeeded", "ConfigurationAndSWHardeningNeeded"],
}
Judge = Callable[[bytes], Any]


def cases() -> dict[str, tuple[bytes, Judge]]:
    """For each file: its bytes, and a verdict on other bytes in their place."""
    found: dict[str, tuple[bytes, Judge]] = {}

    def add(
        name: str, when: str, parts: dict[str, bytes], collateral: str = "", kind: str | None = None, **wishes: Any
    ) -> None:
        policy, now = Policy.any_measurement_insecure(**{**LOOK, **wishes}), moment(when)
        given = Collateral.from_file(EVIDENCE / collateral) if collateral else None
        whole = read(name)

        def judge(data: bytes, parts: dict[str, bytes], collateral: Any = given) -> Any:
            return verify(Evidence.detect(data, kind, parts), policy, now=now, collateral=collateral)

        judge(whole, parts)
        found[name] = (whole, lambda data: judge(data, parts))
        for part, content in parts.items():
            found[f"{name} {part}"] = (content, lambda data, part=part: judge(whole, {**parts, part: data}))
        for field, value in vars(given).items() if given else ():
            text = isinstance(value, str)
            found[f"{name} {field}"] = (
                value.encode() if text else value,
                lambda data, field=field, text=text: judge(
                    whole,
                    parts,
                    dataclasses.replace(given, **{field: data.decode("utf-8", "replace") if text else data}),  # type: ignore[type-var]
                ),
            )

    add("sgx/phala_sgx_v3.quote", "2025-07-04T10:28:44", {}, "sgx/phala_sgx_v3.collateral.json")
    add("tdx/phala_tdx_v4.quote", "2025-07-04T10:16:31", {}, "tdx/phala_tdx_v4.collateral.json")
    add("nitro/veracruz_doc.cose", "2022-11-09T23:00:00", {})
    add("nitro/blocky_prod.b64", "2024-09-07T15:00:00", {})
    chip = {"vcek": read("snp/trustee_test_vcek.der"), "chain": read("snp/gosev_milan_chain.pem")}
    add("snp/trustee_test.report", "2025-06-01T00:00:00", chip)
    add("snp/trustee_az_evidence_v1.json", "2025-06-01T00:00:00", {})
    azure = Evidence.detect(read("tdx/attestrs_az_tdx_live_evidence.json"))
    td = Collateral.from_file(EVIDENCE / "tdx/asm_attestrs_2026_90c06f.collateral.json")
    policy, when = Policy.any_measurement_insecure(**LOOK), moment("2026-03-31T22:30:00")
    for part, content in azure.parts.items():
        found[f"azure tdx {part}"] = (
            content,
            lambda data, part=part: verify(
                Evidence("tpm", azure.data, {**azure.parts, part: data}), policy, now=when, collateral=td
            ),
        )
    pem = read("tpm/keylime_akpub.pem")
    spki = load_pem_public_key(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    quoted = {"signature": read("tpm/keylime_quotesig.out"), "pcrs": read("tpm/keylime_quotepcr.out"), "key": pem}
    keys = {hashlib.sha256(spki).digest()}
    add("tpm/keylime_quote.out", "2026-01-01T00:00:00", quoted, attestation_keys=keys)
    return found


CASES = cases()
# CPUSVN and MAC of the TDREPORT in Azure's HCL report, which the machine alone can check; the quote says the same.
UNSEEN = {"azure tdx hcl_report": {*range(48, 64), *range(256, 288)}}


@pytest.mark.parametrize("name", CASES)
def test_a_flipped_bit_is_refused(name: str) -> None:
    data, judge = CASES[name]
    step = 1 if EVERY_BIT else max(1, 8 * len(data) // SOME) | 1
    for bit in range(0, 8 * len(data), step):
        if bit // 8 in UNSEEN.get(name, ()):
            continue
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EvidenceError):
            judge(bytes(changed))


@pytest.mark.parametrize(
    ("name", "at", "bit"),
    [
        ("sgx/phala_sgx_v3.quote", 2567, 4),  # unused bits of a certificate's signature
        ("sgx/phala_sgx_v3.quote", 3982, 3),  # the root in the chain, when another root certificate is used
        ("sgx/phala_sgx_v3.quote pck_crl", 230, 1),  # unused bits of a CRL's signature
        ("sgx/phala_sgx_v3.quote qe_identity_issuer_chain", 992, 0),
        ("snp/trustee_test.report chain", 373, 0),  # an authority that the package has too
        ("snp/trustee_az_evidence_v1.json", 16, 0),  # the version of Azure's JSON
        ("azure tdx hcl_report", 544, 0),  # a TDREPORT of another TD than the quote
        ("tpm/keylime_quote.out pcrs", 6, 2),  # the size of a selection
        ("tpm/keylime_quote.out pcrs", 174, 0),  # behind the end of a digest
        ("tpm/keylime_quote.out key", 26, 0),  # the end of a line of PEM
    ],
)
def test_bits_that_did_not_count_once_are_refused(name: str, at: int, bit: int) -> None:
    data, judge = CASES[name]
    changed = data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :]
    with pytest.raises(EvidenceError):
        judge(changed)


def test_a_chain_is_refused_for_one_certificate_that_is_not_the_vendors() -> None:
    """It may hold more than the report needs, such as the authority of the other kind of key; nothing unproved."""
    data, judge = CASES["snp/trustee_test.report chain"]
    judge(data + read("snp/gosev_milanvlek_chain.pem"))
    with pytest.raises(EvidenceError):
        judge(data + read("sgx/intel_qvl_sample_pckCert.pem"))
