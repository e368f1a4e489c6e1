"""A TPM 2.0 quote: bytes of message, signature and PCR values to fields. Both worlds.

Called by `tpm`, which says whether it is genuine. TPM 2.0 Library, part 2: TPMS_ATTEST, TPMT_SIGNATURE.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass

from gotee.attestation import der
from gotee.attestation.encoding import from_hex, from_json
from gotee.attestation.refusals import refuse

MAGIC, ATTEST_QUOTE = 0xFF544347, 0x8018
SHA1, SHA256, SHA384, SHA512 = 0x0004, 0x000B, 0x000C, 0x000D
HASHES = {SHA256: "sha256", SHA384: "sha384", SHA512: "sha512"}
SIZES = {SHA256: 32, SHA384: 48, SHA512: 64}
RSASSA, RSAPSS, ECDSA = 0x0014, 0x0016, 0x0018
_PCRS = 24


@dataclass(frozen=True)
class TpmQuote:
    """A quote's fields. `selection` has a bank and its PCR numbers, in the order of the digest."""

    signer: bytes
    extra_data: bytes
    firmware: int
    selection: tuple[tuple[int, tuple[int, ...]], ...]
    digest: bytes


@dataclass(frozen=True)
class TpmSignature:
    """A signature: for RSA one number's bytes, for ECDSA r and s, big-endian."""

    algorithm: int
    hash: int
    values: tuple[bytes, ...]


class Reader:
    """Takes fields off the front of bytes; whatever does not fit is refused."""

    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.what, self.at = data, what, 0

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        if self.at + length > len(self.data):
            refuse("format", f"{self.what} is cut short")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, length: int) -> int:
        """The next number, big-endian."""
        return int.from_bytes(self.take(length), "big")

    def sized(self) -> bytes:
        """The next bytes, which two bytes of length precede."""
        return self.take(self.number(2))

    def end(self) -> None:
        """Nothing may follow."""
        if self.at != len(self.data):
            refuse("trailing", f"{self.what} is followed by other bytes")


def read_quote(data: bytes) -> TpmQuote:
    """The fields of a TPMS_ATTEST of type quote, exactly. Raises EvidenceMalformed."""
    reader = Reader(data, "the TPM message")
    if reader.number(4) != MAGIC or reader.number(2) != ATTEST_QUOTE:
        refuse("format", "the TPM message is no quote made by a TPM")
    signer, extra = reader.sized(), reader.sized()
    reader.take(16)  # clock, resetCount, restartCount
    if reader.number(1) > 1:  # TPMI_YES_NO safe
        refuse("format", "the TPM message's clock is malformed")
    firmware = reader.number(8)
    banks: list[tuple[int, tuple[int, ...]]] = []
    for _ in range(_at_most(reader.number(4), 16)):
        bank = reader.number(2)
        bits = int.from_bytes(reader.take(_at_most(reader.number(1), 4)), "little")
        banks.append((bank, tuple(number for number in range(32) if bits >> number & 1)))
    digest = reader.sized()
    reader.end()
    return TpmQuote(signer, extra, firmware, tuple(banks), digest)


def _at_most(count: int, most: int) -> int:
    return count if count <= most else refuse("format", f"a TPM list has {count} entries")


def read_signature(data: bytes) -> TpmSignature:
    """A TPMT_SIGNATURE, or a bare signature with SHA-256: RSASSA as Azure sends them, or ECDSA in DER."""
    if len(data) in (256, 384, 512):
        return TpmSignature(RSASSA, SHA256, (data,))
    if data[:1] == bytes((der.SEQUENCE,)) and len(data) > 8:
        return TpmSignature(ECDSA, SHA256, _der_signature(data))
    reader = Reader(data, "the TPM signature")
    algorithm, digest = reader.number(2), reader.number(2)
    if algorithm not in (RSASSA, RSAPSS, ECDSA):
        refuse("part-format", f"TPM signature algorithm {algorithm:#06x} is not known")
    if digest not in HASHES:
        refuse("weak-hash", f"the TPM signature uses hash {digest:#06x}")
    values = (reader.sized(), reader.sized()) if algorithm == ECDSA else (reader.sized(),)
    reader.end()
    return TpmSignature(algorithm, digest, values)


