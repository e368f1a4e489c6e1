"""SHA-256 at the speed of the processor, without the imports of `hashlib`. All worlds."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SMALL = 1 << 20  # bytes; to load OpenSSL takes as long as the interpreter's own code takes for this
_large: Any = None


def sha256(data: bytes | memoryview = b"") -> Any:
    """As hashlib.sha256; it uses the processor's instructions, where there are any."""
    global _large
    if _large is None:
        try:
            from _hashlib import openssl_sha256 as found
        except ImportError:
            from hashlib import sha256 as found
        _large = found
    return _large(data)


def digest(data: bytes) -> bytes:
    """The digest of a few bytes: OpenSSL is not loaded for it.

    >>> digest(b"") == sha256().digest()
    True
    """
    found: bytes = (_small() if _large is None and len(data) < _SMALL else sha256)(data).digest()
    return found


def _small() -> Any:
    """The interpreter's own, under its names in 3.11 and in later versions."""
    for name in ("_sha256", "_sha2"):
        try:
            return __import__(name).sha256
        except ImportError:
            pass
    return sha256
