"""SIGSTRUCT: an image's signature, 1808 bytes, as EINIT checks it. All worlds.

Layout and arithmetic: Intel's Software Developer's Manual, volume 3D, section 37.14; RSA-3072 with exponent 3,
PKCS #1 v1.5 with SHA-256. Verifying needs no library: the platform does it before anything of the image runs.
"""

from __future__ import annotations

import os
import struct
import time

from gotee.errors import ImageError
from gotee.image.hashing import digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple
else:
    from gotee.records import Record as NamedTuple

SIZE = 1808
KEY_BYTES = 384
EXPONENT = 3
HEADER = bytes.fromhex("06000000e10000000000010000000000")
HEADER2 = bytes.fromhex("01010000600000006000000001000000")
INIT, DEBUG, MODE64BIT = 1, 2, 4  # ATTRIBUTES.FLAGS
XFRM_LEGACY = 3
DEFAULT_DATE = 20000101  # of builds without SOURCE_DATE_EPOCH
_LAST_SECOND = 253_402_300_799  # of the year 9999: a date has four digits for it
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, section 9.2, note 1
_LAYOUT = struct.Struct(
    "<16s I I 16s I 84x"  # header, vendor, date (BCD), header2, software defined
    "384s I 384s"  # modulus at 128, exponent, signature
    "I I 4x 16s"  # at 900: miscselect and mask, CET (zero), ISVFAMILYID
    "Q Q Q Q 32s"  # at 928: attributes and mask, then ENCLAVEHASH at 960
    "16x 16s H H 12x"  # at 1008: ISVEXTPRODID, ISVPRODID, ISVSVN
    "384s 384s"  # at 1040: Q1, Q2
)


class SigStruct(NamedTuple):
    """All fields; numbers are little-endian in the file, `modulus` and `signature` stay as they lie there.

    `attributes` and `attribute_mask` are (flags, xfrm): EINIT wants the enclave's to be equal under the mask, so a mask
    without DEBUG lets a release image be started for debugging.
    """

    enclave_hash: bytes
    product_id: int = 0
    security_version: int = 0
    vendor: int = 0
    date: int = DEFAULT_DATE
    software_defined: int = 0
    modulus: bytes = bytes(KEY_BYTES)
    exponent: int = EXPONENT
    signature: bytes = bytes(KEY_BYTES)
    misc_select: int = 0
    misc_mask: int = 0xFFFFFFFF
    family_id: bytes = bytes(16)
    attributes: tuple[int, int] = (MODE64BIT, XFRM_LEGACY)
    attribute_mask: tuple[int, int] = (0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFC)
    extended_product_id: bytes = bytes(16)
    q1: bytes = bytes(KEY_BYTES)
    q2: bytes = bytes(KEY_BYTES)

    @property
    def signer(self) -> bytes:
        """MRSIGNER: the SHA-256 of the modulus."""
        return digest(self.modulus)

    @property
    def debug(self) -> bool:
        """Whether the signature is one for debugging: everybody may look into such an enclave."""
        return bool(self.attributes[0] & DEBUG)

    def to_bytes(self) -> bytes:
        """The 1808 bytes."""
        return _LAYOUT.pack(
            HEADER,
            self.vendor,
            int(str(self.date), 16),
            HEADER2,
            self.software_defined,
            self.modulus,
            self.exponent,
            self.signature,
            self.misc_select,
            self.misc_mask,
            self.family_id,
            *self.attributes,
            *self.attribute_mask,
            self.enclave_hash,
            self.extended_product_id,
            self.product_id,
            self.security_version,
            self.q1,
            self.q2,
        )

    def signed_bytes(self) -> bytes:
        """What the signature is over: bytes 0 to 127 and 900 to 1027."""
        data = self.to_bytes()
        return data[:128] + data[900:1028]

    def digest(self) -> bytes:
        """The SHA-256 of what is signed."""
        return digest(self.signed_bytes())

    def verify(self) -> None:
        """Check exponent, signature, Q1 and Q2 as EINIT does; ImageError says what is wrong."""
        modulus, signature = _number(self.modulus), _number(self.signature)
        if self.exponent != EXPONENT or modulus.bit_length() != 8 * KEY_BYTES or not modulus & 1:
            raise ImageError("the signature's key is no RSA key of 3072 bits with exponent 3")
        if signature >= modulus:
            raise ImageError("the signature is not a number below its modulus")
        found = pow(signature, EXPONENT, modulus).to_bytes(KEY_BYTES, "big")
        if found != _padded(self.digest()):
            raise ImageError("the image's signature is wrong: it, or a field that it signs, was changed")
        if (self.q1, self.q2) != quotients(modulus, signature):
            raise ImageError("the signature's quotients are wrong")


