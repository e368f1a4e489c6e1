"""The simulated quoting enclave: signs report bodies under this platform's own root. Platform world.

Called by `answers` when evidence is asked for; `cryptography` is imported then and not before.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gotee.platform.state import AUTHORITIES, RESET, StateError, kept

if TYPE_CHECKING:
    from gotee.attestation.simulation import Simulation

PACKAGES = "GOTEE_PACKAGES"
"""The environment variable in which a host that starts a platform names the folders where `cryptography` may lie."""

_made: dict[str, Simulation] = {}
_CERTIFICATES = 20 * 365  # days
_STATEMENTS = 30  # days, as Intel's


def quote(body: bytes, folder: str) -> bytes:
    """The length of the quote (4 bytes, little-endian), the quote of version 3, and its collateral as JSON."""
    simulation = authorities(folder)
    _renew(simulation)
    signed = simulation.quote(body)
    return len(signed).to_bytes(4, "little") + signed + simulation.collateral().to_json().encode()


def authorities(folder: str) -> Simulation:
    """The platform's keys and certificates, made on first use. Raises StateError."""
    if folder not in _made:
        _reach_packages()
        from gotee.attestation.simulation import Simulation

        def make() -> bytes:
            start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
            return Simulation(start, days=_CERTIFICATES, ppid=os.urandom(16)).to_json()

        data = kept(folder, AUTHORITIES, make)
        try:
            _made[folder] = Simulation.from_json(data)
        except Exception:  # whatever the parsers of a damaged file raise
            raise StateError(f"{os.path.join(folder, AUTHORITIES)} is damaged; {RESET}") from None
    return _made[folder]


def _renew(simulation: Simulation) -> None:
    """CRLs and statements hold for 30 days from the moment of the quote, rounded so that clocks may differ a little."""
    simulation.issued = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    simulation.statement_days = _STATEMENTS


def _reach_packages() -> None:
    for folder in os.environ.get(PACKAGES, "").split(os.pathsep):
        if os.path.isabs(folder) and folder not in sys.path:
            sys.path.append(folder)
