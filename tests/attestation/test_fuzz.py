"""Whatever the bytes, the verifier answers with claims or an EvidenceError. CI tries some, `make fuzz` many.

Mutations start from all real evidence, so that they get behind the first checks.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attestation.samples import EVIDENCE, moment, read

from gotee.attestation import Collateral, Evidence, Policy, azure, cbor, der, verify
from gotee.attestation.certificates import Chains, extension_bytes, read_certificate, read_certificates
from gotee.attestation.containers import certificate_table, take_out
from gotee.attestation.encoding import from_base64, from_hex, from_json, from_pem
from gotee.attestation.intel_tcb import (
    PCK_EXTENSION,
    enclave_status,
    module_status,
    platform_matches,
    platform_status,
    read_pck,
    read_statement,
)
from gotee.attestation.quotes import SgxReport, TdReport, read_quote
from gotee.attestation.snp_report import read_report
from gotee.attestation.tpm_key import named_key
from gotee.attestation.tpm_quote import read_pcrs, read_signature
from gotee.attestation.tpm_quote import read_quote as read_tpm_quote
from gotee.attestation.trust import Trust
from gotee.errors import EvidenceError

SECONDS = float(os.environ.get("GOTEE_FUZZ_SECONDS", "0"))
ROUNDS = 100  # mutations of each start, if no time is named
ANY = Policy.any_measurement_insecure(debug=True, revocation="unchecked")
NOW = moment("2025-07-04T10:28:44")
SELECTION = ((0x000B, (0, 7, 23)), (0x000C, (1,)))

ISSUER = read_certificate(read("snp/root_milan_ark.der"), "the issuer")

PARSERS: dict[str, Callable[[bytes], Any]] = {
    "detect": Evidence.detect,
    "container": take_out,
    "certificate table": certificate_table,
    "quote": read_quote,
    "snp report": read_report,
    "tpm quote": read_tpm_quote,
    "tpm signature": read_signature,
    "pcrs": lambda data: read_pcrs(data, SELECTION),
    "tpm key": lambda data: named_key(data, Trust(NOW)),
    "hcl report": azure.read_hcl,
    "runtime data": azure.attestation_key,
    "cbor": lambda data: cbor.read_map(data, "it"),
    "signed cbor": lambda data: cbor.read_map(data, "it", signed=True),
    "pem": lambda data: from_pem(data, "it"),
    "json": lambda data: from_json(data, "it"),
    "collateral": Collateral.from_json,
    "policy": lambda data: Policy.from_toml_text(data.decode("utf-8", "replace")),
    "certificates": lambda data: read_certificates(data, "it"),
    "certificate": lambda data: read_certificate(data, "it"),
    "crl": lambda data: Chains(frozenset(), NOW).crl(data, ISSUER, "it"),
    "pck extension": read_pck,
    "der": lambda data: der.items(data, "it"),
    "statement": lambda data: read_statement(data.decode("utf-8", "replace"), "SGX", "it"),
    "hex": lambda data: from_hex(data.decode("latin-1"), "it"),
    "base64": lambda data: from_base64(data.decode("latin-1"), "it"),
}


def only_refuses(call: Callable[[], Any]) -> None:
    try:
        call()
    except EvidenceError as error:
        if not (error.code and error.reason and error.cure):
            raise AssertionError("a refusal without code, reason or cure") from error


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.binary(max_size=3000))
def test_no_bytes_break_a_parser(name: str, data: bytes) -> None:
    only_refuses(lambda: PARSERS[name](data))


LIMIT = 1 << 20  # bytes, which the verifier reads at most
LONG = {
    "lines without a certificate": b"-----BEGIN CERTIFICATE-----" + b"\n" * (LIMIT - 27),
    "a certificate without end": b"-----BEGIN CERTIFICATE-----\n" + b"A" * (LIMIT - 28),
    "a key without end": b"-----BEGIN PUBLIC KEY-----\n" + b"AAAA\n" * ((LIMIT - 27) // 5),
    "lists in lists": b"[" * LIMIT,
    "CBOR in CBOR": b"\x81" * LIMIT,
    "a table of many certificates": b"\x03\0\0\0" + bytes(1180) + (b"x" * 16 + b"\x18\0\0\0\x09\0\0\0") * 43_000,
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("parser", ["detect", "pem", "tpm key", "cbor", "collateral", "certificate table"])
def test_the_longest_input_ends_in_a_refusal(name: str, parser: str) -> None:
    """Quadratic time would be hours here."""
    with pytest.raises(EvidenceError):
        PARSERS[parser](LONG[name])


@settings(max_examples=40)
@given(
    text=st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["quote", "tpm_quote", "hcl_report", "message", "signature", "pcrs", "version", "attestation"]
                ),
                inner,
            )
        ),
    )
)
def test_no_json_breaks_detection(text: Any) -> None:
    only_refuses(lambda: Evidence.detect(json.dumps(text).encode()))


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=1 << 60, max_value=1 << 70)
    | st.floats()
    | st.text()
    | st.dates()
    | st.binary(min_size=32, max_size=32).map(bytes.hex)
    | st.sampled_from(["UpToDate", "sgx", "required"])
)
FIELDS = st.sampled_from([each.name for each in dataclasses.fields(Policy)])


@given(fields=st.dictionaries(FIELDS, VALUES | st.lists(VALUES, max_size=3) | st.dictionaries(st.text(), VALUES)))
def test_no_values_break_a_policy(fields: dict[str, Any]) -> None:
    only_refuses(lambda: Policy(**{"measurements": {b"m" * 32}, "nonce": b"n", **fields}))


def tcb_of(changed: bytes) -> None:
    """Statements are signed, so mutated ones do not come this far in a verdict."""
    text = changed.decode("utf-8", "replace")
    quote = read_quote(read("tdx/phala_tdx_v4.quote"))
    pck = read_pck(extension_bytes(read_certificates(quote.certification, "it")[0], PCK_EXTENSION) or b"")
    assert isinstance(quote.body, TdReport)
    info = read_statement(text, "TDX", "it")
    platform_matches(info, pck)
    platform_status(info, pck, quote.body.tee_tcb_svn)
    module_status(info, quote.body)


def identity_of(changed: bytes) -> None:
    quote = read_quote(read("tdx/phala_tdx_v4.quote"))
    enclave_status(read_statement(changed.decode("utf-8", "replace"), "TD_QE", "it"), SgxReport.read(quote.qe_report))


def starts() -> dict[str, tuple[bytes, Callable[[bytes], Any]]]:
    """Everything real that is read, each with the way to its verdict."""
    sgx = Collateral.from_file(EVIDENCE / "sgx/phala_sgx_v3.collateral.json")
    tdx = Collateral.from_file(EVIDENCE / "tdx/phala_tdx_v4.collateral.json")
    quote = read("sgx/phala_sgx_v3.quote")
    found: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {}

    def add(name: str, kind: str | None = None, collateral: Collateral | None = None, **parts: bytes) -> None:
        for part, data in {"": read(name), **parts}.items():

            def judged(changed: bytes, part: str = part) -> Any:
                given = {**parts, part: changed} if part else parts
                evidence = Evidence.detect(read(name) if part else changed, kind, given)
                return verify(evidence, ANY, now=NOW, collateral=collateral)

            found[f"{name} {part}"] = (data, judged)

    for name in ("sgx/phala_sgx_v3.quote", "sgx/automata_quotev3.hex"):
        add(name, None, sgx)
    for name in (
        "tdx/phala_tdx_v4.quote",
        "tdx/gotdx_cos113.quote",
        "tdx/dstack_quote_report.json",
        "tdx/trustee_tdx_5.quote",
    ):
        add(name, None, tdx)
    for name in ("nitro/veracruz_doc.cose", "nitro/dstack_nsm.bin", "nitro/blocky_prod.b64"):
        add(name)
    for name in (
        "snp/dstack_sev_snp_attestation.json",
        "snp/trustee_az_evidence_v1.json",
        "tdx/attestrs_az_tdx_live_evidence.json",
    ):
        add(name, None, tdx)
    add("snp/trustee_test.report", vcek=read("snp/trustee_test_vcek.der"), chain=read("snp/gosev_milan_chain.pem"))
    add("snp/kinvolk_hcl_report_snp.bin", vcek=read("snp/trustee_test_vcek.der"))
    add(
        "tpm/keylime_quote.out",
        signature=read("tpm/keylime_quotesig.out"),
        pcrs=read("tpm/keylime_quotepcr.out"),
        key=read("tpm/keylime_akpub.pem"),
    )
    for name, value in vars(sgx).items():

        def with_collateral(changed: bytes, name: str = name, value: Any = value) -> Any:
            given: Any = changed if isinstance(value, bytes) else changed.decode("utf-8", "replace")
            return verify(quote, ANY, now=NOW, collateral=dataclasses.replace(sgx, **{name: given}))

        found[f"collateral {name}"] = (value if isinstance(value, bytes) else value.encode(), with_collateral)
    found["TCB info"] = (tdx.tcb_info.encode(), tcb_of)
    found["QE identity"] = (tdx.qe_identity.encode(), identity_of)
    found["collateral"] = (read("sgx/phala_sgx_v3.collateral.json"), Collateral.from_json)
    return found


STARTS = starts()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some of the changes that break parsers: flips, lies in lengths, cuts, doubles, swaps, other values."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(changed) + 1)
        size = chance.choice((1, 2, 4, 8, 64, 500))
        piece = changed[at : at + size]
        kind = chance.randrange(7)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at : at + size] = chance.choice((b"\0", b"\xff", b"\x80", b"\x7f")) * len(piece)
        elif kind == 2:
            del changed[at : at + size]
        elif kind == 3:
            changed[at:at] = piece
        elif kind == 4:
            changed[at:at] = chance.randbytes(size)
        elif kind == 5:
            to = chance.randrange(len(changed) + 1)
            changed[to : to + len(piece)] = piece
        elif kind == 6:
            del changed[at:]
    return bytes(changed)


@pytest.mark.parametrize("name", STARTS)
def test_no_mutation_of_real_evidence_breaks_a_verdict(name: str) -> None:
    data, judged = STARTS[name]
    chance = random.Random(time.time_ns() if SECONDS else name)
    until = time.monotonic() + SECONDS / len(STARTS)
    rounds = 0
    while rounds < ROUNDS or time.monotonic() < until:
        changed = mutated(data, chance)
        try:
            only_refuses(lambda: judged(changed))  # noqa: B023
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} for {changed.hex()}") from error
        rounds += 1
