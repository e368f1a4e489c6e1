"""Sealing: bytes for this enclave, or for every later version of its program, kept by a host that is not trusted.

Enclave world; `seal` and `unseal` are public names of gotee. The key is EGETKEY's and new for each sealing; it lies
where keys lie (gotee.enclave.vault) and is wiped after use. What is derived from it for one sealing is in ordinary
memory, as the data itself is.
"""

from __future__ import annotations

import os
import struct
from _operator import _compare_digest  # hmac's, whose module would bring OpenSSL inside

from gotee.boundary.public_errors import public_error
from gotee.enclave.evidence import PlatformRefused, get_key, report
from gotee.enclave.vault import Key
from gotee.errors import GoteeError, UsageError

MEASUREMENT, SIGNER = "measurement", "signer"
_POLICIES = {MEASUREMENT: 1, SIGNER: 2}  # KEYPOLICY
_SEAL_KEY = 4  # KEYNAME
_ISVSVN = 258  # offset in a report body
_HEAD = struct.Struct("<8sHH32s")  # magic, KEYPOLICY, ISVSVN, KEYID
_MAGIC = b"gotee-s1"
_TAG = 32  # bytes
MOST = 1 << 30  # bytes


@public_error
class UnsealError(GoteeError):
    """What was to be unsealed is damaged, or was sealed by another enclave, version, level or platform."""


def seal(data: bytes, *, to: str = SIGNER, label: bytes = b"") -> bytes:
    """`data`, encrypted and authenticated, for the host to keep: 76 bytes longer.

    `to="signer"`: every enclave of this signer and product can unseal it whose security version is not below this
    one's, so it survives upgrades. `to="measurement"`: this very image only. Always bound: debug or release, the level,
    this platform. `label` is not stored; `unseal` must name the same.

    A host can give back older sealed bytes, which unseal as well: **rollback is not noticed**. That takes a counter out
    of the host's reach, and no platform of this version has one.

    >>> seal(b"secret")
    Traceback (most recent call last):
        ...
    gotee.errors.UsageError: only code inside an enclave can ask its platform: in a secured routine, with --tee process
    """
    if to not in _POLICIES:
        raise UsageError(f"seal(to={to!r}): sealed bytes are bound to {SIGNER!r} or to {MEASUREMENT!r}")
    if not isinstance(data, bytes) or not isinstance(label, bytes) or len(data) > MOST:
        raise UsageError(f"seal takes bytes, at most {MOST}, and a label of bytes")
    own = int.from_bytes(report(bytes(512), bytes(64))[_ISVSVN : _ISVSVN + 2], "little")
    head = _HEAD.pack(_MAGIC, _POLICIES[to], own, os.urandom(32))
    key = _key(head)
    try:
        cipher = _mixed(key, data)
        return head + cipher + _tag(key, head, cipher, label)
    finally:
        key.wipe()


def unseal(sealed: bytes, *, label: bytes = b"") -> bytes:
    """What was sealed. Raises UnsealError, without a hint at the content, for what this enclave cannot unseal."""
    if not isinstance(sealed, bytes) or not isinstance(label, bytes):
        raise UsageError("unseal takes bytes, and a label of bytes")
    head, rest = sealed[: _HEAD.size], sealed[_HEAD.size :]
    if not head.startswith(_MAGIC) or len(rest) < _TAG or _HEAD.unpack(head)[1] not in _POLICIES.values():
        raise UnsealError("these are not sealed bytes, or they are cut short")
    try:
        key = _key(head)
    except PlatformRefused as refused:
        raise UnsealError(f"sealed by a newer version, or the platform has no key: {refused}") from None
    try:
        cipher, tag = rest[:-_TAG], rest[-_TAG:]
        if not _compare_digest(tag, _tag(key, head, cipher, label)):
            raise UnsealError(
                "altered, under another label, or sealed by another enclave, signer, product, level, or platform"
            )
        return _mixed(key, cipher)
    finally:
        key.wipe()


def _key(head: bytes) -> Key:
    """The key that the head of sealed bytes names."""
    _, policy, svn, key_id = _HEAD.unpack(head)
    request = bytearray(512)  # KEYREQUEST
    struct.pack_into("<HHH", request, 0, _SEAL_KEY, policy, svn)
    struct.pack_into("<Q", request, 24, 0xFFFFFFFFFFFFFFFF)  # every attribute counts
    request[40:72] = key_id
    return get_key(bytes(request))


def _mixed(key: Key, data: bytes) -> bytes:
    """`data` under a key stream that is used once, for the key belongs to one sealing."""
    from _sha3 import shake_256  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

    stream = shake_256(b"gotee seal stream")
    stream.update(key.view)
    mixed = int.from_bytes(data, "little") ^ int.from_bytes(stream.digest(len(data)), "little")
    return mixed.to_bytes(len(data), "little")


def _tag(key: Key, head: bytes, cipher: bytes, label: bytes) -> bytes:
    from _blake2 import blake2b  # here and above: starting an enclave does without them
    from _sha3 import shake_256  # pyright: ignore[reportMissingImports]

    derived = shake_256(b"gotee seal tag")
    derived.update(key.view)
    found = blake2b(key=derived.digest(32), digest_size=_TAG)
    for part in (len(label).to_bytes(8, "little"), label, head, cipher):
        found.update(part)
    return found.digest()
