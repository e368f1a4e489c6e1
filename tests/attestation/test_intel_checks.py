"""Each check of Intel's evidence has a quote that fails it alone, under a stand-in for Intel."""

from __future__ import annotations

import dataclasses
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.attestation.intel import SEPT_VE_DISABLE, TDX_SVN, Intel, td_report

from gotee.attestation import Claims, Policy, intel, simulation, verify
from gotee.errors import EvidenceError

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=1)
ENCLAVE, REPORT_DATA = b"e" * 32, bytes(range(64))
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
LATER = "2026-01-03T00:00:00Z"


@pytest.fixture(scope="module")
def sgx() -> Intel:
    return Intel(START)


@pytest.fixture(scope="module")
def tdx() -> Intel:
    return Intel(START, tdx=True)


def judge(maker: Intel, quote: bytes, collateral: Any = None, **wishes: Any) -> Claims:
    measurement = b"t" * 48 if maker.tdx else ENCLAVE
    policy = Policy(**{"measurements": {measurement}, "report_data": REPORT_DATA, **wishes})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intel, "INTEL", maker.pin)
        return verify(quote, policy, now=NOW, collateral=collateral or maker.collateral())


def code(maker: Intel, quote: bytes, collateral: Any = None, **wishes: Any) -> str:
    with pytest.raises(EvidenceError) as refused:
        judge(maker, quote, collateral, **wishes)
    assert refused.value.reason and refused.value.cure
    return refused.value.code


def sgx_quote(maker: Intel) -> bytes:
    return maker.quote(maker.report(mrenclave=ENCLAVE, report_data=REPORT_DATA))


def changed(maker: Intel, **fields: Any) -> Intel:
    """The same keys and certificates, with other statements."""
    other = dataclasses.replace(maker, **fields)
    other.root, other.authority, other.pck, other.signer = maker.root, maker.authority, maker.pck, maker.signer
    return other


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("long", [False, True])
def test_tdx_quotes_of_every_form_are_accepted(tdx: Intel, version: int, long: bool) -> None:
    if version == 4 and long:
        pytest.skip("version 4 has no TDX 1.5 body")
    claims = judge(tdx, tdx.tdx_quote(td_report(long=long), version))
    assert (claims.kind, claims.tcb_status, claims.measurement) == ("tdx", "UpToDate", b"t" * 48)
    judge(tdx, tdx.tdx_quote(td_report(long=long), version) + bytes(3065))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        *(({"at_120": (SEPT_VE_DISABLE | 1 << bit).to_bytes(8, "little")}, "debug") for bit in range(8)),
        ({"at_120": bytes(8)}, "td-attributes"),
        ({"at_120": (SEPT_VE_DISABLE | 1 << 40).to_bytes(8, "little")}, "td-attributes"),
        ({"at_120": (SEPT_VE_DISABLE | 1 << 29).to_bytes(8, "little")}, "migration"),
        ({"at_64": b"s"}, "tdx-module"),
        ({"at_112": b"\1"}, "tdx-module"),
        ({"at_1": b"\x07"}, "tdx-module"),
        ({"at_0": b"\x01"}, "tdx-module"),
        ({"at_0": b"\x03"}, "tcb-status"),
        ({"at_2": b"\1"}, "tcb-unmatched"),
        ({"at_136": b"x"}, "measurement"),
        ({"at_583": b"x"}, "report-data"),
    ],
)
def test_what_a_td_may_not_be(tdx: Intel, fields: dict[str, bytes], expected: str) -> None:
    assert code(tdx, tdx.tdx_quote(td_report(**fields))) == expected


def test_a_service_td_has_to_be_named(tdx: Intel) -> None:
    quote = tdx.tdx_quote(td_report(long=True, at_600=b"v" * 48), 5)
    assert code(tdx, quote) == "service-td"
    judge(tdx, quote, registers={"mrservicetd": b"v" * 48})
    assert code(tdx, quote, registers={"mrservicetd": b"w" * 48}) == "register"


def test_a_module_before_1_5_is_compared_with_all_components(tdx: Intel) -> None:
    first = bytes((5, 0)) + TDX_SVN[2:]
    level = {"tcb": {"sgxtcbcomponents": [{"svn": 7}] * 16, "pcesvn": 13, "tdxtcbcomponents": [{"svn": 5}, {"svn": 0}]}}
    level["tcb"]["tdxtcbcomponents"] += [{"svn": 2}] * 14
    info = {"tcbLevels": [{**level, "tcbDate": LATER, "tcbStatus": "UpToDate"}]}
    other = changed(tdx, info=info)
    assert judge(other, other.tdx_quote(td_report(at_0=first))).tcb_status == "UpToDate"
    assert code(other, other.tdx_quote(td_report(at_0=b"\4\0"))) == "tcb-unmatched"


