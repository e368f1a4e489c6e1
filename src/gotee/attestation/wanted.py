"""Whether genuine evidence is wanted: its claims against the policy. Both worlds.

Called by `verdict` after the evidence was found genuine; sees claims only, never the evidence's format.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from gotee.attestation import binding
from gotee.attestation.certificates import same
from gotee.attestation.claims import Claims
from gotee.attestation.policy import Policy
from gotee.attestation.refusals import refuse

_TD_KNOWN = 0xFF | 1 << 27 | 1 << 28 | 1 << 29 | 1 << 30 | 1 << 31 | 1 << 63  # TDX module spec, TD_ATTRIBUTES
CLOCKS_APART = timedelta(minutes=5)  # how far ahead of the verifier's clock a platform's may be


def check(claims: Claims, policy: Policy, parts: Mapping[str, bytes], now: datetime) -> None:
    """Raise EvidenceUnwanted unless the policy accepts the claims."""
    if claims.kind not in policy.kinds:
        refuse("kind-unwanted", f"the policy does not accept {claims.kind}")
    if claims.debug and not policy.debug:
        refuse("debug", "it runs in debug mode, so its host can read and change it")
    bound = binding.bound(policy, parts.get("certificate"))
    _workload(claims, policy, binding.read(claims, bound, parts.get("claims")))
    _configuration(claims, policy)
    _platform(claims, policy)
    binding.check(claims, policy, bound, parts.get("claims"))
    _age(claims, policy, now)


def _workload(claims: Claims, policy: Policy, said: Mapping[str, object]) -> None:
    if policy.measurements and not _listed(claims.measurement, policy.measurements):
        refuse("measurement", f"the measurement {claims.measurement.hex()} is not in the policy")
    if policy.signers and not any(_listed(signer, policy.signers) for signer in claims.signers):
        refuse("signer", "no signer of the workload is in the policy")
    if policy.minimum_svn is not None and (claims.svn or 0) < policy.minimum_svn:
        refuse("svn", f"security version {claims.svn} is below {policy.minimum_svn}")
    if policy.product is not None and claims.product != policy.product:
        refuse("product-id", f"product {claims.product} is not {policy.product}")
    if policy.program_digests:
        digest = said.get("program-digest")
        if not isinstance(digest, bytes) or not _listed(digest, policy.program_digests):
            refuse("program-digest", "the claims name no program digest of the policy")
    for name, value in policy.registers.items():
        if not same(claims.registers.get(name, b""), value):
            refuse("register", f"{name} is {claims.registers.get(name, b'').hex() or 'absent'}")


def _configuration(claims: Claims, policy: Policy) -> None:
    if policy.level is not None and claims.level != policy.level:
        refuse("level", f"the level is {claims.level or 'not said'}, not {policy.level}")
    migrates = claims.attributes.get("migration", False) or claims.attributes.get("migratable", False)
    if migrates and not policy.migration:
        refuse("migration", "its owner may move it to another machine with a migration agent")
    if "vmpl" in claims.attributes and claims.attributes["vmpl"] not in policy.vmpls:
        refuse("vmpl", f"the report was asked for at VMPL {claims.attributes['vmpl']}")
    if "sept_ve_disable" in claims.attributes:
        if policy.sept_ve_disable and not claims.attributes["sept_ve_disable"]:
            refuse("td-attributes", "SEPT_VE_DISABLE is not set")
        if int(claims.attributes["flags"]) & ~_TD_KNOWN:
            refuse("td-attributes", "TD attributes have unknown bits")
        if any(claims.registers.get("mrservicetd", b"")) and "mrservicetd" not in policy.registers:
            refuse("service-td", "a service TD is bound to it")


def _platform(claims: Claims, policy: Policy) -> None:
    if claims.tcb_status and claims.tcb_status not in policy.tcb_statuses:
        more = f" ({', '.join(claims.advisories)})" if claims.advisories else ""
        refuse("tcb-status", f"the platform's TCB is {claims.tcb_status}{more}")
    for advisory in claims.advisories:
        accepted = policy.accepted_advisories
        if advisory in policy.rejected_advisories or (accepted is not None and advisory not in accepted):
            refuse("advisory", f"{advisory} applies to the platform")
    if policy.minimum_tcb_evaluation is not None and (claims.tcb_evaluation or 0) < policy.minimum_tcb_evaluation:
        refuse("tcb-evaluation", f"TCB evaluation {claims.tcb_evaluation} is below {policy.minimum_tcb_evaluation}")
    for name, least in policy.minimum_tcb.items():
        if claims.tcb.get(name, -1) < least:
            refuse("tcb-version", f"{name} is {claims.tcb.get(name)}, below {least}")
    if policy.platforms and not _listed(claims.platform_id, policy.platforms):
        refuse("platform", f"platform {claims.platform_id.hex() or 'without id'} is not in the policy")
    if policy.clouds and claims.cloud not in policy.clouds:
        refuse("cloud", f"cloud {claims.cloud or 'not said'} is not in the policy")


def _age(claims: Claims, policy: Policy, now: datetime) -> None:
    if claims.issued is not None and claims.issued > now + CLOCKS_APART:
        refuse("timestamp", f"the evidence was made at {claims.issued}, after {now}")
    if policy.max_age is None:
        return
    if claims.issued is None:
        if policy.nonce is None:
            refuse("age-unknown", "max_age is asked of evidence that carries no time")
    elif now - claims.issued > policy.max_age:
        refuse("age", f"the evidence was made at {claims.issued}")


def _listed(value: bytes, allowed: frozenset[bytes]) -> bool:
    return bool(value) and any(same(value, each) for each in allowed)
