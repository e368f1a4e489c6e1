"""Whether a TPM 2.0 quote is genuine: its key's provenance, its signature, the digest of its PCRs. Both worlds.

Called by `verdict`. The key comes from Azure's runtime data, which hardware vouches for, or the policy names it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gotee.attestation import azure
from gotee.attestation.certificates import same
from gotee.attestation.claims import Claims
from gotee.attestation.collateral import Collateral
from gotee.attestation.evidence import Evidence
from gotee.attestation.refusals import refuse
from gotee.attestation.tpm_key import Key, named_key, rsa_key, spki
from gotee.attestation.tpm_quote import (
    ECDSA,
    HASHES,
    RSAPSS,
    SIZES,
    TpmQuote,
    TpmSignature,
    read_pcrs,
    read_quote,
    read_signature,
)
from gotee.attestation.trust import Trust

_DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_NO_END = datetime(9999, 12, 31, tzinfo=UTC)  # a key that the policy names has no window


def genuine(evidence: Evidence, collateral: Collateral | None, trust: Trust) -> Claims:
    """The claims of a genuine quote. Parts: `signature`, `pcrs`, and `key` or `hcl_report` with its own parts."""
    for name in ("signature", "pcrs"):
        if name not in evidence.parts:
            refuse("part-missing", f"part `{name}` is missing")
    quote, signature = read_quote(evidence.data), read_signature(evidence.parts["signature"])
    hardware = None
    if "hcl_report" in evidence.parts:
        hcl = evidence.parts["hcl_report"]
        hardware = azure.genuine_hardware(hcl, evidence.parts, collateral, trust)
        modulus, exponent = azure.attestation_key(azure.read_hcl(hcl)[2])
        key = rsa_key(modulus, exponent, "runtime-data", "HCLAkPub")
    elif "key" in evidence.parts:
        key = named_key(evidence.parts["key"], trust)
    else:
        refuse("part-missing", "part `key`, or `hcl_report`, is missing")
    _verify(key, signature, evidence.data)
    pcrs = _pcrs(quote, signature, evidence.parts["pcrs"])
    return _claims(quote, pcrs, key, hardware)


def _verify(key: Key, signature: TpmSignature, message: bytes) -> None:
    digest = _DIGESTS[HASHES[signature.hash]]()
    if isinstance(key, ec.EllipticCurvePublicKey) is not (signature.algorithm == ECDSA):
        refuse("signature", "the TPM signature is not of the key's kind")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
        refuse("signature", f"the attestation key has {key.key_size} bits; 2048 is the least")
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            r, s = (int.from_bytes(value, "big") for value in signature.values)
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(digest))
            return
        pss = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO)
        key.verify(signature.values[0], message, pss if signature.algorithm == RSAPSS else padding.PKCS1v15(), digest)
    except (InvalidSignature, ValueError):
        refuse("signature", "the TPM message is not signed by the attestation key")


def _pcrs(quote: TpmQuote, signature: TpmSignature, part: bytes) -> dict[tuple[int, int], bytes]:
    chosen = [(bank, number) for bank, numbers in quote.selection for number in numbers]
    if not chosen:
        refuse("pcr-selection", "the quote selects no PCR")
    for bank, _ in quote.selection:
        if bank not in HASHES:
            refuse("weak-hash", f"the quote selects a bank of hash {bank:#06x}")
    values = read_pcrs(part, quote.selection)
    if any(len(values.get(each, b"")) != SIZES[each[0]] for each in chosen):
        refuse("pcr-selection", "a quoted PCR is missing from part `pcrs`, or of the wrong size")
    digest = hashlib.new(HASHES[signature.hash], b"".join(values[each] for each in chosen)).digest()
    if not same(digest, quote.digest):
        refuse("pcr-digest", "the PCR values are not those of the quote")
    found = {each: values[each] for each in chosen}
    if not any(any(value) for value in found.values()):
        refuse("pcr-selection", "all quoted PCRs are zero: nothing was measured")
    return found


def _claims(quote: TpmQuote, pcrs: dict[tuple[int, int], bytes], key: Key, hardware: Claims | None) -> Claims:
    several = len({bank for bank, _ in pcrs}) > 1
    names = {each: f"{HASHES[each[0]]}-pcr{each[1]}" if several else f"pcr{each[1]}" for each in pcrs}
    registers = {names[each]: value for each, value in pcrs.items()}
    if hardware is not None:
        return replace(
            hardware,
            kind="tpm",
            registers={**hardware.registers, **registers},
            report_data=quote.extra_data,
            nonce=quote.extra_data,
            attributes={**hardware.attributes, "hardware": hardware.kind, "firmware": quote.firmware},
        )
    return Claims(
        kind="tpm",
        vendor="tpm",
        hardware=False,
        measurement=quote.digest,
        report_data=quote.extra_data,
        debug=False,
        revocation="none exists",
        valid_until=_NO_END,
        registers=registers,
        attributes={"firmware": quote.firmware},
        platform_id=hashlib.sha256(spki(key)).digest(),
        nonce=quote.extra_data,
    )
