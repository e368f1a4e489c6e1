"""An enclave asks its platform: for evidence of itself, and for keys that only it can have. Enclave world.

`evidence` is a public name of gotee. The platform knows who asks by the socket that it made for this enclave.
"""

from __future__ import annotations

import os
import struct

from gotee.boundary.public_errors import public_error
from gotee.enclave import vault
from gotee.enclave.statement import digest_of, report_data
from gotee.enclave.vault import Key
from gotee.errors import GoteeError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple
else:
    from gotee.records import Record as NamedTuple

_MOST_ANSWER = 1 << 20  # bytes
_MOST_REASON = 2048  # bytes of why a key is refused
_KEY = 32  # bytes
MOST_NONCE = 1024  # bytes, as in a policy
_readv, _write = os.readv, os.write  # of the kernel: those of the program lead to the host (gotee.enclave.outside)
_descriptor = -1
_program: dict[str, Any] = {}


@public_error
class PlatformRefused(GoteeError):
    """The platform gives no evidence or no key; the text is the platform's reason. It may leave an enclave."""


class OwnEvidence(NamedTuple):
    """Evidence of this enclave: a quote of version 3, and its platform's signed collateral as JSON."""

    quote: bytes
    collateral: str


def evidence(*, nonce: bytes = b"", key: bytes = b"") -> OwnEvidence:
    """Evidence that this enclave runs, bound to a verifier's `nonce`, to a public `key` (DER), or to both.

    Only trusted code may ask. A verifier names the nonce, and the SHA-256 of the key, in its policy. Bind a key whose
    private half was made inside and has never left. Raises UsageError outside an enclave, or if nothing is bound;
    PlatformRefused if the platform gives none.

    >>> evidence(nonce=b"0123456789abcdef")
    Traceback (most recent call last):
        ...
    gotee.errors.UsageError: only code inside an enclave can ask its platform: in a secured routine, with --tee process
    """
    if not isinstance(nonce, bytes) or not isinstance(key, bytes) or len(nonce) > MOST_NONCE:
        raise UsageError(f"evidence binds bytes: a nonce of at most {MOST_NONCE}, a public key in DER, or both")
    if not nonce and not key:
        raise UsageError("evidence has to bind something: name a nonce, a public key in DER, or both")
    _inside()
    import json

    text = json.dumps(_program, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    program_digest = digest_of(text.encode())  # as gotee.image.manifest has it
    answer = _ask(b"Q" + report_data(nonce, digest_of(key) if key else b"", program_digest))
    length = struct.unpack_from("<I", answer)[0]
    return OwnEvidence(answer[4 : 4 + length], answer[4 + length :].decode())


def for_nonce(nonce: bytes) -> OwnEvidence:
    """Every image's last entry: `gotee evidence` calls it. The host chooses the nonce and can bind no key."""
    return evidence(nonce=nonce)


def report(target_info: bytes, data: bytes) -> bytes:
    """EREPORT: 432 bytes that the enclave named by `target_info` (512 bytes) can check. `data` has 64 bytes."""
    if len(target_info) != 512 or len(data) != 64:
        raise UsageError("a report is made for 512 bytes of TARGETINFO, over 64 bytes")
    _inside()
    return _ask(b"R" + target_info + data)


def get_key(request: bytes) -> Key:
    """EGETKEY: the 32 bytes of the key that a KEYREQUEST of 512 bytes names. The caller wipes it.

    The kernel puts them where keys lie and nowhere else: no copy is left in ordinary memory.
    """
    if len(request) != 512:
        raise UsageError("a KEYREQUEST has 512 bytes")
    _inside()
    key = vault.reserve(_KEY)
    try:
        _ask_secret(b"K" + request, key.view)
    except BaseException:
        key.wipe()
        raise
    return key


def install(descriptor: int, program: dict[str, Any]) -> None:
    """The socket to the platform, and what the image says of its program; called once, before the program."""
    global _descriptor, _program
    _descriptor, _program = descriptor, program


def _inside() -> None:
    if _descriptor < 0:
        raise UsageError("only code inside an enclave can ask its platform: in a secured routine, with --tee process")


def _ask(request: bytes) -> bytes:
    """The platform's answer. The routine does not park meanwhile: as with the CPU's instruction, nothing else runs."""
    _write(_descriptor, request)
    answer = bytearray(_MOST_ANSWER)
    size = _readv(_descriptor, (answer,))
    _require_done(answer[:size])
    return bytes(memoryview(answer)[1:size])


def _ask_secret(request: bytes, into: memoryview) -> None:
    """The same, for an answer that fills `into`. A refusal is longer, or shorter, and no secret."""
    _write(_descriptor, request)
    status, rest = bytearray(1), bytearray(_MOST_REASON)
    size = _readv(_descriptor, (status, into, rest))
    if status[0] or size != 1 + len(into):
        _require_done((status + into + rest)[:size])
        raise PlatformRefused("the platform refuses: its answer is no key")


def _require_done(answer: bytearray) -> None:
    if not answer or answer[0]:
        raise PlatformRefused(f"the platform refuses: {answer[1:].decode('utf-8', 'replace') or 'it has ended'}")
