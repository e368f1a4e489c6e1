"""Quotes under a root of our own: accepted only by its pin, and refused when anything in them is forged."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dcap_qvl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attestation.samples import EVIDENCE, moment, read

from gotee import attestation
from gotee.attestation import Collateral, Policy, verify
from gotee.attestation.simulation import Simulation
from gotee.attestation.trust import INTEL
from gotee.errors import EvidenceError, PolicyError, UsageError

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=1)
ENCLAVE, SIGNER, NONCE = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
EVERY_BIT = os.environ.get("GOTEE_EVERY_BIT") == "1"


def wanting(simulation: Simulation, **wishes: Any) -> Policy:
    return Policy(**{"measurements": {ENCLAVE}, "nonce": NONCE, "simulation_root": simulation.pin, **wishes})


def made(simulation: Simulation, **fields: Any) -> bytes:
    given = {"mrenclave": ENCLAVE, "mrsigner": SIGNER, "report_data": NONCE, "isvsvn": 3, "isvprodid": 1, **fields}
    return simulation.quote(simulation.report(**given))


def code(
    simulation: Simulation, quote: bytes, policy: Policy | None = None, collateral: Any = None, now: Any = NOW
) -> str:
    with pytest.raises(EvidenceError) as refused:
        given = collateral or simulation.collateral()
        verify(quote, policy or wanting(simulation), now=now, collateral=given)
    assert refused.value.cure
    return refused.value.code


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return Simulation(START)


def test_a_simulation_is_accepted_by_its_pin_and_never_as_hardware(simulation: Simulation) -> None:
    policy, collateral = wanting(simulation, level="development"), simulation.collateral()
    claims = verify(made(simulation), policy, now=NOW, collateral=collateral, crosscheck="dcap-qvl")
    assert (claims.hardware, claims.level, claims.tcb_status) == (False, "development", "UpToDate")


def test_without_its_pin_or_with_anothers_a_simulation_is_a_foreign_root(simulation: Simulation) -> None:
    assert code(simulation, made(simulation), wanting(simulation, simulation_root=None)) == "root"
    assert code(simulation, made(simulation), wanting(Simulation(START))) == "root"


def test_the_pin_may_not_be_a_vendors_and_excludes_hardware(simulation: Simulation) -> None:
    with pytest.raises(PolicyError, match="policy-root"):
        wanting(simulation, simulation_root=INTEL)
    collateral = Collateral.from_file(EVIDENCE / "sgx/phala_sgx_v3.collateral.json")
    quote, when = read("sgx/phala_sgx_v3.quote"), moment("2025-07-04T10:28:44")
    assert code(simulation, quote, collateral=collateral, now=when) == "root"
    assert code(simulation, read("tdx/phala_tdx_v4.quote")) == "simulation-only"


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"measurements": {SIGNER}}, "measurement"),
        ({"signers": {ENCLAVE}}, "signer"),
        ({"minimum_svn": 4}, "svn"),
        ({"product": 2}, "product-id"),
        ({"nonce": ENCLAVE}, "nonce"),
        ({"nonce": None, "key": ENCLAVE}, "key"),
        ({"nonce": NONCE + b"\1"}, "nonce"),
        ({"report_data": ENCLAVE}, "report-data"),
        ({"registers": {"configid": b"\1"}}, "register"),
        ({"level": "service"}, "level"),
        ({"minimum_tcb_evaluation": 19}, "tcb-evaluation"),
        ({"minimum_tcb": {"pcesvn": 14}}, "tcb-version"),
        ({"platforms": {ENCLAVE}}, "platform"),
        ({"clouds": {"aws"}}, "cloud"),
        ({"kinds": {"tdx"}}, "kind-unwanted"),
        ({"program_digests": {ENCLAVE}}, "program-digest"),
        ({"nonce": None, "key": NONCE, "max_age": 60}, "age-unknown"),
    ],
)
def test_what_the_policy_does_not_want_is_refused(
    simulation: Simulation, wishes: dict[str, Any], expected: str
) -> None:
    assert code(simulation, made(simulation), wanting(simulation, **wishes)) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("measurments = []", "did you mean 'measurements'"),
        ("minimum-svn = 3", "did you mean 'minimum_svn'"),
        ("Nonce = ''", "did you mean 'nonce'"),
        ("zzz = 1", "no field 'zzz'"),
        ("measurements = 'aa'", "must be a list"),
        ("measurements = ['xy']", "not hexadecimal"),
        ("max_age = 0", "max_age"),
        ("max_age = 4611686018427387904", "max_age"),
        ("tcb_statuses = ['Uptodate']", "UpToDate"),
        ("tcb_statuses = ['Revoked']", "must be among"),
        ("debug = 1", "neither true nor false"),
        ("simulation_root = true", "32 bytes|1 to 1024"),
        ("simulation_root = 'aabb'", "32 bytes"),
        ("a = ", "not TOML"),
    ],
)
def test_a_policy_file_that_means_nothing_is_refused_with_what_was_likely_meant(text: str, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        Policy.from_toml_text(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "policy-empty"),
        ("nonce = 'aa'", "policy-empty"),
        ("nonce = 'aa'\nmeasurements = []", "policy-empty"),
        ("nonce = 'aa'\nsigners = ['aa']", "policy-empty"),
        ("nonce = 'aa'\nminimum_svn = 1", "policy-empty"),
        ("nonce = 'aa'\nprogram_digests = ['aa']", "policy-empty"),
        ("measurements = ['aa']", "policy-binding"),
        ("measurements = ['aa']\nmax_age = 60", "policy-binding"),
    ],
)
def test_a_policy_that_leaves_the_workload_or_the_binding_open_is_an_error(text: str, code: str) -> None:
    with pytest.raises(PolicyError) as refused:
        Policy.from_toml_text(text)
    assert refused.value.code == code


def test_debug_is_refused(simulation: Simulation) -> None:
    assert code(simulation, made(simulation, debug=True)) == "debug"


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 6, 7])
def test_certification_data_other_than_a_chain_is_refused(simulation: Simulation, kind: int) -> None:
    assert code(simulation, simulation.quote(simulation.report(), certification_type=kind)) == "certification-type"


def test_trailing_bytes_are_refused_and_zero_padding_is_not(simulation: Simulation) -> None:
    assert code(simulation, made(simulation) + b"\1") == "trailing"
    verify(made(simulation) + bytes(99), wanting(simulation), now=NOW, collateral=simulation.collateral())


def test_swapped_certificates_are_refused(simulation: Simulation) -> None:
    other = Simulation(START)
    for chain in (
        other.chain,
        other.pck.pem + simulation.authority.pem + simulation.root.pem,
        simulation.pck.pem + other.authority.pem + simulation.root.pem,
        simulation.pck.pem + simulation.authority.pem + other.root.pem,
        simulation.chain.rstrip(b"\0") + other.root.pem,
        simulation.signer.pem + simulation.root.pem,
    ):
        quote = simulation.quote(simulation.report(), chain=chain)
        assert code(simulation, quote) in ("root", "signature", "chain")


def test_a_chain_in_another_order_is_accepted(simulation: Simulation) -> None:
    chain = simulation.root.pem + simulation.pck.pem + simulation.authority.pem
    quote = simulation.quote(simulation.report(mrenclave=ENCLAVE, report_data=NONCE), chain=chain)
    verify(quote, wanting(simulation), now=NOW, collateral=simulation.collateral())


@pytest.mark.parametrize("days", [-1, 31])
def test_nothing_is_accepted_outside_its_window(simulation: Simulation, days: int) -> None:
    assert code(simulation, made(simulation), now=START + timedelta(days=days)) == "certificate-window"


def test_a_crl_from_the_future_is_refused() -> None:
    simulation = Simulation(START, crl_start=NOW + timedelta(seconds=1))
    assert code(simulation, made(simulation)) == "crl-window"


@pytest.mark.parametrize("which", ["pck", "authority", "signer"])
def test_a_revoked_certificate_is_refused(which: str) -> None:
    simulation = Simulation(START)
    simulation.revoked = (getattr(simulation, which).certificate,)
    assert code(simulation, made(simulation)) == "revoked"


@pytest.mark.parametrize(("status", "expected"), [("OutOfDate", "tcb-status"), ("Revoked", "revoked")])
def test_a_platform_that_is_not_up_to_date_is_refused(status: str, expected: str) -> None:
    simulation = Simulation(START, status=status)
    assert code(simulation, made(simulation)) == expected


def test_collateral_signed_by_the_pck_key_or_of_another_root_is_refused(simulation: Simulation) -> None:
    good, other = simulation.collateral(), Simulation(START)
    for name, value in vars(other.collateral()).items():
        if value != getattr(good, name):  # both write the same TCB info
            assert code(simulation, made(simulation), collateral=dataclasses.replace(good, **{name: value}))
    for name in ("tcb_info", "qe_identity"):
        forged = dataclasses.replace(good, **{name: getattr(good, name) + " "})
        assert code(simulation, made(simulation), collateral=forged) == "collateral-signature"


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(-2 * 86_400, 11 * 86_400), min_size=1, max_size=3), st.integers(-23, 23))
def test_a_verdict_depends_on_the_moment_and_on_nothing_before_it(
    short: Simulation, seconds: list[int], zone: int
) -> None:
    """Certificates hold for ten days, statements for seven from the second on."""
    quote, policy, collateral = made(short), wanting(short), short.collateral()
    end = START + timedelta(days=8)
    for second in (*seconds, 86_399, 86_400, 8 * 86_400, 8 * 86_400 + 1, *reversed(seconds)):
        moment = (START + timedelta(seconds=second)).astimezone(timezone(timedelta(hours=zone)))
        found = []
        for _ in range(2):
            try:
                found.append(verify(quote, policy, now=moment, collateral=collateral).valid_until)
            except EvidenceError as refused:
                found.append(refused.code)
        first, again = found
        assert first == again
        assert (first == end) is (START + timedelta(days=1) <= moment <= end)
        assert first in (end, "certificate-window", "crl-window", "collateral-window")


@pytest.fixture(scope="module")
def short() -> Simulation:
    return Simulation(START, days=10, issued=START + timedelta(days=1), statement_days=7)


def test_nothing_of_the_verifier_reads_a_clock_or_opens_a_connection() -> None:
    folder = Path(attestation.__file__).parent
    reads = re.compile(r"\.(now|utcnow|today|time|monotonic)\(|import (time|socket|urllib|http)\b")
    found = [path.name for path in folder.glob("*.py") if reads.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_every_bit_of_a_quote_counts(simulation: Simulation) -> None:
    """CI looks at one bit in 97; `make every-bit` at all."""
    quote, policy, collateral = made(simulation), wanting(simulation), simulation.collateral()
    for bit in range(0, 8 * len(quote), 1 if EVERY_BIT else 97):
        changed = bytearray(quote)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EvidenceError):
            verify(bytes(changed), policy, now=NOW, collateral=collateral)


def test_every_prefix_of_a_quote_is_refused(simulation: Simulation) -> None:
    quote, policy, collateral = made(simulation).rstrip(b"\0"), wanting(simulation), simulation.collateral()
    for length in range(0, len(quote), 1 if EVERY_BIT else 61):
        with pytest.raises(EvidenceError):
            verify(quote[:length], policy, now=NOW, collateral=collateral)


@pytest.mark.parametrize("theirs", ["accepts", "refuses", "another status", "other advisories", "nonsense"])
def test_a_disagreement_with_dcap_qvl_is_a_refusal_that_says_so(
    monkeypatch: pytest.MonkeyPatch, simulation: Simulation, theirs: str
) -> None:
    tcb: dict[str, Any] = {"status": "UpToDate", "advisory_ids": []}
    if theirs == "another status":
        tcb["status"] = "OutOfDate"
    if theirs == "other advisories":
        tcb["advisory_ids"] = ["INTEL-SA-00001"]

    class Verifier:
        def __init__(self, root: bytes | None) -> None:
            assert root is not None

        def verify_with_policy(self, *given: Any) -> Any:
            if theirs == "refuses":
                raise ValueError("Verification failed: the sky is green")
            return self

        def to_json(self) -> str:
            return "{}" if theirs == "nonsense" else json.dumps({"tcb": tcb})

    monkeypatch.setattr(dcap_qvl, "QuoteVerifier", Verifier)
    quote, collateral, policy = made(simulation), simulation.collateral(), wanting(simulation)
    if theirs == "accepts":
        verify(quote, policy, now=NOW, collateral=collateral, crosscheck="dcap-qvl")
        return
    with pytest.raises(EvidenceError, match="dcap-qvl") as refused:
        verify(quote, policy, now=NOW, collateral=collateral, crosscheck="dcap-qvl")
    assert refused.value.code == "crosscheck"


def test_a_crosscheck_that_cannot_be_done_is_an_error_and_no_verdict(
    monkeypatch: pytest.MonkeyPatch, simulation: Simulation
) -> None:
    with pytest.raises(UsageError, match="not known"):
        verify(made(simulation), wanting(simulation), now=NOW, crosscheck="another")
    with pytest.raises(UsageError, match="not nitro"):
        verify(read("nitro/veracruz_doc.cose"), wanting(simulation), now=NOW, crosscheck="dcap-qvl")
    monkeypatch.setitem(sys.modules, "dcap_qvl", None)
    with pytest.raises(UsageError, match=r"gotee\[crosscheck\]"):
        verify(
            made(simulation), wanting(simulation), now=NOW, collateral=simulation.collateral(), crosscheck="dcap-qvl"
        )


@pytest.mark.parametrize("name", ["ok", "debug", "outofdate"])
def test_a_simulation_that_others_wrote_is_judged_alike(name: str) -> None:
    from gotee.attestation.certificates import key_hash, read_certificate

    pin = key_hash(read_certificate(read(f"simulation/sim_{name}.root.der"), "the root"))
    policy = Policy.any_measurement_insecure(simulation_root=pin)
    collateral = Collateral.from_file(EVIDENCE / f"simulation/sim_{name}.collateral.json")
    quote, when = read(f"simulation/sim_{name}.quote"), moment("2026-11-25T00:00:00")
    if name == "ok":
        verify(quote, policy, now=when, collateral=collateral, crosscheck="dcap-qvl")
        return
    with pytest.raises(EvidenceError) as refused:
        verify(quote, policy, now=when, collateral=collateral)
    assert refused.value.code == {"debug": "debug", "outofdate": "tcb-status"}[name]
