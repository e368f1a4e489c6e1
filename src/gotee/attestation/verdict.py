"""`verify`: first whether the evidence is genuine, then whether it is wanted. Both worlds; offline.

Called by data owners and by `gotee verify`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gotee.attestation import wanted
from gotee.attestation.claims import Claims
from gotee.attestation.collateral import Collateral
from gotee.attestation.evidence import Evidence
from gotee.attestation.policy import Policy
from gotee.attestation.refusals import refuse
from gotee.attestation.trust import Trust
from gotee.errors import UsageError


def verify(
    evidence: bytes | Evidence,
    policy: Policy,
    *,
    now: datetime,
    collateral: Collateral | None = None,
    crosscheck: str | None = None,
) -> Claims:
    """The claims of evidence that is genuine at `now` and that the policy accepts.

    `now` has a zone. `collateral` is needed for Intel's quotes. `crosscheck="dcap-qvl"` asks that package too
    (Intel only) and refuses when it disagrees. Nothing is fetched and the clock is not read.
    Raises EvidenceError, with code, reason and cure; UsageError for a call that can never be right.

    >>> from datetime import UTC
    >>> from gotee.errors import EvidenceError
    >>> policy = Policy(measurements={"aa" * 32}, nonce="00" * 32)
    >>> try:
    ...     verify(b"nonsense", policy, now=datetime(2026, 1, 1, tzinfo=UTC))
    ... except EvidenceError as error:
    ...     error.code
    'kind'
    """
    if now.tzinfo is None:
        raise UsageError("verify: `now` has no zone; use datetime(..., tzinfo=UTC)")
    if crosscheck not in (None, "dcap-qvl"):
        raise UsageError(f"verify: crosscheck={crosscheck!r} is not known; it is 'dcap-qvl' or None")
    given = evidence if isinstance(evidence, Evidence) else Evidence.detect(evidence)
    if crosscheck and given.kind not in ("sgx", "tdx"):
        raise UsageError(f"verify: dcap-qvl knows sgx and tdx, not {given.kind}")
    trust = Trust(now, policy.simulation_root or b"", policy.revocation, policy.attestation_keys)
    claims = genuine(given, collateral, trust)
    if "certificate" in given.parts:
        from gotee.attestation import ratls

        end = ratls.check(given.parts["certificate"], now)
        claims = replace(claims, valid_until=min(claims.valid_until, end))
    wanted.check(claims, policy, given.parts, now)
    if crosscheck and collateral is not None:
        from gotee.attestation.crosscheck import agree

        agree(given, collateral, claims, now)
        claims = replace(claims, crosschecked=crosscheck)
    return replace(claims, workload_checked=not policy.any_measurement, binding_checked=not policy.any_binding_insecure)


def genuine(evidence: Evidence, collateral: Collateral | None, trust: Trust) -> Claims:
    """The claims of genuine evidence of any kind."""
    if trust.simulation_root and evidence.kind != "sgx":
        refuse("simulation-only", f"the policy accepts one simulation, and this is {evidence.kind}")
    if evidence.kind == "sgx" or (evidence.kind == "tdx" and evidence.data[:4] != b"HCLA"):
        from gotee.attestation import intel

        return intel.genuine(evidence.data, evidence.kind, collateral, trust)
    if evidence.kind == "nitro":
        from gotee.attestation import nitro

        return nitro.genuine(evidence.data, trust)
    if evidence.kind == "tpm":
        from gotee.attestation import tpm

        return tpm.genuine(evidence, collateral, trust)
    from gotee.attestation import azure, snp

    if evidence.data[:4] == b"HCLA":
        return azure.genuine_hardware(evidence.data, evidence.parts, collateral, trust)
    return snp.genuine(evidence.data, evidence.parts, trust)
