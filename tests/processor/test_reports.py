"""EREPORT and EGETKEY: who can check a report, and who has which key."""

from __future__ import annotations

import hmac
import struct

import pytest
from tests.processor.enclaves import enclave

from gotee.attestation.quotes import SgxReport
from gotee.platform import reports
from gotee.platform.identity import Identity
from gotee.platform.reports import BY_MEASUREMENT, BY_SIGNER, REPORT_KEY, SEAL_KEY, Refused

SECRET = b"s" * 32
DATA = bytes(range(64))


def target(of: Identity) -> bytes:
    found = bytearray(512)
    found[:32] = of.measurement
    struct.pack_into("<QQ", found, 32, *of.attributes)
    struct.pack_into("<I", found, 52, of.misc_select)
    return bytes(found)


def request(name: int, policy: int = 0, svn: int = 0, key_id: bytes = bytes(32)) -> bytes:
    found = bytearray(512)
    struct.pack_into("<HHH", found, 0, name, policy, svn)
    struct.pack_into("<QQ", found, 24, 0xFFFFFFFFFFFFFFFF, 0)
    found[40:72] = key_id
    return bytes(found)


def seal(of: Identity, policy: int = BY_MEASUREMENT, svn: int = 0, secret: bytes = SECRET) -> bytes:
    return reports.key(secret, of, request(SEAL_KEY, policy, svn))


def checks(report: bytes, by: Identity, secret: bytes = SECRET) -> bool:
    key = reports.key(secret, by, request(REPORT_KEY, key_id=report[384:416]))
    return hmac.compare_digest(hmac.digest(key, report[:384], "sha256")[:16], report[416:])


def test_a_report_is_the_askers_and_only_its_target_can_check_it() -> None:
    one, other = enclave(product_id=5, security_version=2), enclave(b"o" * 32)
    report = reports.report(SECRET, one, target(other), DATA, b"k" * 32)
    body = SgxReport.read(report[:384])
    assert (body.mrenclave, body.mrsigner, body.report_data) == (one.measurement, one.signer, DATA)
    assert (body.isvprodid, body.isvsvn, body.isvfamilyid) == (5, 2, b"development".ljust(16, b"\0"))
    assert checks(report, other)
    assert not checks(report, one)
    assert not checks(report, other, b"t" * 32)
    assert not checks(report, enclave(b"o" * 32, debug=True))


def test_every_byte_of_a_report_is_under_its_mac() -> None:
    report = reports.report(SECRET, enclave(), target(enclave()), DATA, b"k" * 32)
    for at in range(len(report)):
        assert not checks(report[:at] + bytes((report[at] ^ 1,)) + report[at + 1 :], enclave())


def test_sealing_keys_belong_to_identity_mode_and_platform() -> None:
    other = b"o" * 32
    asked = {
        seal(enclave()),
        seal(enclave(other)),
        seal(enclave(debug=True)),
        seal(enclave(level="service")),
        seal(enclave(), secret=b"t" * 32),
        seal(enclave(product_id=1)),
        seal(enclave(), BY_SIGNER),
        seal(enclave(signer=1), BY_SIGNER),
        seal(enclave(), BY_SIGNER | BY_MEASUREMENT),
        seal(enclave(security_version=1), BY_SIGNER, 1),
        reports.key(SECRET, enclave(), request(SEAL_KEY, BY_SIGNER, key_id=b"i" * 32)),
    }
    assert len(asked) == 11
    assert seal(enclave(), BY_SIGNER) == seal(enclave(other), BY_SIGNER)


def test_an_upgrade_has_the_keys_of_older_versions_and_no_downgrade_those_of_newer() -> None:
    old, new = enclave(security_version=1), enclave(b"o" * 32, security_version=2)
    assert seal(old, BY_SIGNER, 1) == seal(new, BY_SIGNER, 1)
    with pytest.raises(Refused, match="above this enclave's own"):
        seal(old, BY_SIGNER, 2)


@pytest.mark.parametrize("wrong", [request(0), request(1), request(SEAL_KEY), request(SEAL_KEY, 4), request(9, 1)])
def test_keys_that_are_no_enclaves_are_refused(wrong: bytes) -> None:
    with pytest.raises(Refused):
        reports.key(SECRET, enclave(), wrong)
