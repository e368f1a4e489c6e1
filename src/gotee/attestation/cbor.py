"""CBOR, read strictly: one item, definite lengths, shortest forms, no duplicate keys, no tags. Both worlds.

Called by the readers of Nitro documents and of claims.
"""

from __future__ import annotations

from typing import Any

from gotee.attestation.refusals import refuse


def read(data: bytes, what: str) -> Any:
    """The one item that fills `data`. Writing it again must give the same bytes, so nothing can hide in it."""
    import cbor2  # here, so that `import gotee` does without it

    try:
        value = cbor2.loads(data, max_depth=8, allow_indefinite=False, allow_duplicate_keys=False)
        again = cbor2.dumps(value)
    except Exception as error:  # decoders of single types raise what they like; the bytes are the other side's
        refuse("format", f"{what} is not CBOR as it should be: {str(error)[:80]!r}")
    if again != data:
        refuse("format", f"{what} is not the shortest CBOR of its value, or bytes follow it")
    return value


def read_map(data: bytes, what: str) -> dict[str, Any]:
    """A map with text keys.

    >>> read_map(bytes.fromhex("a1616101"), "it")
    {'a': 1}
    """
    value = read(data, what)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        refuse("format", f"{what} is no map with text keys")
    return value
