"""Whom the verifier trusts: the vendors' root keys, or one simulation root. Both worlds.

Called by the modules that say whether evidence is genuine. Nothing here comes from the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files

from cryptography import x509

from gotee.attestation.certificates import read_certificate

# SHA-256 of each root key's SubjectPublicKeyInfo; the test of roots computes them from the certificates.
INTEL = bytes.fromhex("a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e")
AWS = bytes.fromhex("f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225")
AMD = {
    "Milan": bytes.fromhex("9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9"),
    "Genoa": bytes.fromhex("429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831"),
    "Turin": bytes.fromhex("4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08"),
}
VENDORS = frozenset({INTEL, AWS, *AMD.values()})


@dataclass(frozen=True)
class Trust:
    """What the genuine rooms may lean on. `simulation_root`, if not empty, is the only accepted anchor."""

    now: datetime
    simulation_root: bytes = b""
    revocation: str = "required"
    attestation_keys: frozenset[bytes] = frozenset()


@cache
def shipped(name: str) -> x509.Certificate:
    """A vendor's certificate that is part of this package."""
    return read_certificate((files("gotee.attestation") / "roots" / f"{name}.der").read_bytes(), name)
