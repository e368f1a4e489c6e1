"""Which world is this? Both worlds; the runtime and `gosecure` ask. The loader of this module knows."""

from __future__ import annotations

_inside = bool(getattr(__spec__.loader, "trusted_world", False))


def inside() -> bool:
    """Whether this code runs inside an enclave.

    >>> inside()
    False
    """
    return _inside
