"""X.509: reading certificates and CRLs, chains to a pinned key, windows, revocation. Both worlds.

Called by the modules that say whether evidence is genuine. `cryptography` is imported by this room only.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import warnings
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID

from gotee.attestation import der
from gotee.attestation.encoding import der_blocks
from gotee.attestation.refusals import refuse

_STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_KNOWN_CRITICAL = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}
_LONGEST = 8  # certificates in a chain; AWS uses 5
_QUIET = threading.Lock()
_KEPT = 64  # parsed certificates


def read_certificate(data: bytes, what: str) -> x509.Certificate:
    """One DER certificate. AMD's chip certificates have the serial number 0, of which cryptography warns."""
    try:
        return _parsed(data)
    except Exception:  # the parser's errors have no common base; the bytes are the other side's
        refuse("certificate-format", f"{what} is no certificate")


@lru_cache(maxsize=_KEPT)  # a verdict meets the same certificate several times; parsing decides nothing
def _parsed(data: bytes) -> x509.Certificate:
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        certificate = x509.load_der_x509_certificate(data)
        _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.public_key()
        _ = certificate.signature_hash_algorithm
    _whole_bytes(data, "a certificate")
    return certificate


def _whole_bytes(data: bytes, what: str) -> None:
    """The signature of a certificate or CRL has no unused bits: their number is under no signature, and ignored."""
    parts = der.items(der.only(data, der.SEQUENCE, what), what)
    if len(parts) != 3 or parts[2][0] != der.BITS or parts[2][1][:1] != b"\0":
        refuse("certificate-format", f"{what} has a signature that is no whole number of bytes")


@lru_cache(maxsize=_KEPT)
def subject(certificate: x509.Certificate) -> x509.Name:
    """The certificate's subject."""
    return certificate.subject


@lru_cache(maxsize=_KEPT)
def issuer_name(certificate: x509.Certificate) -> x509.Name:
    """The name of the certificate's issuer."""
    return certificate.issuer


def read_certificates(data: bytes, what: str) -> list[x509.Certificate]:
    """The certificates of a PEM text or one DER certificate."""
    blocks = der_blocks(data, what)
    if len(blocks) > _LONGEST:
        refuse("certificate-format", f"{what} holds more than {_LONGEST} certificates")
    return [read_certificate(each, what) for each in blocks]


@lru_cache(maxsize=_KEPT)
def key_hash(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the certificate's SubjectPublicKeyInfo."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()


def common_name(name: x509.Name) -> str:
    """The common name, or an empty text."""
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def extension_bytes(certificate: x509.Certificate, oid: str) -> bytes | None:
    """The raw value of an extension that the X.509 library does not know."""
    try:
        value = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(oid)).value
    except x509.ExtensionNotFound:
        return None
    return value.value if isinstance(value, x509.UnrecognizedExtension) else None


