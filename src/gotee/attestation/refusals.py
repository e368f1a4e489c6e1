"""The codes of refused evidence, each with its cure: the one place of both. Both worlds.

Called by every module of this room; the table in docs/reference/attestation.md is checked against it.
"""

from __future__ import annotations

from typing import NoReturn

from gotee.errors import EvidenceError, EvidenceMalformed, EvidenceNotGenuine, EvidenceUnwanted, PolicyError

_FRESH = "fetch the evidence anew and send every byte of it"
_COLLATERAL = "fetch the collateral of this platform anew, all of it at one time"
_CURES: dict[type[EvidenceError], dict[str, str]] = {
    EvidenceMalformed: {
        "kind": "say what it is: kind=sgx, tdx, snp, nitro or tpm",
        "format": _FRESH,
        "trailing": "send the evidence alone; only zero padding may follow it",
        "encoding": _FRESH,
        "part-missing": "give the part by its name, as the reference lists them",
        "part-format": "give this part in the form that the reference lists",
        "collateral-format": _COLLATERAL,
        "certificate-format": "give certificates as DER, or as PEM with nothing else between them",
    },
    EvidenceNotGenuine: {
        "certification-type": "configure the platform to deliver quotes with the PCK chain inside (type 5)",
        "collateral-missing": "give collateral=, or --collateral FILE, for this platform",
        "signature": "none: it was altered or is a forgery",
        "chain": "send the whole certificate chain of the evidence",
        "root": "none for a foreign root; for a simulation, name its root's key in policy.simulation_root",
        "certificate-window": "use evidence whose certificates are valid at `now`",
        "certificate-use": "none: a certificate was used for what it was not issued for",
        "revoked": "none: the key was revoked by its vendor",
        "revocation-missing": 'give the CRL as part `crl`, or accept the risk with revocation="unchecked"',
        "crl": "fetch the CRL anew from the vendor",
        "crl-window": "fetch a CRL that is valid at `now`",
        "collateral-window": "fetch collateral that is valid at `now`",
        "collateral-platform": "fetch the collateral of this quote's FMSPC, PCEID and kind",
        "collateral-signature": _COLLATERAL,
        "qe-identity": "update the quoting enclave, or fetch its present identity",
        "qe-report": "none: the quoting enclave did not vouch for this attestation key",
        "tcb-unmatched": "update the platform; its TCB is below every level known to the vendor",
        "tdx-module": "update the TDX module; this one is not in the TCB info",
        "vcek-mismatch": "fetch the VCEK of this chip for the report's TCB",
        "product": "give the certificates of the product that made the report",
        "timestamp": "set the clocks right, of the verifier or the platform",
        "pcr-digest": "send the PCR values of the same quote",
        "pcr-selection": "quote at least one PCR, of a SHA-256 or stronger bank",
        "weak-hash": "use SHA-256 or stronger",
        "key-unknown": "prove where the attestation key comes from, or name it in policy.attestation_keys",
        "runtime-data": "send the runtime data that the hardware report names",
        "crosscheck": "none: two verifiers disagree; report it",
        "simulation-only": "drop simulation_root from the policy to accept hardware",
    },
    EvidenceUnwanted: {
        "kind-unwanted": "use a platform that policy.kinds names",
        "debug": "start it without debug; debug=True accepts it, for tests",
        "measurement": "add the measurement to policy.measurements if you built it",
        "signer": "add the signer to policy.signers if you trust it",
        "program-digest": "add the digest to policy.program_digests if you built it",
        "register": "correct the value in policy.registers, or the platform's configuration",
        "product-id": "use an image of the product that the policy names",
        "svn": "use an image with a higher security version",
        "level": "run it at the level that the policy names",
        "tcb-status": "update the platform, or name the status in policy.tcb_statuses",
        "advisory": "update the platform, or change the policy's advisories",
        "tcb-evaluation": "fetch newer collateral",
        "tcb-version": "update the platform's firmware",
        "td-attributes": "start the TD with SEPT_VE_DISABLE and no unknown attributes",
        "service-td": "start the TD without a service TD",
        "vmpl": "ask for the report at the accepted VMPL, or name it in policy.vmpls",
        "migration": "start the guest without migration, or set migration=True",
        "nonce": "send this challenge's nonce to the platform",
        "key": "talk to the holder of the key that the evidence binds",
        "report-data": "make the evidence over the report data that the policy names",
        "binding": "send the claims that the report data is the hash of",
        "age": "make the evidence anew",
        "age-unknown": "use a nonce; this evidence carries no time",
        "platform": "add the platform's id to policy.platforms if it is yours",
        "cloud": "use a cloud that policy.clouds names",
    },
    PolicyError: {
        "policy-empty": "name measurements, or signers with minimum_svn; any_measurement_insecure() only to look",
        "policy-binding": "name nonce, key or report_data; any_binding_insecure=True only to look",
        "policy-field": "see the fields in the reference of attestation",
        "policy-root": "name the hash of the simulation root's public key (SPKI)",
    },
}
CODES: dict[str, tuple[type[EvidenceError], str]] = {
    code: (kind, cure) for kind, cures in _CURES.items() for code, cure in cures.items()
}


def refuse(code: str, reason: str) -> NoReturn:
    """Raise the refusal `code`: an EvidenceError of the code's class, with its cure.

    >>> from gotee.errors import EvidenceError
    >>> try:
    ...     refuse("debug", "DEBUG is set")
    ... except EvidenceError as error:
    ...     (type(error).__name__, error.code)
    ('EvidenceUnwanted', 'debug')
    """
    kind, cure = CODES[code]
    raise kind(code, reason, cure)
