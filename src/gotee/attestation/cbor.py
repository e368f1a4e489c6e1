"""CBOR, read strictly: one item, definite lengths, shortest forms, no duplicate keys, no tags. Both worlds.

Called by the readers of Nitro documents and of claims.
"""

from __future__ import annotations

import io
from typing import Any

from gotee.attestation.refusals import refuse


def read(data: bytes, what: str, *, signed: bool = False) -> Any:
    """The one item that fills `data`. Writing it again must give the same bytes, so nothing can hide in it.

    A signed item may be longer than needed, for its bytes are fixed: real Nitro documents have indefinite maps.
    """
    import cbor2  # here, so that `import gotee` does without it

    stream = io.BytesIO(data)
    try:
        value = cbor2.load(stream, max_depth=8, allow_indefinite=signed, allow_duplicate_keys=False)
        again = None if signed else cbor2.dumps(value)
    except Exception as error:  # decoders of single types raise what they like; the bytes are the other side's
        refuse("format", f"{what} is not CBOR as it should be: {str(error)[:80]!r}")
    if stream.tell() != len(data) or again not in (None, data):
        refuse("format", f"{what} is not the shortest CBOR of its value, or bytes follow it")
    return value


def read_map(data: bytes, what: str, *, signed: bool = False) -> dict[str, Any]:
    """A map with text keys.

    >>> read_map(bytes.fromhex("a1616101"), "it")
    {'a': 1}
    """
    value = read(data, what, signed=signed)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        refuse("format", f"{what} is no map with text keys")
    return value