def from_bytes(data: bytes) -> SigStruct:
    """Read a SIGSTRUCT; what cannot be one is refused with ImageError."""
    if len(data) != SIZE:
        raise ImageError(f"a signature file has {SIZE} bytes, this one {len(data)}")
    found = _of_fields(_LAYOUT.unpack(data))
    if found.to_bytes() != data:
        raise ImageError("the signature file has a wrong header, or reserved bytes that are not zero")
    return found


def _of_fields(fields: tuple[Any, ...]) -> SigStruct:
    _, vendor, date, _, defined, modulus, exponent, signature, select, mask, family, *rest = fields
    flags, xfrm, flags_mask, xfrm_mask, enclave_hash, extended, product, version, q1, q2 = rest
    digits = f"{date:x}"
    if not digits.isdigit():
        raise ImageError("the signature file's date is none")
    return SigStruct(
        enclave_hash=enclave_hash,
        product_id=product,
        security_version=version,
        vendor=vendor,
        date=int(digits),
        software_defined=defined,
        modulus=modulus,
        exponent=exponent,
        signature=signature,
        misc_select=select,
        misc_mask=mask,
        family_id=family,
        attributes=(flags, xfrm),
        attribute_mask=(flags_mask, xfrm_mask),
        extended_product_id=extended,
        q1=q1,
        q2=q2,
    )


def date_of_build() -> int:
    """SOURCE_DATE_EPOCH as yyyymmdd in BCD's digits, or a constant: the build's own date is in no image."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return DEFAULT_DATE
    if not epoch.isascii() or not epoch.isdigit() or len(epoch) > 12 or int(epoch) > _LAST_SECOND:
        raise ImageError(f"SOURCE_DATE_EPOCH={epoch[:80]!r} is no number of seconds since 1970, before the year 10000")
    moment = time.gmtime(int(epoch))
    return moment.tm_year * 10000 + moment.tm_mon * 100 + moment.tm_mday


def attach(unsigned: SigStruct, modulus: int, signature: int) -> SigStruct:
    """The signed structure; ImageError if the signature is not one of it."""
    q1, q2 = quotients(modulus, signature) if modulus else (b"", b"")
    signed = unsigned._replace(modulus=_bytes(modulus), signature=_bytes(signature), exponent=EXPONENT, q1=q1, q2=q2)
    signed.verify()
    return signed


def quotients(modulus: int, signature: int) -> tuple[bytes, bytes]:
    """Q1 and Q2, with which EINIT checks the signature without dividing."""
    q1 = signature * signature // modulus
    q2 = (signature**3 - q1 * signature * modulus) // modulus
    return _bytes(q1), _bytes(q2)


def signed_digest(modulus: int, signature: int) -> bytes | None:
    """The SHA-256 that a PKCS #1 v1.5 signature of a key signs; None if it is none."""
    found = pow(signature, EXPONENT, modulus)
    digest = (found & (1 << 256) - 1).to_bytes(32, "big")
    return digest if found == int.from_bytes(_padded(digest), "big") else None


def _padded(digest: bytes) -> bytes:
    """EMSA-PKCS1-v1_5, RFC 8017, section 9.2."""
    info = _SHA256_INFO + digest
    return b"\0\1" + b"\xff" * (KEY_BYTES - 3 - len(info)) + b"\0" + info


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _bytes(number: int) -> bytes:
    if number < 0 or number.bit_length() > 8 * KEY_BYTES:
        raise ImageError("the key or the signature is longer than 3072 bits")
    return number.to_bytes(KEY_BYTES, "little")
