"""EINIT: an enclave has the attributes that its signature fixes, or does not start."""

from __future__ import annotations

from typing import Any

import pytest
from tests.processor.enclaves import MEASUREMENT, enclave, signed

from gotee.errors import ImageError
from gotee.image.sigstruct import DEBUG, INIT, MODE64BIT, XFRM_LEGACY
from gotee.platform.identity import einit


def test_an_identity_is_what_measurement_and_signature_say() -> None:
    found = enclave(product_id=7, security_version=3, level="service")
    assert (found.measurement, found.signer) == (MEASUREMENT, signed().signer)
    assert (found.product_id, found.security_version, found.level) == (7, 3, "service")
    assert found.attributes == (INIT | MODE64BIT, XFRM_LEGACY)
    assert enclave(debug=True).attributes[0] & DEBUG


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measurement": bytes(32)}, "not that of this image"),
        ({"attributes": (MODE64BIT | DEBUG, XFRM_LEGACY)}, "not those that its signature fixes"),
        ({"attributes": (MODE64BIT | 16, XFRM_LEGACY)}, "none that this platform can give"),
        ({"attributes": (0, XFRM_LEGACY)}, "none that this platform can give"),
        ({"attributes": (MODE64BIT, 0)}, "none that this platform can give"),
        ({"attributes": (MODE64BIT, XFRM_LEGACY | 4)}, "not those that its signature fixes"),
        ({"misc_select": 1}, "MISCSELECT"),
    ],
)
def test_what_the_signature_does_not_fix_so_does_not_start(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        einit(**{"measurement": MEASUREMENT, "signature": signed(), "level": "development", **changes})


def test_a_signature_that_leaves_debug_open_lets_it_be_chosen() -> None:
    open_one = signed(attribute_mask=(0xFFFFFFFFFFFFFFFF & ~DEBUG, 0))
    assert einit(MEASUREMENT, open_one, "development", (MODE64BIT | DEBUG, XFRM_LEGACY)).attributes[0] & DEBUG


def test_a_forged_signature_gives_no_identity() -> None:
    forged = signed()._replace(product_id=9)
    with pytest.raises(ImageError, match="signature is wrong"):
        einit(MEASUREMENT, forged, "development")
