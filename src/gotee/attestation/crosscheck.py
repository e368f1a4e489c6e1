"""A second opinion on Intel's quotes, from the independent package dcap-qvl. Both worlds.

Called by `verdict` when asked for; a disagreement is a refusal.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from gotee.attestation.claims import Claims
from gotee.attestation.collateral import Collateral
from gotee.attestation.encoding import from_pem
from gotee.attestation.evidence import Evidence
from gotee.attestation.quotes import read_quote
from gotee.attestation.refusals import refuse
from gotee.errors import UsageError


def agree(evidence: Evidence, collateral: Collateral, claims: Claims, now: datetime) -> None:
    """Raise EvidenceNotGenuine unless dcap-qvl accepts the quote with the same TCB status and advisories."""
    try:
        import dcap_qvl
    except ImportError:
        raise UsageError("crosscheck needs the package dcap-qvl: install gotee[crosscheck]") from None
    moment = int(now.timestamp())
    root = _simulated_root(evidence, claims) if claims.simulation_root else None
    try:
        theirs = dcap_qvl.QuoteVerifier(root).verify_with_policy(
            evidence.data,
            dcap_qvl.QuoteCollateralV3(**vars(collateral)),
            moment,
            dcap_qvl.QuotePolicy.claims_only(moment),
        )
        verdict: dict[str, Any] = json.loads(theirs.to_json())["tcb"]
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        refuse("crosscheck", f"we accept the quote; dcap-qvl does not: {str(error)[:200]}")
    if verdict.get("status") != claims.tcb_status or set(verdict.get("advisory_ids", ())) != set(claims.advisories):
        refuse("crosscheck", f"the TCB is {claims.tcb_status} for us and {verdict.get('status')} for dcap-qvl")


def _simulated_root(evidence: Evidence, claims: Claims) -> bytes:
    from gotee.attestation.certificates import key_hash, read_certificate

    for der in from_pem(read_quote(evidence.data).certification, "the chain"):
        if key_hash(read_certificate(der, "the chain")) == claims.simulation_root:
            return der
    refuse("crosscheck", "dcap-qvl needs the simulation's root in the quote's chain")
