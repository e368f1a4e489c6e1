"""Encrypted details of failures, kept until the developer asks, and decrypted with the developer's key. Host world.

They lie as files of their id in `gotee/failures` of the user's state directory, as the XDG rules name it.
"""

from __future__ import annotations

import os

from gotee.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MOST_KEPT = 1000  # files: the oldest go first
_SPARE = 100  # files: so many more may lie there until the oldest go


def folder() -> Path:
    """Where they are kept."""
    from pathlib import Path

    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "gotee" / "failures"


def keep(number: str, details: bytes) -> None:
    """Keep the details of a failure. Where nothing can be written, they are lost, and the program goes on."""
    try:
        place = folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(place / number, "xb") as file:
            file.write(details)
        if len(os.listdir(place)) > MOST_KEPT + _SPARE:
            kept = sorted(place.iterdir(), key=lambda path: path.stat().st_mtime_ns)
            for path in kept[:-MOST_KEPT]:
                path.unlink(missing_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: there is no home directory
        return


def explain(details: bytes, key: RSAPrivateKey) -> str:
    """The text of encrypted details. Raises UsageError if they are damaged or for another key."""
    import hashlib
    import hmac

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    from gotee.enclave import details as sealed

    if len(details) != sealed.SIZE:
        raise UsageError(f"these are no details of a failure: {len(details)} bytes, not {sealed.SIZE}")
    wrapped, cipher = details[: sealed.BITS // 8], details[sealed.BITS // 8 : -sealed.TAG]
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    try:
        secret = key.decrypt(wrapped, oaep)
    except ValueError:
        secret = b""
    if not secret or not hmac.compare_digest(sealed.tag(secret, wrapped + cipher), details[-sealed.TAG :]):
        raise UsageError("the details were encrypted to another key, or are damaged: take the image's error-key")
    stream = hashlib.shake_256(b"gotee details stream" + secret).digest(len(cipher))
    body = bytes(a ^ b for a, b in zip(cipher, stream, strict=True))
    return body[2 : 2 + int.from_bytes(body[:2], "little")].decode("utf-8", "replace")
