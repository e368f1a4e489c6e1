"""Evidence of the process platform, from a started enclave to the verdicts of two verifiers, one of them not ours."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import dcap_qvl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.attestation.commands import gotee_here
from tests.cli.conftest import environment

from gotee.attestation import Collateral, Policy, verify
from gotee.attestation.certificates import key_hash, read_certificates
from gotee.attestation.quotes import read_quote
from gotee.attestation.simulation import Simulation
from gotee.enclave.evidence import evidence
from gotee.errors import EvidenceError, UsageError

NONCE = bytes(range(32))
PROGRAM = """
import hashlib, sys
from gotee import OwnEvidence, UnsealError, UsageError, evidence, gosecure, seal, unseal

KEY = b"stands for the DER of a public key made inside"


def prove(nonce: bytes) -> OwnEvidence:
    return evidence(nonce=nonce, key=KEY)


def keep(number: int) -> bytes:
    return seal(b"%d" % number, label=b"number")


def add(sealed: bytes, number: int) -> int:
    return int(unseal(sealed, label=b"number")) + number


def main() -> None:
    if sys.argv[1] == "seal":
        sys.stdout.write(gosecure(keep, 40).result().hex())
        return
    if sys.argv[1] == "unseal":
        for sealed in sys.argv[2:]:
            try:
                print(gosecure(add, bytes.fromhex(sealed), 2).result())
            except UnsealError as error:
                print("refused:", error)
        return
    found = gosecure(prove, bytes(range(32))).result()
    with open(sys.argv[1], "wb") as file:
        file.write(found.quote)
    with open(sys.argv[1] + ".collateral.json", "w") as file:
        file.write(found.collateral)
    try:
        evidence(nonce=b"outside")
    except UsageError:
        print("outside refused")


if __name__ == "__main__":
    main()
