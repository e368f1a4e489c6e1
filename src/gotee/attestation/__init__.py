"""Verifying evidence: the public names, and nothing that runs at import. Both worlds.

`cryptography` and `cbor2` are imported on the first use of a name, so that starting an enclave does without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gotee.attestation.claims import Claims
    from gotee.attestation.collateral import Collateral
    from gotee.attestation.evidence import Evidence
    from gotee.attestation.policy import Policy
    from gotee.attestation.verdict import verify

__all__ = ["Claims", "Collateral", "Evidence", "Policy", "verify"]
_HOME = {
    "Claims": "claims",
    "Collateral": "collateral",
    "Evidence": "evidence",
    "Policy": "policy",
    "verify": "verdict",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"gotee.attestation.{_HOME[name]}"), name)
