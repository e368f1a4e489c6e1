"""Whether an Intel quote (SGX, TDX) is genuine: chains, revocation, collateral, TCB. Both worlds.

Called by `verdict`; says nothing about whether the enclave is wanted.
"""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from gotee.attestation import intel_tcb
from gotee.attestation.certificates import (
    Chains,
    common_name,
    curve_key,
    extension_bytes,
    issuer_name,
    read_certificates,
    refuse_revoked,
    same,
    subject,
    verify_p256,
)
from gotee.attestation.claims import Claims
from gotee.attestation.collateral import Collateral
from gotee.attestation.intel_tcb import Pck, Statement, Verdict
from gotee.attestation.quotes import PEM_CHAIN, Quote, SgxReport, TdReport, read_quote
from gotee.attestation.refusals import refuse
from gotee.attestation.trust import INTEL, Trust, shipped

_LEVELS = {level.encode().ljust(16, b"\0"): level for level in ("development", "service")}


def genuine(data: bytes, kind: str, collateral: Collateral | None, trust: Trust) -> Claims:
    """The claims of a genuine quote. Raises EvidenceError."""
    quote = read_quote(data)
    if (kind == "tdx") is not isinstance(quote.body, TdReport):
        refuse("kind", f"the quote is not of kind {kind}")
    if quote.certification_type != PEM_CHAIN:
        refuse("certification-type", f"certification data of type {quote.certification_type} carries no PCK chain")
    if collateral is None:
        refuse("collateral-missing", "a quote cannot be judged without collateral")
    pin = trust.simulation_root or INTEL
    chains = Chains(frozenset({pin}), trust.now)
    extra = [] if trust.simulation_root else [shipped("intel_sgx")]
    path = _pck_path(quote, chains, extra, bool(trust.simulation_root))
    _signatures(quote, path[0])
    signer_paths = _signers(collateral, chains, extra, path, bool(trust.simulation_root))
    _revocation(collateral, chains, path, signer_paths)
    extension = extension_bytes(path[0], intel_tcb.PCK_EXTENSION)
    if extension is None:
        refuse("certificate-use", "the quote's certificate is no PCK certificate")
    pck = intel_tcb.read_pck(extension)
    info, verdict = _judge(quote, collateral, chains, pck, signer_paths)
    return _claims(quote, kind, trust, chains, pck, info, verdict)


Path = tuple[x509.Certificate, ...]


def _pck_path(quote: Quote, chains: Chains, extra: list[x509.Certificate], simulated: bool) -> Path:
    certificates = read_certificates(quote.certification, "the quote's certificate chain")
    leaves = [one for one in certificates if extension_bytes(one, intel_tcb.PCK_EXTENSION) is not None]
    if len(leaves) != 1:
        refuse("chain", "the quote's chain has not exactly one PCK certificate")
    path = chains.path(leaves[0], [*certificates, *extra], "the quote's certificate chain")
    chains.refuse_strangers(certificates, path, "the quote's certificate")
    names = {"Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"}
    if len(path) != 3 or (not simulated and common_name(subject(path[1])) not in names):
        refuse("certificate-use", "the PCK certificate was not issued by a PCK authority")
    return path


def _signatures(quote: Quote, pck: x509.Certificate) -> None:
    """PCK key -> QE report -> attestation key -> quote."""
    report = SgxReport.read(quote.qe_report)
    if not verify_p256(curve_key(pck, "secp256r1", "the PCK certificate"), quote.qe_signature, quote.qe_report):
        refuse("signature", "the quoting enclave's report is not signed by the PCK key")
    bound = hashlib.sha256(quote.attestation_key + quote.qe_auth_data).digest() + bytes(32)
    if not same(report.report_data, bound):
        refuse("qe-report", "the quoting enclave's report is about another attestation key")
    x, y = (int.from_bytes(half, "big") for half in (quote.attestation_key[:32], quote.attestation_key[32:]))
    try:
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        refuse("signature", "the attestation key is no point of P-256")
    if not verify_p256(key, quote.signature, quote.signed):
        refuse("signature", "the quote is not signed by its attestation key")


def _signers(
    collateral: Collateral, chains: Chains, extra: list[x509.Certificate], pck_path: Path, simulated: bool
) -> tuple[Path, Path, Path]:
    """Paths of the signers of the PCK CRL, the TCB info and the QE identity."""
    found: list[Path] = []
    for text, what in (
        (collateral.pck_crl_issuer_chain, "the PCK CRL's issuer"),
        (collateral.tcb_info_issuer_chain, "the TCB info's signer"),
        (collateral.qe_identity_issuer_chain, "the QE identity's signer"),
    ):
        certificates = read_certificates(text.encode(), what)
        issuers = [issuer_name(one) for one in certificates]
        leaves = [one for one in certificates if subject(one) not in issuers] or certificates[:1]
        path = chains.path(leaves[0], [*certificates, *extra], what)
        chains.refuse_strangers(certificates, path, what)
        found.append(path)
    if subject(found[0][0]) != subject(pck_path[1]) or found[0][0].public_key() != pck_path[1].public_key():
        refuse("collateral-platform", "the PCK CRL is of another authority than the PCK certificate")
    for path in found[1:]:
        if extension_bytes(path[0], intel_tcb.PCK_EXTENSION) is not None or len(path) != 2:
            refuse("certificate-use", "the collateral is signed by a key that may not sign collateral")
        if not simulated and common_name(subject(path[0])) != "Intel SGX TCB Signing":
            refuse("certificate-use", "the collateral is not signed by Intel's TCB signing key")
    return found[0], found[1], found[2]


