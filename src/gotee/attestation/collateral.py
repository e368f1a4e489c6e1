"""Collateral of Intel's quotes: CRLs, TCB info and QE identity with their signers. Both worlds.

Made by callers of `verify` from JSON with the keys of dcap-qvl; nothing in it is believed before it is verified.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gotee.attestation.encoding import from_hex, from_json
from gotee.attestation.refusals import refuse

_TEXTS = (
    "pck_crl_issuer_chain",
    "tcb_info_issuer_chain",
    "tcb_info",
    "qe_identity_issuer_chain",
    "qe_identity",
)
_BYTES = ("root_ca_crl", "pck_crl", "tcb_info_signature", "qe_identity_signature")
_IGNORED = {"pck_certificate_chain"}  # newer writers add it; the quote carries its own


@dataclass(frozen=True)
class Collateral:
    """The members are those of dcap-qvl's QuoteCollateralV3; the JSON carries bytes in hexadecimal."""

    pck_crl_issuer_chain: str
    root_ca_crl: bytes
    pck_crl: bytes
    tcb_info_issuer_chain: str
    tcb_info: str
    tcb_info_signature: bytes
    qe_identity_issuer_chain: str
    qe_identity: str
    qe_identity_signature: bytes

    @classmethod
    def from_json(cls, text: str | bytes) -> Collateral:
        """Read the JSON text. Raises EvidenceMalformed."""
        code = "collateral-format"
        found = from_json(text, "the collateral", code)
        if found.keys() - {*_TEXTS, *_BYTES, *_IGNORED}:
            refuse(code, "the collateral has unknown members")
        if not {*_TEXTS, *_BYTES} <= found.keys() or not all(isinstance(found[name], str) for name in _TEXTS):
            refuse(code, "the collateral lacks members, or they are no texts")
        members: dict[str, Any] = {name: found[name] for name in _TEXTS}
        members.update((name, from_hex(found[name], name, code)) for name in _BYTES)
        return cls(**members)

    def to_json(self) -> str:
        """The JSON text that `from_json` and dcap-qvl read."""
        members = {name: getattr(self, name) for name in _TEXTS}
        return json.dumps(members | {name: getattr(self, name).hex() for name in _BYTES}, indent=1)

    @classmethod
    def from_file(cls, path: str | Path) -> Collateral:
        """Read a JSON file. Raises EvidenceMalformed."""
        try:
            return cls.from_json(Path(path).read_bytes())
        except OSError as error:
            refuse("collateral-format", f"{path} cannot be read: {error.strerror}")
