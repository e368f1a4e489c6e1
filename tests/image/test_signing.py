"""Keys and signatures that do not fit: each is refused in a sentence that says what to do, and nothing is written."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from gotee.cli import main
from gotee.image import pages, sigstruct

PEM, OPEN = serialization.Encoding.PEM, serialization.NoEncryption()
PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(3, 3072)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: rsa.RSAPrivateKey) -> Path:
    """A folder with a small image, a key, and what has to be signed by it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    Path("x.sgxs").write_bytes(pages.stream_of(b"contents", 1))
    private_file("k.pem", key)
    Path("k.pub.pem").write_bytes(key.public_key().public_bytes(PEM, PUBLIC))
    assert main(["sign", "x.sgxs", "--digest", "-o", "D", "--product-id", "4"]) == 0
    return tmp_path


def private_file(name: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> None:
    hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else OPEN
    Path(name).write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, hidden))
    Path(name).chmod(0o600)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) in (1, 2)
    assert not Path("x.sig").exists()
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("gotee: error: ") and told.err.count("\n") == 1
    return told.err


def test_what_a_key_elsewhere_signed_is_attached_only_with_the_numbers_it_was_signed_for(
    here: Path, key: rsa.RSAPrivateKey, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = Path("D").read_bytes()
    Path("S").write_bytes(key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256())))
    Path("twice").write_bytes(key.sign(digest, padding.PKCS1v15(), hashes.SHA256()))
    salted = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    Path("pss").write_bytes(key.sign(digest, salted, Prehashed(hashes.SHA256())))
    Path("large").write_bytes(b"\xff" * 384)
    Path("text").write_text(Path("S").read_bytes().hex())
    attach = ("sign", "x.sgxs", "--key", "k.pub.pem", "--attach")
    told = refused(capsys, *attach, "S", "--product-id", "5")
    assert f"signs the digest {digest.hex()}, and this image with product id 5" in told
    assert "as a digest, not as a message" in refused(capsys, *attach, "twice", "--product-id", "4")
    for other in ("pss", "large"):
        assert "PKCS #1 v1.5 and SHA-256" in refused(capsys, *attach, other, "--product-id", "4")
    assert "text has 768 bytes" in refused(capsys, *attach, "text")
    assert "second step" in refused(capsys, *attach, "S", "--digest", "-o", "x.sig")
    assert main([*attach, "S", "--product-id", "4"]) == 0
    found = sigstruct.from_bytes(Path("x.sig").read_bytes())
    found.verify()
    assert (found.product_id, found.debug, found.exponent) == (4, False, 3)
    assert int.from_bytes(found.modulus, "little") == key.public_key().public_numbers().n


def test_keys_that_cannot_sign_images_are_refused_with_the_reason(
    here: Path, key: rsa.RSAPrivateKey, capsys: pytest.CaptureFixture[str]
) -> None:
    private_file("small.pem", rsa.generate_private_key(3, 2048))
    private_file("usual.pem", rsa.generate_private_key(65537, 2048))
    private_file("curve.pem", ec.generate_private_key(ec.SECP256R1()))
    private_file("closed.pem", key, b"open sesame")
    Path("words").write_text("another\n")
    Path("long").write_text("x" * 2000)
    expected = {
        "small.pem": "has 2048 bits and exponent 3; images are signed with 3072 bits",
        "usual.pem": "exponent 65537; images are signed with 3072 bits and exponent 3",
        "curve.pem": "is no RSA key",
        "closed.pem": "protected by a passphrase: give it with --passphrase-file",
        "k.pub.pem": "is a public key: name the private one",
        "x.sgxs": "is no key in PEM",
        "absent": "cannot be read: No such file",
    }
    for name, reason in expected.items():
        assert reason in refused(capsys, "sign", "x.sgxs", "--key", name)
    words = ("sign", "x.sgxs", "--passphrase-file")
    assert "has no passphrase" in refused(capsys, *words, "words", "--key", "k.pem")
    assert "its passphrase is wrong" in refused(capsys, *words, "words", "--key", "closed.pem")
    assert "it can have 1023" in refused(capsys, *words, "long", "--key", "closed.pem")
    attach = ("sign", "x.sgxs", "--attach", "D", "--key")
    assert "private key: name its public half" in refused(capsys, *attach, "k.pem")


def test_keys_that_others_can_read_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("k.pem").chmod(0o644)
    assert "chmod 600 k.pem" in refused(capsys, "sign", "x.sgxs", "--key", "k.pem")


def test_passphrases_come_from_a_file(here: Path, key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsa, "generate_private_key", lambda *_: key)
    Path("words").write_text("open sesame\n")
    assert main(["keys", "new", "-o", "closed.pem", "--passphrase-file", "words"]) == 0
    assert "ENCRYPTED" in Path("closed.pem").read_text()
    assert main(["sign", "x.sgxs", "--key", "closed.pem", "--passphrase-file", "words"]) == 0
    assert main(["keys", "show", "closed.pem", "--passphrase-file", "words"]) == 0


def test_a_key_that_cannot_be_kept_is_told_in_a_sentence(
    here: Path, key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rsa, "generate_private_key", lambda *_: key)  # making one takes a second
    assert "k.pem is there already" in refused(capsys, "keys", "new", "-o", "k.pem")
    assert "cannot be written" in refused(capsys, "keys", "new", "-o", "/proc/k.pem")
    monkeypatch.setenv("XDG_DATA_HOME", "/proc/none")
    assert "set XDG_DATA_HOME" in refused(capsys, "keys", "show")
    assert main(["keys", "new", "-o", "new/other.pem"]) == 0
    assert [stat.S_IMODE(Path("new", name).stat().st_mode) for name in ("", "other.pem")] == [0o700, 0o600]