@pytest.mark.parametrize(
    ("version", "changes", "expected"),
    [
        (4, {"outer": 5}, "certification-type"),
        (4, {"outer": 7}, "certification-type"),
        (4, {"inner": 1}, "certification-type"),
        (4, {"inner": 3}, "certification-type"),
        (4, {"lie": 1}, "format"),
        (4, {"lie": -1}, "format"),
        (4, {"key_type": 3}, "format"),
        (5, {"body_type": 1}, "format"),
        (5, {"body_type": 3}, "format"),
        (5, {"body_type": 4}, "format"),
        (5, {"body_size": 583}, "format"),
        (5, {"body_size": 1 << 31}, "format"),
    ],
)
def test_malformed_tdx_quotes_are_refused(tdx: Intel, version: int, changes: dict[str, int], expected: str) -> None:
    assert code(tdx, tdx.tdx_quote(td_report(), version, **changes)) == expected


def test_collateral_of_the_other_technology_is_refused(sgx: Intel, tdx: Intel) -> None:
    for info, identity in (({"id": "SGX"}, {}), ({"id": "QVE"}, {}), ({}, {"id": "QE"}), ({}, {"id": "QVE"})):
        other = changed(tdx, info=info, identity=identity)
        assert code(other, other.tdx_quote(td_report())) == "collateral-platform"
    for info, identity in (({"id": "TDX"}, {}), ({}, {"id": "TD_QE"})):
        other = changed(sgx, info=info, identity=identity)
        assert code(other, sgx_quote(other)) == "collateral-platform"


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"fmspc": "00906ed50000"}, "collateral-platform"),
        ({"fmspc": None}, "collateral-platform"),
        ({"pceId": "0001"}, "collateral-platform"),
        ({"tcbType": 1}, "collateral-platform"),
        ({"issueDate": LATER}, "collateral-window"),
        ({"nextUpdate": "2026-01-01T12:00:00Z"}, "collateral-window"),
        ({"nextUpdate": "yesterday"}, "collateral-format"),
        ({"nextUpdate": "2026-01-31T00:00:00"}, "collateral-format"),
        ({"version": 1}, "collateral-format"),
        ({"version": True}, "collateral-format"),
        ({"tcbEvaluationDataNumber": 17}, "tcb-evaluation"),
        ({"tcbEvaluationDataNumber": -1}, "collateral-format"),
        ({"tcbEvaluationDataNumber": "18"}, "collateral-format"),
        ({"tcbLevels": []}, "tcb-unmatched"),
        ({"tcbLevels": {}}, "collateral-format"),
        ({"tcbLevels": [{"tcb": {"sgxtcbcomponents": [], "pcesvn": 0}, "tcbStatus": "UpToDate"}]}, "collateral-format"),
    ],
)
def test_tcb_info_that_is_not_this_platforms_now_is_refused(sgx: Intel, info: dict[str, Any], expected: str) -> None:
    other = changed(sgx, info=info)
    assert code(other, sgx_quote(other), minimum_tcb_evaluation=18) == expected


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({"mrsigner": "00" * 32}, "qe-identity"),
        ({"isvprodid": 2}, "qe-identity"),
        ({"attributes": "13" + "00" * 15}, "qe-identity"),
        ({"miscselect": "00000001"}, "qe-identity"),
        ({"mrsigner": "00" * 31}, "collateral-format"),
        ({"issueDate": LATER}, "collateral-window"),
        ({"nextUpdate": "2026-01-01T12:00:00Z"}, "collateral-window"),
        ({"tcbEvaluationDataNumber": 17}, "tcb-evaluation"),
        ({"tcbLevels": [{"tcb": {"isvsvn": 9}, "tcbStatus": "UpToDate"}]}, "qe-identity"),
        ({"tcbLevels": [{"tcb": {"isvsvn": 8}, "tcbStatus": "OutOfDate"}]}, "tcb-status"),
        ({"tcbLevels": [{"tcb": {"isvsvn": 8}, "tcbStatus": "Revoked"}]}, "revoked"),
        ({"tcbLevels": [{"tcb": {"isvsvn": 8}, "tcbStatus": "Splendid"}]}, "collateral-format"),
    ],
)
def test_a_quoting_enclave_that_is_not_the_identitys_is_refused(
    sgx: Intel, identity: dict[str, Any], expected: str
) -> None:
    other = changed(sgx, identity=identity)
    assert code(other, sgx_quote(other), minimum_tcb_evaluation=18) == expected


