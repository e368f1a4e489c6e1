"""Which world is this? Both worlds. The enclave's first code says so; the runtime and `gosecure` ask."""

from __future__ import annotations

_inside = False


def enter_enclave() -> None:
    """This process is an enclave from now on; called once, before any code of the program runs."""
    global _inside
    _inside = True


def inside() -> bool:
    """Whether this code runs inside an enclave.

    >>> inside()
    False
    """
    return _inside
