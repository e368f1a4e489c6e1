"""What a data owner accepts: one policy type for every platform; everything not named is refused. Both worlds.

Made by callers of `verify`; read by `wanted`.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from gotee.attestation.evidence import KINDS
from gotee.attestation.refusals import refuse

_BYTES = {"nonce", "key", "report_data", "simulation_root"}
_BYTE_SETS = {"measurements", "program_digests", "signers", "platforms", "attestation_keys"}
_TEXT_SETS = {"kinds", "tcb_statuses", "accepted_advisories", "rejected_advisories", "clouds"}
_OLDEST = 3_153_600_000  # seconds: a hundred years
_HASHES = {"key", "simulation_root"}
STATUSES = frozenset(
    {
        "UpToDate",
        "SWHardeningNeeded",
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
        "OutOfDate",
        "OutOfDateConfigurationNeeded",
    }
)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Named wishes. Bytes may be given as bytes or hexadecimal text, sets as any collection.

    It must say which workload (`measurements`, or `signers` with `minimum_svn`) and what the evidence must bind
    (`nonce`, `key` or `report_data`); one that does not is a PolicyError.

    >>> Policy(measurements={"ab" * 32}, nonce="00ff").nonce.hex()
    '00ff'
    """

    measurements: frozenset[bytes] = frozenset()
    program_digests: frozenset[bytes] = frozenset()
    signers: frozenset[bytes] = frozenset()
    minimum_svn: int | None = None
    product: int | None = None
    registers: Mapping[str, bytes] = field(default_factory=dict)
    nonce: bytes | None = None
    key: bytes | None = None
    report_data: bytes | None = None
    max_age: timedelta | None = None
    kinds: frozenset[str] = frozenset(KINDS)
    platforms: frozenset[bytes] = frozenset()
    clouds: frozenset[str] = frozenset()
    attestation_keys: frozenset[bytes] = frozenset()
    tcb_statuses: frozenset[str] = frozenset({"UpToDate"})
    accepted_advisories: frozenset[str] | None = None
    rejected_advisories: frozenset[str] = frozenset()
    minimum_tcb_evaluation: int | None = None
    minimum_tcb: Mapping[str, int] = field(default_factory=dict)
    revocation: str = "required"
    simulation_root: bytes | None = None
    level: str | None = None
    debug: bool = False
    migration: bool = False
    vmpls: frozenset[int] = frozenset({0})
    sept_ve_disable: bool = True
    any_measurement: bool = False
    any_binding_insecure: bool = False

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, _field(each.name, getattr(self, each.name)))
        if not (self.measurements or self.signers or self.any_measurement):
            refuse("policy-empty", "the policy names no workload")
        if self.signers and not self.measurements and self.minimum_svn is None:
            refuse("policy-empty", "a policy of signers must name minimum_svn: old images are signed too")
        if not self.any_binding_insecure and self.nonce is None and self.key is None and self.report_data is None:
            refuse("policy-binding", "the policy names nothing that the evidence must bind")
        if self.simulation_root is not None:
            from gotee.attestation.trust import VENDORS  # needs `cryptography`, which start-up does without

            if self.simulation_root in VENDORS:
                refuse("policy-root", "simulation_root is a vendor's root")

    @classmethod
    def any_measurement_insecure(cls, **wishes: Any) -> Policy:
        """A policy for looking at evidence of an unknown workload; the claims show what was not checked."""
        bound = any(wishes.get(name) is not None for name in ("nonce", "key", "report_data"))
        return cls(any_measurement=True, **{"any_binding_insecure": not bound, **wishes})

    @classmethod
    def from_toml(cls, path: str | Path, **wishes: Any) -> Policy:
        """The policy in a TOML file: the fields by name, bytes in hexadecimal, max_age in seconds.

        `wishes` take the place of the file's: a nonce is new for each challenge.
        """
        try:
            return cls.from_toml_text(Path(path).read_text(encoding="utf-8"), **wishes)
        except (OSError, UnicodeError) as error:
            refuse("policy-field", f"{path} cannot be read: {error}")

    @classmethod
    def from_toml_text(cls, text: str, **wishes: Any) -> Policy:
        """The policy in a TOML text.

        >>> Policy.from_toml_text('measurements = ["aa"]\\nkey = "' + "bb" * 32 + '"').key.hex()[:4]
        'bbbb'
        """
        try:
            found = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            refuse("policy-field", f"the policy is not TOML: {error}")
        known = [each.name for each in fields(cls)]
        for name in sorted(found.keys() - set(known)):
            near = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1)
            refuse(
                "policy-field", f"the policy has no field {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
        return cls(**{**found, **wishes})


def _field(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _BYTES:
        return _bytes(name, value)
    if name in _BYTE_SETS:
        return frozenset(_bytes(name, item) for item in _collection(name, value))
    if name in _TEXT_SETS:
        return _texts(name, value)
    if name == "vmpls":
        return frozenset(_number(name, item) for item in _collection(name, value))
    if name == "registers":
        return {_text(name, key): _bytes(name, item) for key, item in _mapping(name, value).items()}
    if name == "minimum_tcb":
        return {_text(name, key): _number(name, item) for key, item in _mapping(name, value).items()}
    if name in ("minimum_svn", "product", "minimum_tcb_evaluation"):
        return _number(name, value)
    if name == "max_age":
        age = value if isinstance(value, timedelta) else timedelta(seconds=min(_number(name, value), _OLDEST + 1))
        if timedelta() < age <= timedelta(seconds=_OLDEST):
            return age
        refuse("policy-field", f"max_age must be 1 to {_OLDEST} seconds")
    if name in ("revocation", "level"):
        return _choice(name, value)
    return value if isinstance(value, bool) else refuse("policy-field", f"{name} is neither true nor false")


def _texts(name: str, value: Any) -> frozenset[str]:
    found = frozenset(_text(name, item) for item in _collection(name, value))
    known = {"kinds": frozenset(KINDS), "tcb_statuses": STATUSES}.get(name)
    if known is not None and not (found and found <= known):
        refuse("policy-field", f"{name} must be among {', '.join(sorted(known))}")
    return found


def _choice(name: str, value: Any) -> str:
    known = {"revocation": ("required", "unchecked"), "level": ("development", "service")}[name]
    if value not in known:
        refuse("policy-field", f"{name} must be among {', '.join(known)}")
    return str(value)


def _bytes(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        try:
            value = bytes.fromhex(value)
        except ValueError:
            refuse("policy-field", f"{name} is not hexadecimal")
    if not isinstance(value, bytes) or not value or len(value) > 1024:
        refuse("policy-field", f"{name} must be 1 to 1024 bytes, or their hexadecimal text")
    if name in _HASHES and len(value) != 32:
        refuse("policy-field", f"{name} is a SHA-256, 32 bytes")
    return value


def _collection(name: str, value: Any) -> list[Any]:
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    refuse("policy-field", f"{name} must be a list")


def _mapping(name: str, value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else refuse("policy-field", f"{name} must be a table")


def _text(name: str, value: Any) -> str:
    return value if isinstance(value, str) else refuse("policy-field", f"{name} must hold texts")


def _number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        refuse("policy-field", f"{name} must be a number that is not negative")
    return value
