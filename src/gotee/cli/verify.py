"""`gotee verify FILE`: a verdict on evidence, offline. Host world."""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gotee.cli._files import hexadecimal, require_file
from gotee.cli._version import version
from gotee.cli.evidence import collateral_of
from gotee.errors import EvidenceError, PolicyError, UsageError

if TYPE_CHECKING:
    from gotee.attestation.claims import Claims
    from gotee.attestation.evidence import Evidence
    from gotee.attestation.policy import Policy

KINDS = ("sgx", "tdx", "snp", "nitro", "tpm")


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "verify",
        help="say whether evidence is genuine and wanted",
        description="Verify the evidence in FILE offline: status 0 accepted, 1 refused with code and cure, 2 usage.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "file", metavar="FILE", help="the evidence: binary, hexadecimal, base64, JSON, or an RA-TLS certificate"
    )
    parser.add_argument("--kind", choices=KINDS, help="what it is; by default it is recognised")
    parser.add_argument("--part", action="append", default=[], metavar="NAME=FILE", help="a further file, by name")
    parser.add_argument("--policy", required=True, metavar="P.toml", help="what is accepted")
    parser.add_argument("--now", required=True, metavar="RFC3339", help="the moment of the verdict, with a zone")
    parser.add_argument("--nonce", metavar="HEX", help="the challenge that was sent, instead of the policy's")
    parser.add_argument("--collateral", metavar="C.json", help="Intel's collateral (default: FILE.collateral.json)")
    parser.add_argument("--crosscheck", choices=("dcap-qvl",), help="ask this package too (sgx, tdx)")
    parser.add_argument("--json", action="store_true", help="print the verdict as one JSON object")
    parser.add_argument("--ear", action="store_true", help="print the verdict as a signed EAR; needs --key")
    parser.add_argument("--key", metavar="K.pem", help="the private key that signs the EAR")
    parser.set_defaults(action=judge)


def judge(options: argparse.Namespace) -> int:
    """Print the verdict. Raises UsageError for a wrong command line or policy file."""
    if options.ear != (options.key is not None):
        raise UsageError("--ear and --key K.pem go together: an EAR is never unsigned")
    now = _moment(options.now)
    wishes = {} if options.nonce is None else {"nonce": hexadecimal("--nonce", options.nonce, 1024)}
    policy_text = require_file(options.policy).read_bytes()
    key = require_file(options.key).read_bytes() if options.ear else b""
    evidence, unread = _evidence(options)
    policy = None
    try:
        policy = _policy(options.policy, wishes, evidence)
        verdict: Claims | EvidenceError = unread or _verdict(options, evidence, policy, now)
    except EvidenceError as error:
        if isinstance(error, PolicyError) and error.code == "policy-field":
            raise
        verdict = error
    if options.ear and policy is not None:
        from gotee.attestation.ear import sign

        policy_id = f"policy:sha-256:{hashlib.sha256(policy_text).hexdigest()}"
        print(sign(verdict, policy, policy_id, key, now, version()))
    elif options.json:
        print(json.dumps(_object(verdict)))
    _tell(verdict, quiet=options.ear or options.json)
    return 1 if isinstance(verdict, EvidenceError) else 0


def _policy(path: str, wishes: dict[str, bytes], evidence: Evidence | None) -> Policy:
    """The policy; one that names nothing to bind is content with the key of a certificate that carries the evidence."""
    from gotee.attestation.policy import Policy

    try:
        return Policy.from_toml(path, **wishes)
    except PolicyError as error:
        key = evidence.key if evidence is not None and error.code == "policy-binding" else None
        if key is None:
            raise
        return Policy.from_toml(path, key=key, **wishes)


def _verdict(options: argparse.Namespace, evidence: Evidence | None, policy: Policy, now: datetime) -> Claims:
    from gotee.attestation.collateral import Collateral
    from gotee.attestation.verdict import verify

    assert evidence is not None
    collateral = Collateral.from_file(file) if (file := _collateral(options)) else None
    return verify(evidence, policy, now=now, collateral=collateral, crosscheck=options.crosscheck)


def _evidence(options: argparse.Namespace) -> tuple[Evidence | None, EvidenceError | None]:
    """The evidence, or why it cannot be read. Raises UsageError."""
    from gotee.attestation.evidence import PARTS, Evidence

    parts: dict[str, bytes] = {}
    for given in options.part:
        name, equals, file = given.partition("=")
        if not equals or not name or name in parts:
            raise UsageError(f"--part {given}: write NAME=FILE, each name once")
        if name not in PARTS:
            near = difflib.get_close_matches(name.lower(), PARTS, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"--part {given}: no evidence has such a part; {hint}The parts are {', '.join(PARTS)}")
        parts[name] = require_file(file).read_bytes()
    data = require_file(options.file).read_bytes()
    try:
        return Evidence.detect(data, options.kind, parts), None
    except EvidenceError as error:
        return None, error


def _collateral(options: argparse.Namespace) -> Path | None:
    """Collateral is signed, so it does not matter who put it beside the evidence."""
    if options.collateral:
        return require_file(options.collateral)
    beside = collateral_of(Path(options.file))
    return beside if beside.is_file() else None


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--now {text}: write a moment such as 2026-01-31T12:00:00Z") from None
    if found.tzinfo is None:
        raise UsageError(f"--now {text}: the zone is missing, such as Z")
    return found


def _object(verdict: Claims | EvidenceError) -> dict[str, Any]:
    if isinstance(verdict, EvidenceError):
        return {"accepted": False, "code": verdict.code, "reason": verdict.reason, "cure": verdict.cure}
    return {"accepted": True, "claims": verdict.to_json()}


def _tell(verdict: Claims | EvidenceError, *, quiet: bool) -> None:
    if isinstance(verdict, EvidenceError):
        print(f"gotee: refused: {verdict.code}: {verdict.reason}", file=sys.stderr)
        print(f"cure: {verdict.cure}", file=sys.stderr)
        return
    if quiet:
        return
    print(f"accepted: {verdict.kind}, {verdict.vendor}{'' if verdict.hardware else ', not proved to be hardware'}")
    if not verdict.workload_checked:
        print("the workload was NOT checked: the policy accepts any measurement")
    if not verdict.binding_checked:
        print("key and nonce were NOT checked: the policy names none")
    for name, value in verdict.to_json().items():
        if value not in ("", None, [], {}) and name not in ("kind", "vendor"):
            print(f"  {name}: {value}")