def _revocation(collateral: Collateral, chains: Chains, pck_path: Path, signers: tuple[Path, ...]) -> None:
    root_crl = chains.crl(collateral.root_ca_crl, pck_path[-1], "the root's CRL")
    pck_crl = chains.crl(collateral.pck_crl, pck_path[1], "the PCK CRL")
    refuse_revoked(pck_crl, pck_path[0], "the PCK certificate")
    for path in (pck_path[1:], *signers):
        for certificate in path[:-1]:
            refuse_revoked(root_crl, certificate, "an authority or signer")


def _judge(
    quote: Quote, collateral: Collateral, chains: Chains, pck: Pck, signers: tuple[Path, Path, Path]
) -> tuple[Statement, Verdict]:
    tdx = isinstance(quote.body, TdReport)
    info = _statement(
        collateral.tcb_info, collateral.tcb_info_signature, signers[1], "TDX" if tdx else "SGX", "the TCB info", chains
    )
    identity = _statement(
        collateral.qe_identity,
        collateral.qe_identity_signature,
        signers[2],
        "TD_QE" if tdx else "QE",
        "the QE identity",
        chains,
    )
    if not intel_tcb.platform_matches(info, pck):
        refuse("collateral-platform", "the TCB info is for another FMSPC, PCEID or type of TCB")
    parts = [intel_tcb.enclave_status(identity, SgxReport.read(quote.qe_report))]
    svn = None
    if isinstance(quote.body, TdReport):
        svn = quote.body.tee_tcb_svn
        parts.append(intel_tcb.module_status(info, quote.body))
    verdict = intel_tcb.converge(intel_tcb.platform_status(info, pck, svn), *parts)
    if verdict.status == "Revoked":
        refuse("revoked", "the platform's TCB is revoked")
    return info if info.evaluation <= identity.evaluation else identity, verdict


def _statement(text: str, signature: bytes, path: Path, kind: str, what: str, chains: Chains) -> Statement:
    key = curve_key(path[0], "secp256r1", f"the signer of {what}")
    if len(signature) != 64 or not verify_p256(key, signature, text.encode()):
        refuse("collateral-signature", f"{what} is not signed by its signer")
    statement = intel_tcb.read_statement(text, kind, what)
    if not statement.issued <= chains.now <= statement.until:
        refuse("collateral-window", f"{what} is valid {statement.issued} to {statement.until}, not at {chains.now}")
    chains.ends(statement.until)
    return statement


def _claims(
    quote: Quote, kind: str, trust: Trust, chains: Chains, pck: Pck, info: Statement, verdict: Verdict
) -> Claims:
    body = quote.body
    assert chains.until is not None
    common = {
        "kind": kind,
        "vendor": "gotee simulation" if trust.simulation_root else "intel",
        "hardware": not trust.simulation_root,
        "simulation_root": trust.simulation_root,
        "revocation": "checked",
        "valid_until": chains.until,
        "tcb_status": verdict.status,
        "advisories": verdict.advisories,
        "tcb_evaluation": info.evaluation,
        "platform_id": pck.instance or pck.ppid,
        "report_data": body.report_data,
    }
    if isinstance(body, SgxReport):
        flags = int.from_bytes(body.attributes[:8], "little")
        return Claims(
            **common,  # type: ignore[arg-type]
            measurement=body.mrenclave,
            signers=(body.mrsigner,),
            product=body.isvprodid,
            svn=body.isvsvn,
            debug=bool(flags & 2),
            level=_LEVELS.get(body.isvfamilyid, "") if trust.simulation_root else "",
            registers={"configid": body.configid, "isvextprodid": body.isvextprodid, "isvfamilyid": body.isvfamilyid},
            attributes={"flags": flags, "init": bool(flags & 1), "mode64": bool(flags & 4)},
            tcb={f"svn{number}": svn for number, svn in enumerate(pck.svns, 1)} | {"pcesvn": pck.pcesvn},
        )
    flags = int.from_bytes(body.td_attributes, "little")
    registers = {f"rtmr{number}": value for number, value in enumerate(body.rtmrs)}
    return Claims(
        **common,  # type: ignore[arg-type]
        measurement=body.mrtd,
        debug=bool(flags & 0xFF),
        registers=registers
        | {
            "mrconfigid": body.mrconfigid,
            "mrowner": body.mrowner,
            "mrownerconfig": body.mrownerconfig,
            "mrseam": body.mrseam,
            "mrservicetd": body.mrservicetd,
            "xfam": body.xfam,
        },
        attributes={"flags": flags, "sept_ve_disable": bool(flags >> 28 & 1), "migratable": bool(flags >> 29 & 1)},
        tcb={f"svn{number}": svn for number, svn in enumerate(pck.svns, 1)} | {"pcesvn": pck.pcesvn},
    )
