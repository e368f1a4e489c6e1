"""`gotee verify`: exit status, code and cure, JSON, and a signed EAR."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.attestation.samples import EVIDENCE

from gotee.attestation.refusals import CODES
from gotee.cli import main

ROOT = Path(__file__).parents[2]
LOOK = "any_measurement = true\nany_binding_insecure = true\n"
QUOTE, COLLATERAL = EVIDENCE / "tdx/phala_tdx_v4.quote", EVIDENCE / "tdx/phala_tdx_v4.collateral.json"
WHEN = "2025-07-04T10:16:31Z"


def run(tmp_path: Path, *more: object, policy: str = LOOK, when: str = WHEN) -> int:
    file = tmp_path / "policy.toml"
    file.write_text(policy)
    return main(["verify", str(QUOTE), "--policy", str(file), "--now", when, *map(str, more)])


def test_accepted_evidence_has_status_0_and_its_claims(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--collateral", COLLATERAL, "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["accepted"] and verdict["claims"]["tcb_status"] == "UpToDate"


def test_refused_evidence_has_status_1_code_and_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 1
    told = capsys.readouterr().err
    assert "collateral-missing" in told and "cure: " in told
    assert run(tmp_path, policy="") == 1
    assert "policy-empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ["--ear"],
        ["--part", "novalue"],
        ["--part", f"vcekk={QUOTE}"],
        ["--collateral", "absent.json"],
        ["--nonce", "xy"],
    ],
)
def test_a_wrong_command_line_has_status_2(tmp_path: Path, wrong: list[str]) -> None:
    assert run(tmp_path, *wrong) == 2


def test_a_wrong_moment_or_policy_file_has_status_2(tmp_path: Path) -> None:
    assert run(tmp_path, when="2025-07-04T10:16:31") == 2
    assert run(tmp_path, policy="measurement = 1") == 2


@pytest.mark.parametrize(("more", "status"), [(["--collateral", COLLATERAL], "warning"), ([], "contraindicated")])
def test_an_ear_is_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[object], status: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    run(tmp_path, "--ear", "--key", file, *more)
    header, body, signature = capsys.readouterr().out.strip().split(".")
    raw = _decode(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.public_key().verify(der, f"{header}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    (submodule,) = json.loads(_decode(body))["submods"].values()
    assert json.loads(_decode(header))["alg"] == "ES256" and submodule["ear.status"] == status


def test_a_certificate_is_evidence_and_its_key_is_what_has_to_be_bound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, when = tmp_path / "policy.toml", "2025-07-04T10:28:44Z"
    certificate = EVIDENCE / "ratls/ccc_gramine-cert.pem"
    words = ["verify", str(certificate), "--policy", str(policy), "--now", when, "--collateral", str(COLLATERAL)]
    policy.write_text(f"measurements = ['{'aa' * 32}']")
    assert main(words) == 1 and "collateral-platform" in capsys.readouterr().err
    policy.write_text(f"measurements = ['{'aa' * 32}']\nmax_age = 0")
    assert main(words) == 2
    words[1] = str(QUOTE)
    policy.write_text(f"measurements = ['{'aa' * 32}']")
    assert main(words) == 1 and "policy-binding" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["evidence", "--image", QUOTE, "--nonce", "aa", "-o"],
        ["evidence", "--image", QUOTE, "--nonce", "aa", "-o", "quote.bin", "--collateral"],
        ["policy", "new", "--from", QUOTE, "-o"],
        ["keys", "new", "-o"],
    ],
)
@pytest.mark.parametrize("place", [".", QUOTE / "below"])
def test_a_place_where_nothing_can_be_written_is_told_first(
    words: list[object], place: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*map(str, words), str(place)]) == 2
    assert "folder" in capsys.readouterr().err or place == "."


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_reference_lists_every_code_with_its_cure() -> None:
    page = (ROOT / "docs" / "reference" / "attestation.md").read_text(encoding="utf-8")
    rows = [f"| `{code}` | `{kind.__name__}` | {cure} |" for code, (kind, cure) in CODES.items()]
    assert [row for row in rows if row not in page] == []