"""


class Place(NamedTuple):
    """A folder with a program, its image signed for release, and a platform's state of its own."""

    folder: Path

    def gotee(self, *words: object, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        if words[0] not in ("run", "evidence"):
            return gotee_here(self.folder, *words, stdin=stdin, **settings)
        return subprocess.run(
            [sys.executable, "-m", "gotee", *map(str, words)],
            cwd=self.folder,
            text=True,
            capture_output=True,
            timeout=60,
            env=environment(**{"XDG_STATE_HOME": str(self.folder / "state"), **settings}),
        )

    def done(self, *words: object) -> str:
        done = self.gotee(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def verdict(self, *words: object) -> dict[str, Any]:
        done = self.gotee("verify", *words, "--now", now().isoformat(), "--json")
        assert done.returncode in (0, 1), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("evidence"))
    (place.folder / "proving.py").write_text(PROGRAM)
    place.done("build", "proving.py", "-o", ".")
    shutil.copy(place.folder / "proving.sgxs", place.folder / "release.sgxs")
    place.done("keys", "new", "-o", "signer.pem")
    place.done("sign", "release.sgxs", "--key", "signer.pem", "--security-version", "3", "--product-id", "9")
    place.done("evidence", "--image", "release.sgxs", "--nonce", NONCE.hex(), "-o", "quote.bin")
    place.done("policy", "new", "--from", "release.sgxs", "--accept-simulation", "-o", "policy.toml")
    return place


@pytest.fixture(scope="module")
def quote(place: Place) -> bytes:
    return (place.folder / "quote.bin").read_bytes()


@pytest.fixture(scope="module")
def collateral(place: Place) -> Collateral:
    return Collateral.from_file(place.folder / "quote.bin.collateral.json")


@pytest.fixture(scope="module")
def wanted(place: Place) -> Policy:
    return Policy.from_toml(place.folder / "policy.toml", nonce=NONCE)


def test_dcap_qvl_given_the_root_finds_the_platform_up_to_date(quote: bytes, collateral: Collateral) -> None:
    root = read_certificates(read_quote(quote).certification, "the chain")[-1]
    given = dcap_qvl.QuoteCollateralV3(**vars(collateral))
    moment = int(now().timestamp())
    verifier = dcap_qvl.QuoteVerifier(root.public_bytes(Encoding.DER))
    found = verifier.verify_with_policy(quote, given, moment, dcap_qvl.QuotePolicy.strict(moment))
    assert json.loads(found.to_json())["tcb"]["status"] == "UpToDate"


def test_the_image_is_recognised_and_the_hardware_never_affirmed(
    place: Place, quote: bytes, collateral: Collateral, wanted: Policy
) -> None:
    claims = verify(quote, wanted, now=now(), collateral=collateral, crosscheck="dcap-qvl")
    assert claims.measurement == hashlib.sha256((place.folder / "release.sgxs").read_bytes()).digest()
    assert (claims.svn, claims.product, claims.debug, claims.level) == (3, 9, False, "development")
    assert (claims.hardware, claims.vendor) == (False, "gotee simulation")
    assert claims.simulation_root.hex() in place.done("platform", "show")


def test_the_command_line_tells_the_same(place: Place) -> None:
    words = ("quote.bin", "--policy", "policy.toml")
    assert place.verdict(*words, "--nonce", NONCE.hex())["accepted"] is True
    assert place.verdict(*words, "--nonce", NONCE[1:].hex())["code"] == "nonce"
    assert place.verdict(*words)["code"] == "policy-binding"


def test_an_ear_of_a_simulation_affirms_neither_hardware_nor_the_whole(place: Place) -> None:
    words = ("quote.bin", "--policy", "policy.toml", "--nonce", NONCE.hex(), "--now", now().isoformat())
    key = place.folder / "ear.pem"
    private = ec.generate_private_key(ec.SECP256R1())
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    token = place.done("verify", *words, "--ear", "--key", key)
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    (found,) = claims["submods"].values()
    assert found["ear.status"] == "warning"
    assert found["ear.trustworthiness-vector"]["hardware"] == 0
    assert base64.urlsafe_b64decode(claims["eat_nonce"] + "=") == NONCE
    assert place.gotee("verify", *words, "--ear").returncode == 2
    assert place.gotee("verify", *words, "--key", key).returncode == 2


def test_a_new_policy_accepts_no_simulation_and_no_debug_image_by_itself(place: Place) -> None:
    place.done("policy", "new", "--from", "release.sgxs", "--nonce", NONCE.hex(), "-o", "strict.toml")
    assert place.verdict("quote.bin", "--policy", "strict.toml")["code"] == "root"
    place.done("evidence", "--image", "proving.sgxs", "--nonce", NONCE.hex(), "-o", "debug.bin")
    options = ("--nonce", NONCE.hex(), "--accept-simulation")
    place.done("policy", "new", "--from", "proving.sgxs", *options, "-o", "p.toml")
    assert place.verdict("debug.bin", "--policy", "p.toml")["code"] == "debug"
    place.done("policy", "new", "--from", "proving.sgxs", *options, "--accept-debug", "-o", "p.toml")
    assert place.verdict("debug.bin", "--policy", "p.toml")["accepted"] is True
    assert place.verdict("quote.bin", "--policy", "p.toml")["accepted"] is True  # same pages: same measurement


def test_the_programs_digest_is_signed_too(place: Place, quote: bytes, collateral: Collateral, wanted: Policy) -> None:
    digest = json.loads(place.done("measure", "proving.py", "--json"))["program_digest"]
    policy = Policy.from_toml(place.folder / "policy.toml", nonce=NONCE, program_digests={digest})
    verify(quote, policy, now=now(), collateral=collateral)
    other = Policy.from_toml(place.folder / "policy.toml", nonce=NONCE, program_digests={"ab" * 32})
    assert _code(quote, other, collateral) == "program-digest"


def test_whoever_chooses_the_nonce_binds_no_key(place: Place) -> None:
    """The host asks for evidence over a nonce that looks like a key's hash, or like claims that bind a key."""
    key = hashlib.sha256(b"the attacker's key").digest()
    tried = {"hash": key, "padded": key.ljust(64, b"\0"), "both": key + NONCE}
    for name, nonce in tried.items():
        place.done("evidence", "--image", "release.sgxs", "--nonce", nonce.hex(), "-o", f"{name}.bin")
        collateral = Collateral.from_file(place.folder / f"{name}.bin.collateral.json")
        for wishes in ({"key": key}, {"key": key, "nonce": NONCE}):
            policy = Policy.from_toml(place.folder / "policy.toml", **wishes)
            assert _code((place.folder / f"{name}.bin").read_bytes(), policy, collateral) == "key"


def test_code_inside_binds_its_key_and_nobody_outside_can_ask(place: Place) -> None:
    assert place.done("run", "--image", "release.sgxs", "proving.py", "bound.bin") == "outside refused\n"
    quote = (place.folder / "bound.bin").read_bytes()
    given = Collateral.from_file(place.folder / "bound.bin.collateral.json")
    key = hashlib.sha256(b"stands for the DER of a public key made inside").digest()
    verify(quote, Policy.from_toml(place.folder / "policy.toml", nonce=NONCE, key=key), now=now(), collateral=given)
    for wishes in ({"key": key}, {"nonce": NONCE}, {"key": NONCE, "nonce": NONCE}, {"key": key, "nonce": key}):
        assert _code(quote, Policy.from_toml(place.folder / "policy.toml", **wishes), given) in ("key", "nonce")
    inline = place.gotee("run", "--tee", "inline", "proving.py", "inline.bin")
    assert inline.returncode == 1 and "only code inside an enclave can ask" in inline.stderr


def test_sealed_bytes_survive_an_upgrade_and_no_downgrade_and_no_reset(place: Place) -> None:
    shutil.copy(place.folder / "release.sgxs", place.folder / "newer.sgxs")
    place.done("sign", "newer.sgxs", "--key", "signer.pem", "--security-version", "4", "--product-id", "9")
    own = {"XDG_STATE_HOME": str(place.folder / "sealing")}

    def run(image: str, *words: str) -> str:
        return place.gotee("run", "--image", image, "proving.py", *words, **own).stdout

    older, newer = run("release.sgxs", "seal"), run("newer.sgxs", "seal")
    kept, refused = run("release.sgxs", "unseal", older, newer).splitlines()
    assert kept == "42" and refused.startswith("refused: sealed by a newer version")
    assert run("newer.sgxs", "unseal", older, newer) == "42\n42\n"
    assert run("proving.sgxs", "unseal", older).startswith("refused: ")  # for debugging, and of another signer
    place.gotee("platform", "reset", "--yes", **own)
    assert run("release.sgxs", "unseal", older).startswith("refused: altered")


@pytest.mark.parametrize("wrong", [{}, {"nonce": "text"}, {"key": 3}, {"nonce": bytes(1025)}])
def test_evidence_binds_bytes_and_something(wrong: Any) -> None:
    with pytest.raises(UsageError, match="bind"):
        evidence(**wrong)


def test_a_host_that_mints_a_root_of_its_own_is_refused(quote: bytes, collateral: Collateral, wanted: Policy) -> None:
    hostile = Simulation(now())
    body = quote[48:432]
    for given in (collateral, hostile.collateral()):
        assert _code(hostile.quote(body), wanted, given) == "root"
        assert _code(hostile.quote(body, chain=read_quote(quote).certification), wanted, given) in ("signature", "root")
    assert _code(quote, wanted, hostile.collateral()) == "root"


def test_the_level_is_under_the_signature(quote: bytes, collateral: Collateral, wanted: Policy) -> None:
    lifted = quote.replace(b"development\0\0\0\0\0", b"service".ljust(16, b"\0"))
    assert lifted != quote
    assert _code(lifted, wanted, collateral) == "signature"
    assert _code(quote, Policy(**{**_fields(wanted), "level": "service"}), collateral) == "level"


def test_quotes_made_at_once_on_a_new_platform_have_one_root(place: Place) -> None:
    state = str(place.folder / "fresh")
    words = [sys.executable, "-m", "gotee", "evidence", "--image", "release.sgxs", "--nonce", "aa", "-o"]
    asking = [
        subprocess.Popen([*words, f"at-once-{number}"], cwd=place.folder, env=environment(XDG_STATE_HOME=state))
        for number in range(3)
    ]
    assert [each.wait(timeout=60) for each in asking] == [0, 0, 0]
    roots = {
        key_hash(
            read_certificates(read_quote((place.folder / f"at-once-{number}").read_bytes()).certification, "it")[-1]
        )
        for number in range(3)
    }
    assert len(roots) == 1


def test_a_reset_asks_says_what_dies_and_ends_the_identity(place: Place) -> None:
    settings = {"XDG_STATE_HOME": str(place.folder / "doomed")}
    shown = place.gotee("platform", "show", **settings).stdout
    declined = place.gotee("platform", "reset", stdin="no\n", **settings)
    assert declined.returncode == 1 and "sealed" in declined.stdout and "identity" in declined.stdout
    assert place.gotee("platform", "reset", **settings).returncode == 2
    assert place.gotee("platform", "show", **settings).stdout == shown
    assert place.gotee("platform", "reset", stdin="reset\n", **settings).returncode == 0
    after = place.gotee("platform", "show", **settings).stdout
    assert after != shown
    assert place.gotee("platform", "reset", "--yes", **settings).returncode == 0
    assert "nothing to reset" in place.gotee("platform", "reset", **settings).stdout


@pytest.mark.parametrize("nonce", ["", "0", "xy", "00" * 1025])
def test_a_nonce_that_is_none_is_a_wrong_command_line(place: Place, nonce: str) -> None:
    done = gotee_here(place.folder, "evidence", "--image", "release.sgxs", "--nonce", nonce, "-o", "never")
    assert done.returncode == 2 and "--nonce" in done.stderr
    assert not (place.folder / "never").exists()


def test_keys_that_cannot_be_kept_are_a_sentence_and_no_evidence(place: Place) -> None:
    (place.folder / "in-the-way").write_text("")
    settings = {"XDG_STATE_HOME": str(place.folder / "in-the-way")}
    done = place.gotee("evidence", "--image", "release.sgxs", "--nonce", "aa", "-o", "never", **settings)
    assert done.returncode == 1 and "cannot keep its keys" in done.stderr and "Traceback" not in done.stderr
    shown = place.gotee("platform", "show", **settings)
    assert shown.returncode == 2 and "cannot keep its keys" in shown.stderr


def _code(quote: bytes, policy: Policy, collateral: Collateral) -> str:
    with pytest.raises(EvidenceError) as refused:
        verify(quote, policy, now=now(), collateral=collateral)
    return refused.value.code


def _fields(policy: Policy) -> dict[str, Any]:
    return {name: value for name, value in vars(policy).items() if value is not None}
