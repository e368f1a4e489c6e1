"""Whether an SEV-SNP report is genuine: VCEK or VLEK, its chain to AMD's root, TCB and chip. Both worlds.

Called by `verdict` and `azure`; says nothing about whether the guest is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509

from gotee.attestation import der
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
    verify_p384,
)
from gotee.attestation.claims import Claims
from gotee.attestation.encoding import der_blocks
from gotee.attestation.refusals import refuse
from gotee.attestation.snp_report import DEBUG, MIGRATE, VCEK, VLEK, SnpReport, product_of, read_report, tcb_parts
from gotee.attestation.trust import AMD, Trust, shipped

_OID = "1.3.6.1.4.1.3704.1"  # AMD's arc: VCEK and VLEK certificate definition, KDS interface specification
_TCB = {"bootloader": ".3.1", "tee": ".3.2", "snp": ".3.3", "microcode": ".3.8", "fmc": ".3.9"}
_HARDWARE_ID = ".4"


def genuine(data: bytes, parts: Mapping[str, bytes], trust: Trust) -> Claims:
    """The claims of a genuine report. Parts: `vcek` or `vlek`, `chain`, `crl`. Raises EvidenceError."""
    report = read_report(data)
    name = {VCEK: "vcek", VLEK: "vlek"}.get(report.signing_key)
    if name is None:
        refuse("signature", f"the report is signed by no key (key info {report.signing_key})")
    leaf, pool = _leaf(name, parts)
    product = _product(leaf, report)
    chains = Chains(frozenset({AMD[product]}), trust.now)
    arks = [shipped(f"amd_{product.lower()}_{each}") for each in ("ark", "ask" if name == "vcek" else "asvk")]
    path = chains.path(leaf, [*pool, *arks], f"the {name.upper()}")
    chains.prove([one for one in pool if one not in path], [*pool, *arks], "the given certificates")
    issuer = f"SEV-{product}" if name == "vcek" else f"SEV-VLEK-{product}"
    if len(path) != 3 or common_name(subject(path[1])) != issuer:
        refuse("certificate-use", f"the {name.upper()} was not issued by {issuer}")
    if not verify_p384(curve_key(leaf, "secp384r1", f"the {name.upper()}"), report.signature, report.signed):
        refuse("signature", f"the report is not signed by the {name.upper()}")
    _match(leaf, report, product, name)
    revocation = _revocation(parts.get("crl"), chains, path, trust)
    return _claims(report, product, name, revocation, chains)


def _leaf(name: str, parts: Mapping[str, bytes]) -> tuple[x509.Certificate, list[x509.Certificate]]:
    if name not in parts:
        refuse("part-missing", f"the report is signed by a {name.upper()}; part `{name}` is missing")
    given = read_certificates(parts[name], f"part `{name}`")
    pool = [*given, *(read_certificates(parts["chain"], "part `chain`") if "chain" in parts else [])]
    leaves = [one for one in given if extension_bytes(one, _OID + _TCB["bootloader"]) is not None]
    if len(leaves) != 1:
        refuse("part-format", f"part `{name}` has not exactly one {name.upper()} certificate")
    return leaves[0], pool


def _product(leaf: x509.Certificate, report: SnpReport) -> str:
    issuer = common_name(issuer_name(leaf))
    product = issuer.rpartition("-")[2]
    if product not in AMD:
        refuse("product", f"{issuer!r} issues for no known product")
    if report.cpuid is not None and product_of(report.cpuid) != product:
        refuse("product", f"the report is of another CPU than {product}")
    return product


def _match(leaf: x509.Certificate, report: SnpReport, product: str, name: str) -> None:
    for part, value in tcb_parts(report.reported_tcb, product).items():
        raw = extension_bytes(leaf, _OID + _TCB[part])
        if raw is None or der.number(der.only(raw, der.INTEGER, part), part) != value:
            refuse("vcek-mismatch", f"the {name.upper()} is for another {part} version than the report's")
    if name == "vlek":
        return
    hardware = extension_bytes(leaf, _OID + _HARDWARE_ID)
    if hardware is None:
        refuse("vcek-mismatch", "the VCEK names no chip")
    length = 8 if product == "Turin" else 64
    if len(hardware) == length + 2 and hardware[:2] == bytes((der.OCTETS, length)):
        hardware = hardware[2:]
    if len(hardware) != length or not same(hardware.ljust(64, b"\0"), report.chip_id):
        refuse("vcek-mismatch", "the VCEK is of another chip than the report")


def _revocation(data: bytes | None, chains: Chains, path: tuple[x509.Certificate, ...], trust: Trust) -> str:
    """ARK's CRL covers the ASK, whose key may sign no CRLs; one of it that is given is used all the same."""
    if data is None:
        if trust.revocation == "unchecked":
            return "unchecked"
        refuse("revocation-missing", "AMD's CRL is missing")
    root_seen = False
    for block in der_blocks(data, "part `crl`"):
        issuer = _issuer_of(block, path)
        crl = chains.crl(block, issuer, "AMD's CRL")
        root_seen = root_seen or issuer is path[2]
        for certificate in path[:2]:
            if issuer_name(certificate) == subject(issuer):
                refuse_revoked(crl, certificate, common_name(subject(certificate)))
    if not root_seen:
        refuse("revocation-missing", "the root's CRL is missing")
    return "checked"


def _issuer_of(block: bytes, path: tuple[x509.Certificate, ...]) -> x509.Certificate:
    try:
        name = x509.load_der_x509_crl(block).issuer
    except Exception:  # as in read_certificate
        refuse("crl", "part `crl` cannot be read")
    found = [one for one in path[1:] if subject(one) == name]
    return found[0] if found else refuse("crl", "part `crl` is of another authority")


def _claims(report: SnpReport, product: str, name: str, revocation: str, chains: Chains) -> Claims:
    assert chains.until is not None
    return Claims(
        kind="snp",
        vendor="amd",
        hardware=True,
        measurement=report.measurement,
        report_data=report.report_data,
        debug=bool(report.policy & DEBUG),
        revocation=revocation,
        valid_until=chains.until,
        signers=tuple(each for each in (report.id_key_digest, report.author_key_digest) if any(each)),
        svn=report.guest_svn,
        registers={"host_data": report.host_data, "family_id": report.family_id, "image_id": report.image_id},
        attributes={
            "vmpl": report.vmpl,
            "migration": bool(report.policy & MIGRATE),
            "policy": report.policy,
            "platform_info": report.platform_info,
            "product": product,
            "key": name,
            "version": report.version,
        },
        tcb=tcb_parts(report.reported_tcb, product),
        platform_id=report.chip_id if any(report.chip_id) else b"",
    )