def test_bits_outside_the_masks_do_not_matter(sgx: Intel) -> None:
    other = changed(sgx, identity={"attributes": "11" + "00" * 7 + "FF" * 8, "miscselectMask": "00" * 4})
    judge(other, sgx_quote(other))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"authority": "Intel SGX TCB Signing"}, "certificate-use"),
        ({"authority": "Somebody's CA"}, "certificate-use"),
        ({"signer": "Intel SGX PCK Certificate"}, "certificate-use"),
    ],
)
def test_keys_are_used_for_what_they_were_issued_for(names: dict[str, str], expected: str) -> None:
    maker = Intel(START, names=names)
    assert code(maker, sgx_quote(maker)) == expected


def test_statements_signed_by_the_pck_key_are_refused(sgx: Intel) -> None:
    other = changed(sgx)
    other.signer = other.pck
    good = other.collateral()
    chain = (other.pck.pem + other.authority.pem + other.root.pem).decode()
    forged = dataclasses.replace(good, tcb_info_issuer_chain=chain)
    assert code(sgx, sgx_quote(sgx), forged) == "certificate-use"


def test_a_pck_certificate_without_its_extension_or_two_of_them_is_refused(sgx: Intel) -> None:
    bare = changed(sgx)
    bare.pck = sgx.again("authority")
    assert code(bare, sgx_quote(bare)) == "chain"
    second = sgx.again("authority", extension=sgx.pck_extension)
    quote = sgx.quote(sgx.report(), chain=sgx.chain.rstrip(b"\0") + second.pem)
    assert code(sgx, quote) == "chain"


def test_a_pck_certificate_of_the_root_or_of_a_leaf_is_refused(sgx: Intel) -> None:
    short = changed(sgx)
    short.pck = sgx.again("root", extension=sgx.pck_extension)
    quote = short.quote(short.report(), chain=short.pck.pem + sgx.root.pem)
    assert code(short, quote) == "certificate-use"
    deep = changed(sgx)
    deep.pck = sgx.again("pck", extension=sgx.pck_extension)
    quote = deep.quote(deep.report(), chain=deep.pck.pem + sgx.authority.pem + sgx.root.pem)
    assert code(deep, quote) in ("chain", "certificate-use")


def test_a_root_with_two_certificates_is_one_root(sgx: Intel) -> None:
    """Quotes of some platforms carry the older certificate of Intel's root, the collateral the newer."""
    chain = sgx.pck.pem + sgx.authority.pem + sgx.older_root()
    fields = {"mrenclave": ENCLAVE, "report_data": REPORT_DATA}
    for given in (chain, chain + sgx.root.pem, sgx.root.pem + chain):
        judge(sgx, sgx.quote(sgx.report(**fields), chain=given))
    stranger = Intel(START)
    assert code(sgx, sgx.quote(sgx.report(**fields), chain=chain + stranger.older_root())) == "chain"


@pytest.mark.parametrize("damage", [b"", b"\x30\x00", b"\x30\x03\x02\x01\x00", b"\x04\x00"])
def test_a_damaged_pck_extension_is_refused(sgx: Intel, damage: bytes) -> None:
    other = changed(sgx)
    other.pck = sgx.again("authority", extension=damage or b"\x05\x00")
    assert code(other, sgx_quote(other)) == "certificate-format"


@pytest.mark.parametrize("value", [0, P256_ORDER, P256_ORDER + 1, (1 << 256) - 1])
@pytest.mark.parametrize("at", [436, 468, 948, 980])
def test_edge_values_of_signatures_are_refused(sgx: Intel, value: int, at: int) -> None:
    quote = bytearray(sgx_quote(sgx))
    quote[at : at + 32] = value.to_bytes(32, "big")
    assert code(sgx, bytes(quote)) == "signature"


@pytest.mark.parametrize("key", [bytes(64), b"\xff" * 64, bytes(63) + b"\1"])
def test_an_attestation_key_that_is_no_point_is_refused(sgx: Intel, key: bytes) -> None:
    quote = bytearray(sgx_quote(sgx))
    quote[500:564] = key
    assert code(sgx, bytes(quote)) in ("signature", "qe-report")


