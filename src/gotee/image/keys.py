"""Signing keys: RSA of 3072 bits with exponent 3, the only ones that SIGSTRUCT knows. Host world.

A key file is PEM, PKCS #8, readable by its owner alone. Nothing here shows a private key: not in errors, not in reprs.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from gotee.errors import ImageError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

BITS, EXPONENT = 3072, 3
ERROR_EXPONENT = 65537  # of keys to which details of failures are encrypted, so that neither is taken for the other


def folder() -> Path:
    """`gotee/keys` in the user's data directory, as the XDG rules name it."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "share") / "gotee" / "keys"


def development() -> Path:
    """The development key, made when it is first asked for. Its signatures are for debugging only."""
    path = folder() / "development.pem"
    if not path.is_file():
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"the development key has no place: {path.parent} cannot be made ({error.strerror}); set XDG_DATA_HOME"
            ) from None
        make(path, replace_none=True)
    return path


def public_file(path: Path) -> Path:
    """Where the public half of a key lies: beside it, `NAME.pub.pem`."""
    return path.with_name(path.stem + ".pub.pem")


def make(path: Path, passphrase: bytes | None = None, *, replace_none: bool = False, exponent: int = EXPONENT) -> None:
    """Make a key; whole or not at all, and never over another. `replace_none`: one that is there is as good."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(exponent, BITS)
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        protection = serialization.BestAvailableEncryption(passphrase)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    try:
        _write_new(path, private, 0o600)
    except FileExistsError:
        if replace_none:
            return
        raise UsageError(f"{path} is there already: keys are not replaced; choose another file") from None
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        _write_new(public_file(path), public, 0o644)
    except FileExistsError:
        public_file(path).unlink()
        _write_new(public_file(path), public, 0o644)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is not there yet; whoever looks at the path sees all of it or nothing."""
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as error:
        raise UsageError(f"the key {path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:
        raise UsageError(f"the key {path} cannot be written: {error.strerror}") from None
    finally:
        os.unlink(temporary)


def load(path: Path, passphrase: bytes | None = None, *, exponent: int = EXPONENT) -> RSAPrivateKey:
    """A private key. Raises UsageError, with cause and cure, if the file is not one that can sign images.

    With ERROR_EXPONENT, one that can read the details of failures.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(1 << 20)
    except OSError as error:
        raise UsageError(f"the key {path} cannot be read: {error.strerror}{_cure(error, path, exponent)}") from None
    if b"PRIVATE KEY" not in data:
        kind = "a public key: name the private one" if b"PUBLIC KEY" in data else "no key in PEM"
        raise UsageError(f"{path} is {kind}")
    if stat.S_IMODE(mode) & 0o077:
        raise UsageError(f"others can read the key {path}: take their rights away with chmod 600 {path}")
    try:
        key = _loaded(data, passphrase, exponent)
    except TypeError:
        if passphrase is not None:
            raise UsageError(f"the key {path} has no passphrase: leave --passphrase-file out") from None
        raise UsageError(f"the key {path} is protected by a passphrase: give it with --passphrase-file") from None
    except ValueError:
        raise UsageError(f"{path} is no key in PEM, or its passphrase is wrong") from None
    if not isinstance(key, RSAPrivateKey):
        raise UsageError(f"{path} is no RSA key: `gotee keys new` makes one that can sign images")
    _check(key.public_key(), path, exponent)
    return key


def _cure(error: OSError, path: Path, exponent: int) -> str:
    if exponent == ERROR_EXPONENT:  # a new one reads no failure that there is
        return "; name the private half of the image's error-key with --key"
    return f"; `gotee keys new -o {path}` makes one" if isinstance(error, FileNotFoundError) else ""


def _loaded(data: bytes, passphrase: bytes | None, exponent: int) -> object:
    """The key of a PEM file; of one that signs no more is asked than that.

    OpenSSL's checks of it take 20 times as long as signing. A wrong key makes a wrong signature, and no signature
    leaves that was not verified (sigstruct.attach). `cryptography` before 39 makes them always.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(data, passphrase, unsafe_skip_rsa_key_validation=exponent == EXPONENT)
    except TypeError as error:
        if "unsafe_skip_rsa_key_validation" not in str(error):
            raise
        return load_pem_private_key(data, passphrase)


def load_public(path: Path, *, exponent: int = EXPONENT) -> RSAPublicKey:
    """A public key in PEM. Raises UsageError if it cannot be one of an image's signer (or of what `exponent` says)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        data = path.read_bytes()
        if b"PRIVATE KEY" in data:
            raise UsageError(f"{path} is a private key: name its public half, which `openssl pkey -pubout` writes")
        key = serialization.load_pem_public_key(data)
    except OSError as error:
        raise UsageError(f"the key {path} cannot be read: {error.strerror}") from None
    except UsageError:
        raise
    except ValueError:
        raise UsageError(f"{path} is no public key in PEM") from None
    if not isinstance(key, RSAPublicKey):
        raise UsageError(f"{path} is no RSA key")
    _check(key, path, exponent)
    return key


def error_key_of(path: Path) -> str:
    """What a manifest says of the public key to which details of failures are encrypted: its modulus."""
    return f"{load_public(path, exponent=ERROR_EXPONENT).public_numbers().n:0{BITS // 4}x}"


def _check(key: RSAPublicKey, path: Path, exponent: int) -> None:
    numbers = key.public_numbers()
    if key.key_size != BITS or numbers.e != exponent:
        use, option = (
            ("images are signed with", "") if exponent == EXPONENT else ("failures are encrypted with", " --errors")
        )
        raise UsageError(
            f"{path} has {key.key_size} bits and exponent {numbers.e}; {use} {BITS} bits and "
            f"exponent {exponent}: `gotee keys new{option}` makes such a key"
        )


def modulus_of(key: RSAPublicKey) -> int:
    """The modulus."""
    return key.public_numbers().n


def sign(key: RSAPrivateKey, message: bytes) -> int:
    """The signature of a message, as a number: PKCS #1 v1.5 with SHA-256."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        return int.from_bytes(key.sign(message, padding.PKCS1v15(), hashes.SHA256()), "big")
    except ValueError as error:
        raise ImageError(f"the image could not be signed: {error}") from None
