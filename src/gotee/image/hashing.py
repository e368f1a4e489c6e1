"""SHA-256 at the speed of the processor, without the imports of `hashlib`. All worlds."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _hashlib import openssl_sha256 as sha256  # uses the processor's instructions for it, where there are any
    except ImportError:
        from hashlib import sha256

__all__ = ["sha256"]