def _der_signature(data: bytes) -> tuple[bytes, ...]:
    numbers = der.items(der.only(data, der.SEQUENCE, "the signature"), "the signature")
    if [tag for tag, _ in numbers] != [der.INTEGER, der.INTEGER]:
        refuse("part-format", "the signature is no pair of numbers")
    return tuple(value for _, value in numbers)


def read_pcrs(data: bytes, selection: tuple[tuple[int, tuple[int, ...]], ...]) -> dict[tuple[int, int], bytes]:
    """PCR values by (bank, number).

    JSON {"NUMBER": hex}, the selected values in a row, 24 SHA-256 values, or the file of tpm2_quote --pcr.
    """
    chosen = [(bank, number) for bank, numbers in selection for number in numbers]
    sizes = [SIZES.get(bank, 0) for bank, _ in chosen]
    text = data[:1] in (b"{", b"[") and data.isascii()
    if chosen and len(data) == sum(sizes) and not text:
        ends = list(itertools.accumulate(sizes))
        return {each: data[end - size : end] for each, size, end in zip(chosen, sizes, ends, strict=True)}
    if text:
        return _json_pcrs(data, selection)
    if len(data) == _PCRS * 32:
        return {(SHA256, number): data[32 * number : 32 * number + 32] for number in range(_PCRS)}
    return _tool_pcrs(data, selection)


def _json_pcrs(data: bytes, selection: tuple[tuple[int, tuple[int, ...]], ...]) -> dict[tuple[int, int], bytes]:
    banks = [bank for bank, numbers in selection if numbers]
    if len(banks) != 1:
        refuse("part-format", "JSON has the PCR values of one bank, and the quote selects from several")
    wrapped = from_json(data if data[:1] == b"{" else b'{"list":' + data + b"}", "part `pcrs`", "part-format")
    listed = wrapped.get("list")
    found = dict(enumerate(listed)) if isinstance(listed, list) else wrapped
    values: dict[tuple[int, int], bytes] = {}
    for key, value in found.items():
        if not str(key).isdecimal() or len(str(key)) > 2:
            refuse("part-format", "part `pcrs` has a key that is no PCR number")
        values[banks[0], int(key)] = from_hex(value, "a PCR value", "part-format")
    return values


def _tool_pcrs(data: bytes, selection: tuple[tuple[int, tuple[int, ...]], ...]) -> dict[tuple[int, int], bytes]:
    """tpm2-tools writes its structures in memory: TPML_PCR_SELECTION, then a count of TPML_DIGEST, little-endian."""
    if len(data) < 136:
        refuse("part-format", "part `pcrs` is cut short")
    banks = struct.unpack_from("<I", data)[0]
    lists = struct.unpack_from("<I", data, 132)[0]
    if not 1 <= banks <= 16 or not 1 <= lists <= 32 or len(data) != 136 + 532 * lists:
        refuse("part-format", "part `pcrs` is of no known form")
    chosen: list[tuple[int, tuple[int, ...]]] = []
    for number in range(banks):
        bank, size = struct.unpack_from("<HB", data, 4 + 8 * number)
        bits = int.from_bytes(data[7 + 8 * number : 10 + 8 * number], "little")
        chosen.append((bank, tuple(pcr for pcr in range(_PCRS) if bits >> pcr & 1)))
        if size != 3 or any(data[10 + 8 * number : 12 + 8 * number]):
            refuse("part-format", "part `pcrs` selects from other than 24 PCRs")
    if tuple(chosen) != selection or any(data[4 + 8 * banks : 132]):
        refuse("pcr-selection", "part `pcrs` is of another selection than the quote")
    digests: list[bytes] = []
    for each in range(lists):
        at = 136 + 532 * each
        count = _at_most(struct.unpack_from("<I", data, at)[0], 8)
        for place in range(8):
            start = at + 4 + 66 * place
            size = _at_most(struct.unpack_from("<H", data, start)[0], 64) if place < count else -2
            digests += [data[start + 2 : start + 2 + size]] if place < count else []
            if any(data[start + 2 + size : start + 66]):  # the tools write whole structures, zero where nothing is
                refuse("part-format", "part `pcrs` has something where a digest has ended")
    wanted = [(bank, pcr) for bank, numbers in chosen for pcr in numbers]
    if len(wanted) != len(digests):
        refuse("part-format", "part `pcrs` has another number of values than it selects")
    return dict(zip(wanted, digests, strict=True))
