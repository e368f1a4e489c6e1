"""Real quotes get, at the time of their collateral, the verdict of their row in evidence/SOURCE.md."""

from __future__ import annotations

from typing import Any

import pytest
from tests.attestation.samples import EVIDENCE, moment, read

from gotee.attestation import Collateral, Policy, verify
from gotee.errors import EvidenceError, EvidenceUnwanted

PHALA = ("sgx/phala_sgx_v3.quote", "sgx/phala_sgx_v3.collateral.json", "2025-07-04T10:28:44")
AUTOMATA = ("sgx/automata_quotev3.hex", "sgx/asm_automata_2025_00606a.collateral.json", "2025-08-30T05:09:06")
PHALA_TDX = ("tdx/phala_tdx_v4.quote", "tdx/phala_tdx_v4.collateral.json", "2025-07-04T10:16:31")
COS = "tdx/gotdx_cos113.quote"
ACCEPTED = [
    (*PHALA, "ConfigurationAndSWHardeningNeeded", {"INTEL-SA-00289", "INTEL-SA-00615"}),
    (*AUTOMATA, "SWHardeningNeeded", {"INTEL-SA-00615"}),
    (*PHALA_TDX, "UpToDate", set()),
    (COS, "tdx/asm_automata_0625_00806f05.collateral.json", "2025-06-26T21:50:26", "UpToDate", set()),
    (COS, "tdx/asm_automata_1025.collateral.json", "2025-10-31T14:17:11", "UpToDate", set()),
    (COS, "tdx/asm_automata_solana_0725_00806f05.collateral.json", "2025-07-22T09:13:34", "UpToDate", set()),
    (
        "tdx/trustee_tdx_6.quote",
        "tdx/asm_trustee_1025_00A06D08.collateral.json",
        "2025-11-04T20:45:20",
        "OutOfDate",
        set(),
    ),
]
UNMATCHED = "tcb-unmatched"
REFUSED = [
    (PHALA[0], "sgx/asm_automata_solana_0525_00A067.collateral.json", "2025-06-11T21:13:27", "crl-window"),
    ("tdx/phala_tdx.hex", PHALA_TDX[1], PHALA_TDX[2], UNMATCHED),
    ("tdx/gotdx_prod_SPR_E4.quote", "tdx/asm_gotdx_2023_50806f.collateral.json", "2024-06-06T08:24:59", "trailing"),
    ("tdx/gotdx_prod_SPR_E4.quote", "tdx/asm_attestrs_2026_50806f.collateral.json", "2026-03-31T22:25:04", "trailing"),
    ("tdx/trustee_tdx_5.quote", "tdx/phala_tdx_v4_outdated.collateral.json", "2026-03-05T10:50:03", UNMATCHED),
    ("tdx/trustee_tdx_5.quote", "tdx/asm_attestrs_2026_90c06f.collateral.json", "2026-03-31T22:20:07", UNMATCHED),
    (
        "tdx/automata_tdx_5.quote",
        "tdx/asm_automata_0625_90c06f.collateral.json",
        "2025-06-26T21:50:26",
        UNMATCHED,
    ),
    ("tdx/trustee_az_td.quote", "tdx/asm_automata_1025.collateral.json", "2025-10-31T14:17:11", "td-attributes"),
    ("tdx/intel_qvl_sample_tdx.quote", PHALA_TDX[1], PHALA_TDX[2], "certificate-format"),
    ("sgx/intel_qvl_sample.quote", PHALA[1], PHALA[2], "certification-type"),
    ("sgx/fortanix_dcapql_certchain.quote", PHALA[1], PHALA[2], "collateral-platform"),
    ("sgx/fortanix_dcapql_certchain_corrupted.quote", PHALA[1], PHALA[2], "signature"),
    ("ratls/ccc_gramine-cert.pem.quote", PHALA[1], PHALA[2], "collateral-platform"),
]
ALL_STATUSES = ["UpToDate", "SWHardeningNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate"]


def judge(quote: str, collateral: str, when: str, policy: Policy | None = None, **options: Any) -> Any:
    given = Collateral.from_file(EVIDENCE / collateral)
    chosen = policy or Policy.any_measurement_insecure()
    return verify(read(quote), chosen, now=moment(when), collateral=given, **options)


@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: f"{row[0]}-{row[2]}")
def test_a_genuine_quote_has_the_status_that_dcap_qvl_gives(row: tuple[Any, ...]) -> None:
    policy = Policy.any_measurement_insecure(tcb_statuses=ALL_STATUSES)
    claims = judge(*row[:3], policy, crosscheck="dcap-qvl")
    assert (claims.tcb_status, set(claims.advisories), claims.crosschecked) == (row[3], row[4], "dcap-qvl")
    assert claims.hardware and not claims.debug and not claims.workload_checked


@pytest.mark.parametrize("row", [row for row in ACCEPTED if row[3] != "UpToDate"], ids=lambda row: row[0])
def test_a_platform_that_is_not_up_to_date_is_refused_by_default(row: tuple[Any, ...]) -> None:
    with pytest.raises(EvidenceUnwanted) as refused:
        judge(*row[:3])
    assert refused.value.code == "tcb-status"


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: f"{row[0]}-{row[2]}")
def test_a_bad_quote_is_refused_with_its_code(row: tuple[str, str, str, str]) -> None:
    with pytest.raises(EvidenceError) as refused:
        judge(*row[:3], Policy.any_measurement_insecure(tcb_statuses=ALL_STATUSES))
    assert refused.value.code == row[3]
    assert refused.value.reason and refused.value.cure


def test_a_quote_without_collateral_is_refused() -> None:
    with pytest.raises(EvidenceError, match="collateral-missing"):
        verify(read(PHALA[0]), Policy.any_measurement_insecure(), now=moment(PHALA[2]))
