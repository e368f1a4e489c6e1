"""EREPORT and EGETKEY: what the processor does for an enclave, from its identity and one secret. Platform world.

Called by `answers`. The structures are those of Intel's Software Developer's Manual, volume 3D, chapter 38; the keys
are HMAC-SHA-256 instead of AES-CMAC, and 32 bytes long.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

from gotee.image.sigstruct import DEBUG, INIT
from gotee.platform.identity import Identity

REPORT_DATA, TARGET_INFO, BODY, REPORT, KEY_REQUEST = 64, 512, 384, 432, 512  # bytes
REPORT_KEY, SEAL_KEY = 3, 4  # KEYNAME
BY_MEASUREMENT, BY_SIGNER = 1, 2  # KEYPOLICY
_ALWAYS = INIT | DEBUG  # attributes that every key depends on: a debug enclave never has a release enclave's keys
_KEY_ID, _MAC = 32, 16


class Refused(Exception):
    """The processor would refuse this request; the text says why."""


def body(identity: Identity, report_data: bytes) -> bytes:
    """A report body of 384 bytes. The level stands in ISVFAMILYID, so that it is signed."""
    found = bytearray(BODY)
    found[0:16] = bytes((7,) * 16)  # CPUSVN, as in the PCK certificate
    struct.pack_into("<I", found, 16, identity.misc_select)
    found[32:48] = identity.extended_product_id
    struct.pack_into("<QQ", found, 48, *identity.attributes)
    found[64:96] = identity.measurement
    found[128:160] = identity.signer
    struct.pack_into("<HH", found, 256, identity.product_id, identity.security_version)
    found[304:320] = identity.level.encode().ljust(16, b"\0")
    found[320:384] = report_data
    return bytes(found)


def report(secret: bytes, identity: Identity, target: bytes, report_data: bytes, key_id: bytes) -> bytes:
    """EREPORT: a report that the enclave named by TARGETINFO can check with its own report key."""
    made = body(identity, report_data) + key_id
    attributes = struct.unpack_from("<QQ", target, 32)
    misc = struct.unpack_from("<I", target, 52)[0]
    key = _report_key(secret, target[:32], attributes, misc, key_id)
    return made + hmac.digest(key, made[:BODY], "sha256")[:_MAC]


def key(secret: bytes, identity: Identity, request: bytes) -> bytes:
    """EGETKEY: a key that no other enclave can have. Raises Refused."""
    name, policy, svn = struct.unpack_from("<HHH", request)
    key_id = request[40 : 40 + _KEY_ID]
    if name == REPORT_KEY:
        return _report_key(secret, identity.measurement, identity.attributes, identity.misc_select, key_id)
    if name != SEAL_KEY:
        raise Refused(f"a key of name {name} is not known")
    if policy not in (BY_MEASUREMENT, BY_SIGNER, BY_MEASUREMENT | BY_SIGNER):
        raise Refused("a sealing key is bound to the measurement, to the signer, or to both")
    if svn > identity.security_version:
        raise Refused(f"security version {svn} is above this enclave's own, {identity.security_version}")
    flags, xfrm = struct.unpack_from("<QQ", request, 24)
    misc = struct.unpack_from("<I", request, 72)[0]
    fields = struct.pack(
        "<HHHHQQQQI16s",
        name,
        policy,
        svn,
        identity.product_id,
        identity.attributes[0] & (flags | _ALWAYS),
        identity.attributes[1] & xfrm,
        flags,
        xfrm,
        identity.misc_select & misc,
        identity.extended_product_id,
    )
    measurement = identity.measurement if policy & BY_MEASUREMENT else bytes(32)
    signer = identity.signer if policy & BY_SIGNER else bytes(32)
    return _derive(secret, fields, measurement, signer, identity.level.encode(), key_id)


def _report_key(secret: bytes, measurement: bytes, attributes: tuple[int, int], misc: int, key_id: bytes) -> bytes:
    fields = struct.pack("<HQQI", REPORT_KEY, attributes[0], attributes[1], misc)
    return _derive(secret, fields, measurement, key_id)


def _derive(secret: bytes, *fields: bytes) -> bytes:
    """HMAC over fields that cannot be mistaken for one another."""
    mixed = hashlib.sha256()
    for field in fields:
        mixed.update(len(field).to_bytes(4, "little") + field)
    return hmac.digest(secret, b"gotee simulated processor" + mixed.digest(), "sha256")
