"""Verdicts in the ecosystem's form: EAR (draft-ietf-rats-ear-04) as a JWT, always signed. Host world.

Called by `gotee verify --ear`. The vector is that of draft-ietf-rats-ar4si.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gotee.attestation.claims import Claims
from gotee.attestation.policy import Policy
from gotee.errors import EvidenceError, EvidenceMalformed, EvidenceNotGenuine, UsageError

PROFILE = "tag:github.com,2023:veraison/ear"
NONE, AFFIRMING, WARNING, CONTRAINDICATED, CRYPTO_FAILED = 0, 2, 32, 96, 99
_TIERS = {NONE: "none", AFFIRMING: "affirming", WARNING: "warning", CONTRAINDICATED: "contraindicated"}


def sign(verdict: Claims | EvidenceError, policy: Policy, policy_id: str, key: bytes, now: datetime, build: str) -> str:
    """The signed token. `key` is a private key in PEM: P-256, P-384 or Ed25519. Raises UsageError for another."""
    vector = _vector(verdict)
    submodule: dict[str, Any] = {
        "ear.status": _TIERS[_tier(max(vector.values()))],
        "ear.trustworthiness-vector": vector,
        "ear.appraisal-policy-id": policy_id,
    }
    token: dict[str, Any] = {
        "eat_profile": PROFILE,
        "iat": int(now.timestamp()),
        "ear.verifier-id": {"developer": "gotee", "build": build},
        "submods": {verdict.kind if isinstance(verdict, Claims) else "evidence": submodule},
    }
    if policy.nonce is not None:
        token["eat_nonce"] = _b64(policy.nonce)
    return _jwt(token, key)


def _tier(claim: int) -> int:
    """The tier of one trustworthiness claim."""
    return next(tier for tier in (CONTRAINDICATED, WARNING, AFFIRMING, NONE) if claim >= tier)


def _vector(verdict: Claims | EvidenceError) -> dict[str, int]:
    if isinstance(verdict, EvidenceNotGenuine | EvidenceMalformed):
        return {"instance-identity": CRYPTO_FAILED}
    if isinstance(verdict, EvidenceError):
        return {"instance-identity": AFFIRMING, "configuration": CONTRAINDICATED}
    checked = AFFIRMING if verdict.workload_checked else WARNING
    strict = verdict.tcb_status in ("", "UpToDate") and verdict.revocation != "unchecked" and not verdict.debug
    vector = {
        "instance-identity": AFFIRMING if verdict.binding_checked else WARNING,
        "executables": checked,
        "configuration": WARNING if verdict.debug else AFFIRMING,
    }
    if not verdict.hardware:  # a simulation, or a TPM alone: hardware is never affirmed
        return {**vector, "instance-identity": WARNING, "hardware": NONE}
    return {**vector, "hardware": AFFIRMING if strict else WARNING}


def _jwt(claims: dict[str, Any], pem: bytes) -> str:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise UsageError("the key for EAR is no PEM private key without password") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        body = _body("EdDSA", claims)
        return f"{body}.{_b64(key.sign(body.encode()))}"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in ("secp256r1", "secp384r1"):
        size = key.curve.key_size // 8
        name, digest = ("ES256", hashes.SHA256()) if size == 32 else ("ES384", hashes.SHA384())
        body = _body(name, claims)
        r, s = decode_dss_signature(key.sign(body.encode(), ec.ECDSA(digest)))
        return f"{body}.{_b64(r.to_bytes(size, 'big') + s.to_bytes(size, 'big'))}"
    raise UsageError("the key for EAR must be P-256, P-384 or Ed25519")


def _body(algorithm: str, claims: dict[str, Any]) -> str:
    header = {"alg": algorithm, "typ": "JWT"}
    return ".".join(_b64(json.dumps(each, separators=(",", ":")).encode()) for each in (header, claims))


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