def verify_p256(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    """Whether the 64 bytes r, s (big-endian) sign `data` with ECDSA, P-256, SHA-256."""
    return _verify_raw(key, signature, data, hashes.SHA256())


def verify_p384(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    """Whether the 96 bytes r, s (big-endian) sign `data` with ECDSA, P-384, SHA-384."""
    return _verify_raw(key, signature, data, hashes.SHA384())


def _verify_raw(key: ec.EllipticCurvePublicKey, raw: bytes, data: bytes, digest: hashes.HashAlgorithm) -> bool:
    half = len(raw) // 2
    der = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
    try:
        key.verify(der, data, ec.ECDSA(digest))
    except (InvalidSignature, ValueError):
        return False
    return True


def curve_key(certificate: x509.Certificate, curve: str, what: str) -> ec.EllipticCurvePublicKey:
    """The certificate's key, which must be on `curve` (secp256r1, secp384r1)."""
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != curve:
        refuse("certificate-use", f"the key of {what} is not on {curve}")
    return key


class Chains:
    """Chains to one pinned key at one moment. A certificate seen twice is checked once.

    Certificates may come in any order; the root is recognised by its key's hash, never by its place.
    """

    def __init__(self, pins: frozenset[bytes], now: datetime) -> None:
        self.pins = pins
        self.now = now
        self.until: datetime | None = None  # the earliest end of all windows seen
        self._paths: dict[x509.Certificate, tuple[x509.Certificate, ...]] = {}

    def ends(self, moment: datetime) -> None:
        """Note that the verdict holds no longer than `moment`."""
        if self.until is None or moment < self.until:
            self.until = moment

    def path(self, leaf: x509.Certificate, pool: list[x509.Certificate], what: str) -> tuple[x509.Certificate, ...]:
        """`leaf` and its issuers up to the pinned root, each checked. Raises EvidenceNotGenuine."""
        return self._path(leaf, pool, what, 0)

    def refuse_strangers(
        self, certificates: list[x509.Certificate], path: tuple[x509.Certificate, ...], what: str
    ) -> None:
        """What is not on the path is not proved and may not ride along; but a root may have several certificates."""
        for certificate in certificates:
            if certificate in path:
                continue
            self._window(certificate, what)
            root = key_hash(certificate) in self.pins and subject(certificate) == subject(path[-1])
            if not root or not _issued(certificate, certificate):
                refuse("chain", f"the chain of {what} has a certificate that does not belong to it")

    def prove(self, certificates: list[x509.Certificate], pool: list[x509.Certificate], what: str) -> None:
        """What a platform's owner sends along may be of use for another report; but each has to be the vendor's."""
        for certificate in certificates:
            if key_hash(certificate) not in self.pins:
                self.path(certificate, pool, what)
            elif not _issued(certificate, certificate):
                refuse("signature", f"a root of {what} is not signed by its own key")
            else:
                self._window(certificate, what)

    def _path(
        self, certificate: x509.Certificate, pool: list[x509.Certificate], what: str, depth: int
    ) -> tuple[x509.Certificate, ...]:
        if certificate in self._paths:
            return self._paths[certificate]
        self._window(certificate, what)
        _no_unknown_critical(certificate, what)
        if depth and key_hash(certificate) in self.pins:
            if not _issued(certificate, certificate):
                refuse("root", f"the root of {what} has the pinned key and does not sign itself")
            path: tuple[x509.Certificate, ...] = (certificate,)
        else:
            path = (certificate, *self._above(certificate, pool, what, depth))
        self._paths[certificate] = path
        return path

    def _above(
        self, certificate: x509.Certificate, pool: list[x509.Certificate], what: str, depth: int
    ) -> tuple[x509.Certificate, ...]:
        if depth and issuer_name(certificate) == subject(certificate):
            refuse("root", f"{what} ends in a root whose key is not the pinned one")
        named = [one for one in pool if subject(one) == issuer_name(certificate) and one != certificate]
        if not named or depth >= _LONGEST:
            refuse("chain", f"the issuer of a certificate of {what} is missing")
        for issuer in named:
            if _issued(certificate, issuer):
                _may_issue(issuer, depth, what)
                return self._path(issuer, pool, what, depth + 1)
        refuse("signature", f"a certificate of {what} is not signed by its issuer")

    def _window(self, certificate: x509.Certificate, what: str) -> None:
        try:
            start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        except ValueError:
            refuse("certificate-format", f"a certificate of {what} has no readable window")
        if not start <= self.now <= end:
            refuse("certificate-window", f"a certificate of {what} is valid {start} to {end}, not at {self.now}")
        self.ends(end)

    def crl(self, data: bytes, issuer: x509.Certificate, what: str) -> x509.CertificateRevocationList:
        """The CRL of `issuer`, which has been checked, in DER, valid now. Raises EvidenceNotGenuine."""
        try:
            with _QUIET, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                crl = x509.load_der_x509_crl(data)
                critical = [each for each in crl.extensions if each.critical and not _whole(each.value, issuer)]
                same = crl.issuer == subject(issuer)
            _whole_bytes(data, what)
            start, end = crl.last_update_utc, crl.next_update_utc
            signed = same and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
            strong = isinstance(crl.signature_hash_algorithm, _STRONG)
        except Exception:  # as in read_certificate
            refuse("crl", f"{what} cannot be read")
        if not signed or not strong or critical:
            refuse("crl", f"{what} is not signed by {common_name(issuer.subject)!r}, or has unknown rules")
        if not _usage(issuer, "crl_sign"):
            refuse("certificate-use", f"the issuer of {what} may not sign CRLs")
        if end is None or not start <= self.now <= end:
            refuse("crl-window", f"{what} is valid {start} to {end}, not at {self.now}")
        self.ends(end)
        return crl


def _whole(extension: x509.ExtensionType, issuer: x509.Certificate) -> bool:
    """Whether a critical extension of a CRL leaves it a list of all that a root, or another authority, has issued."""
    if not isinstance(extension, x509.IssuingDistributionPoint):
        return False
    part = extension.only_contains_ca_certs and subject(issuer) != issuer_name(issuer)  # a root issues nothing else
    users, attributes = extension.only_contains_user_certs, extension.only_contains_attribute_certs
    return not (part or users or attributes or extension.indirect_crl or extension.only_some_reasons)


def refuse_revoked(crl: x509.CertificateRevocationList, certificate: x509.Certificate, what: str) -> None:
    """Raise EvidenceNotGenuine if the CRL lists the certificate."""
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        serial = certificate.serial_number
    try:
        revoked = crl.get_revoked_certificate_by_serial_number(serial)
    except Exception:  # as in read_certificate
        refuse("crl", f"the CRL for {what} cannot be read")
    if revoked is not None:
        refuse("revoked", f"{what} is revoked")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if not isinstance(certificate.signature_hash_algorithm, _STRONG):
        refuse("weak-hash", "a certificate is signed with a weak hash")
    if not isinstance(issuer.public_key(), ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        refuse("certificate-use", "an issuer's key is neither RSA nor on an elliptic curve")
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _may_issue(issuer: x509.Certificate, below: int, what: str) -> None:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        refuse("certificate-use", f"an issuer of {what} is no authority")
    if not constraints.ca or not _usage(issuer, "key_cert_sign"):
        refuse("certificate-use", f"an issuer of {what} may not issue certificates")
    if constraints.path_length is not None and constraints.path_length < below:
        refuse("certificate-use", f"the chain of {what} is longer than an issuer allows")


def _usage(certificate: x509.Certificate, name: str) -> bool:
    try:
        return bool(getattr(certificate.extensions.get_extension_for_class(x509.KeyUsage).value, name))
    except x509.ExtensionNotFound:
        return False


def _no_unknown_critical(certificate: x509.Certificate, what: str) -> None:
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _KNOWN_CRITICAL:
            refuse("certificate-use", f"a certificate of {what} has an unknown critical extension")


def same(left: bytes, right: bytes) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(left, right)