def test_signatures_over_swapped_bodies_are_refused(sgx: Intel) -> None:
    one, two = sgx_quote(sgx), sgx.quote(sgx.report(mrenclave=b"f" * 32, report_data=REPORT_DATA))
    assert code(sgx, one[:48] + two[48:432] + one[432:]) == "signature"
    assert code(sgx, two[:436] + one[436:500] + two[500:]) == "signature"


def test_another_attestation_key_is_not_vouched_for(sgx: Intel) -> None:
    """The attacker signs with a key of its own and keeps a genuine quoting enclave's report."""
    own = changed(sgx, attestation=ec.generate_private_key(ec.SECP256R1()))
    genuine, forged = sgx_quote(sgx), sgx_quote(own)
    assert code(sgx, forged[:564] + genuine[564:]) == "qe-report"


def test_qe_auth_data_is_under_the_quoting_enclaves_report(sgx: Intel) -> None:
    quote = sgx_quote(sgx)
    longer = quote[:1012] + struct.pack("<H", 33) + quote[1014:1046] + b"x" + quote[1046:]
    size = struct.unpack_from("<I", quote, 432)[0]
    assert code(sgx, longer[:432] + struct.pack("<I", size + 1) + longer[436:]) == "qe-report"


@pytest.mark.parametrize("at", [0, 2, 4, 12, 432, 1012, 1046, 1048])
@pytest.mark.parametrize("value", [b"\0\0", b"\1\0", b"\xff\xff"])
def test_lengths_types_and_versions_that_lie_are_refused(sgx: Intel, at: int, value: bytes) -> None:
    quote = sgx_quote(sgx)
    lying = quote[:at] + value + quote[at + 2 :]
    if lying != quote:
        assert code(sgx, lying)


@pytest.mark.parametrize("spoil", [lambda pem: pem.replace(b"\n", b"\r\n"), lambda pem: pem + b"\0\0\0", bytes.strip])
def test_chains_are_read_as_platforms_write_them(sgx: Intel, spoil: Any) -> None:
    quote = sgx.quote(sgx.report(mrenclave=ENCLAVE, report_data=REPORT_DATA), chain=spoil(sgx.chain.rstrip(b"\0")))
    judge(sgx, quote)


def test_revoked_signers_are_refused_though_their_chain_is_not_the_quotes(sgx: Intel) -> None:
    for which in ("pck", "authority", "signer"):
        other = changed(sgx, revoked=(getattr(sgx, which).certificate,))
        assert code(other, sgx_quote(other)) == "revoked"


def test_crls_of_another_time_or_authority_are_refused(sgx: Intel) -> None:
    future = changed(sgx, crl_start=NOW + timedelta(seconds=1))
    assert code(future, sgx_quote(future)) == "crl-window"
    good = sgx.collateral()
    swapped = dataclasses.replace(good, root_ca_crl=good.pck_crl, pck_crl=good.root_ca_crl)
    assert code(sgx, sgx_quote(sgx), swapped) == "crl"
    none = dataclasses.replace(good, pck_crl=b"")
    assert code(sgx, sgx_quote(sgx), none) == "crl"


def test_an_authority_that_may_not_sign_crls_or_certificates_is_refused() -> None:
    class Mute(Intel):
        def _make(self) -> None:
            super()._make()
            self.authority = self._issue("Intel SGX PCK Platform CA", self.root)  # no authority at all
            self.pck = self.again("authority", extension=self.pck_extension)

    maker = Mute(START)
    assert code(maker, sgx_quote(maker)) == "certificate-use"


def test_every_bit_of_a_tdx_quote_counts(tdx: Intel) -> None:
    quote, collateral = tdx.tdx_quote(td_report(long=True), 5), tdx.collateral()
    for bit in range(0, 8 * len(quote), 211):
        lying = bytearray(quote)
        lying[bit // 8] ^= 1 << bit % 8
        code(tdx, bytes(lying), collateral)


def test_the_simulations_names_are_not_intels(sgx: Intel) -> None:
    """Even with the right root a PCK authority of another name is refused."""
    with pytest.MonkeyPatch.context() as patch:
        made = simulation.Simulation(START)
        patch.setattr(intel, "INTEL", made.pin)
        with pytest.raises(EvidenceError, match="certificate-use"):
            policy = Policy.any_measurement_insecure()
            verify(made.quote(made.report()), policy, now=NOW, collateral=made.collateral())
