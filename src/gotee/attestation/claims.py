"""What genuine evidence says: the facts, before and apart from any wish. Both worlds.

Made by the modules that verify; read by `wanted`, by EAR, and by the callers of `verify`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Claims:
    """The facts of one piece of evidence. Bytes are as the platform writes them; an empty value means: not said.

    `hardware` is False for a simulation. `revocation` is "checked", "unchecked" or "none exists".
    `valid_until` is the earliest end of all certificates, CRLs and collateral that were used.
    `workload_checked` and `binding_checked` say whether the policy compared measurements and the bound key or nonce.
    """

    kind: str
    vendor: str
    hardware: bool
    measurement: bytes
    report_data: bytes
    debug: bool
    revocation: str
    valid_until: datetime
    simulation_root: bytes = b""
    level: str = ""
    signers: tuple[bytes, ...] = ()
    product: int | None = None
    svn: int | None = None
    registers: Mapping[str, bytes] = field(default_factory=dict)
    attributes: Mapping[str, int | bool | str] = field(default_factory=dict)
    tcb: Mapping[str, int] = field(default_factory=dict)
    tcb_status: str = ""
    advisories: tuple[str, ...] = ()
    tcb_evaluation: int | None = None
    platform_id: bytes = b""
    cloud: str = ""
    issued: datetime | None = None
    nonce: bytes = b""
    public_key: bytes = b""
    workload_checked: bool = False
    binding_checked: bool = False
    crosschecked: str = ""

    def to_json(self) -> dict[str, Any]:
        """The claims as plain JSON values: bytes in hexadecimal, times in RFC 3339."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
