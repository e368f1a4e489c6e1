"""Who an enclave is: EINIT's checks of an image against its signature, and the identity they give. Platform world.

Called once for each enclave, by `launch`. The identity belongs to the socket that the platform made for the enclave.
"""

from __future__ import annotations

from gotee.errors import ImageError
from gotee.image.sigstruct import DEBUG, INIT, MODE64BIT, XFRM_LEGACY, SigStruct

KNOWN_FLAGS = DEBUG | MODE64BIT
"""ATTRIBUTES.FLAGS that an enclave of this platform can have before EINIT sets INIT."""


class Identity:
    """What a report says of an enclave. `attributes` are (flags, xfrm), with INIT set; `level` is the platform's."""

    __slots__ = (
        "attributes",
        "extended_product_id",
        "level",
        "measurement",
        "misc_select",
        "product_id",
        "security_version",
        "signer",
    )

    def __init__(self, signature: SigStruct, attributes: tuple[int, int], misc_select: int, level: str) -> None:
        self.measurement = signature.enclave_hash
        self.signer = signature.signer
        self.attributes = attributes
        self.misc_select = misc_select
        self.product_id = signature.product_id
        self.security_version = signature.security_version
        self.extended_product_id = signature.extended_product_id
        self.level = level


def einit(
    measurement: bytes,
    signature: SigStruct,
    level: str,
    attributes: tuple[int, int] | None = None,
    misc_select: int | None = None,
) -> Identity:
    """The identity of an enclave that was loaded with `measurement`, or ImageError, as EINIT decides.

    `attributes` and `misc_select` are those of SECS: how the enclave is to be started. By default they are the
    signature's own.
    """
    flags, xfrm = signature.attributes if attributes is None else attributes
    misc = signature.misc_select if misc_select is None else misc_select
    signature.verify()
    if measurement != signature.enclave_hash:
        raise ImageError("the signature is not that of this image: it, or the image, was changed after signing")
    if flags & ~KNOWN_FLAGS or not flags & MODE64BIT or xfrm & XFRM_LEGACY != XFRM_LEGACY:
        raise ImageError("the enclave's attributes are none that this platform can give it: sign it again")
    wanted, masks = signature.attributes, signature.attribute_mask
    if any((have ^ want) & mask for have, want, mask in zip((flags, xfrm), wanted, masks, strict=True)):
        raise ImageError("the enclave's attributes are not those that its signature fixes")
    if (misc ^ signature.misc_select) & signature.misc_mask:
        raise ImageError("the enclave's MISCSELECT is not the one that its signature fixes")
    return Identity(signature, (flags | INIT, xfrm), misc, level)
