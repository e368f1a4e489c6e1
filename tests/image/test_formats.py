"""Stream, signature, parts and manifest: one canonical form each, and everything else is an ImageError."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotee.cli import inspect
from gotee.errors import ImageError
from gotee.image import describe, manifest, pages, parts, sgxs, sigstruct
from gotee.image.build import Built
from gotee.image.changes import changes
from gotee.image.files import ImageFile
from gotee.image.sgxs import PAGE, REG, Page, R, Stream

REAL = Path(__file__).parent / "evidence" / "fortanix_test_enclave.sig"


def test_a_real_signature_reads_verifies_and_is_written_again() -> None:
    data = REAL.read_bytes()
    found = sigstruct.from_bytes(data)
    found.verify()
    assert found.to_bytes() == data
    assert found.enclave_hash.hex().startswith("784acfd7") and found.enclave_hash.hex().endswith("98fc")
    assert found.signer.hex().startswith("fb4bab3d") and found.signer.hex().endswith("5542")
    assert (found.date, found.debug) == (20161214, False)


@pytest.mark.parametrize("offset", [0, 20, 40, 128, 512, 516, 900, 928, 944, 960, 1024, 1026, 1040, 1424, 1807])
def test_flipped_bits_of_a_signature_are_refused(offset: int) -> None:
    data = bytearray(REAL.read_bytes())
    data[offset] ^= 1
    with pytest.raises(ImageError):
        sigstruct.from_bytes(bytes(data)).verify()


def test_the_date_is_that_of_source_date_epoch_or_a_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {"": 20000101, "0": 19700101, "1700000000": 20231114, "253402300799": 99991231}
    for epoch, date in expected.items():
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        assert sigstruct.date_of_build() == date
    for epoch in ("-5", "x", "1.5", " 1", "\u0663", "253402300800", "9" * 30, "9" * 5000):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        with pytest.raises(ImageError, match="SOURCE_DATE_EPOCH"):
            sigstruct.date_of_build()


def test_quotients_are_those_of_the_manual() -> None:
    found = sigstruct.from_bytes(REAL.read_bytes())
    n, s = int.from_bytes(found.modulus, "little"), int.from_bytes(found.signature, "little")
    q1, q2 = int.from_bytes(found.q1, "little"), int.from_bytes(found.q2, "little")
    assert q1 == s * s // n
    assert s**3 - (q1 * s + q2) * n == pow(s, 3, n)


def test_every_field_of_a_development_signature_is_where_the_manual_has_it(built: Built, signature: bytes) -> None:
    number = {name: int.from_bytes(signature[start:end], "little") for name, start, end in SIGSTRUCT}
    n, s, q1, q2 = (number.pop(name) for name in ("modulus", "signature", "q1", "q2"))
    assert (q1, q2) == (s * s // n, (s**3 - s * s // n * s * n) // n)
    digest = hashlib.sha256(signature[:128] + signature[900:1028]).hexdigest()
    assert f"{pow(s, 3, n):0768x}" == f"0001{'ff' * 330}003031300d060960864801650304020105000420{digest}"
    assert signature[960:992] == hashlib.sha256(built.stream).digest()
    assert signature[:16].hex() + signature[24:40].hex() == HEADERS
    ones, number["date"] = (1 << 64) - 1, 0
    expected = {"exponent": 3, "miscmask": 0xFFFFFFFF, "flags": DEBUG | 4, "xfrm": 3, "flags mask": ones}
    assert number == {**dict.fromkeys(number, 0), **expected, "xfrm mask": ones ^ 3}


HEADERS = "06000000e1000000000001000000000001010000600000006000000001000000"
DEBUG = 2
SIGSTRUCT = (
    ("vendor", 16, 20), ("date", 20, 24), ("software", 40, 44), ("zeros", 44, 128), ("modulus", 128, 512),
    ("exponent", 512, 516), ("signature", 516, 900), ("miscselect", 900, 904), ("miscmask", 904, 908),
    ("cet", 908, 912), ("family", 912, 928), ("flags", 928, 936), ("xfrm", 936, 944),
    ("flags mask", 944, 952), ("xfrm mask", 952, 960),
    ("more zeros", 992, 1008), ("extended product", 1008, 1024), ("product", 1024, 1026), ("version", 1026, 1028),
    ("last zeros", 1028, 1040), ("q1", 1040, 1424), ("q2", 1424, 1808),
)  # fmt: skip


def test_measurement_is_what_adding_and_extending_page_by_page_gives(built: Built) -> None:
    digest = hashlib.sha256()
    stream = sgxs.read(built.stream)
    digest.update(b"ECREATE\0" + stream.ssa_frame_size.to_bytes(4, "little") + stream.size.to_bytes(8, "little"))
    digest.update(bytes(44))
    for page in stream.pages:
        head = b"EADD\0\0\0\0" + page.offset.to_bytes(8, "little") + page.flags.to_bytes(8, "little")
        digest.update(head + bytes(40))
        for start in range(0, PAGE, 256):
            digest.update(b"EEXTEND\0" + (page.offset + start).to_bytes(8, "little") + bytes(48))
            digest.update(page.content[start : start + 256])
    assert digest.digest() == built.measurement == sgxs.measurement(built.stream)


def test_the_page_of_a_thread_is_laid_out_as_the_processor_reads_it(built: Built) -> None:
    data = built.stream
    thread = data[-2 * 5184 : -5184]  # the last page is that of its SSA
    assert int.from_bytes(thread[16:24], "little") == 0x100  # SECINFO: a TCS, and no rights
    at = int.from_bytes(thread[8:16], "little")
    page = b"".join(thread[64 + number * 320 :][64:320] for number in range(16))
    number = {name: int.from_bytes(page[start:end], "little") for name, start, end in TCS}
    assert number.pop("OSSA") == at + PAGE
    assert number == {"NSSA": 1, "FSLIMIT": 0xFFF, "GSLIMIT": 0xFFF, **dict.fromkeys(MUST_BE_ZERO, 0)}


MUST_BE_ZERO = ("STATE", "FLAGS", "CSSA", "OENTRY", "AEP", "OFSBASE", "OGSBASE", "RESERVED")
TCS = (
    ("STATE", 0, 8), ("FLAGS", 8, 16), ("OSSA", 16, 24), ("CSSA", 24, 28), ("NSSA", 28, 32), ("OENTRY", 32, 40),
    ("AEP", 40, 48), ("OFSBASE", 48, 56), ("OGSBASE", 56, 64), ("FSLIMIT", 64, 68), ("GSLIMIT", 68, 72),
    ("RESERVED", 72, 4096),
)  # fmt: skip


def test_a_changed_stream_is_refused_or_measures_differently(built: Built) -> None:
    chance = random.Random(7)
    places = [*range(0, 200, 7), *(chance.randrange(len(built.stream)) for _ in range(40))]
    for place in places:
        changed = bytearray(built.stream)
        changed[place] ^= 1 << chance.randrange(8)
        assert sgxs.measurement(bytes(changed)) != built.measurement


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data + data[64:5248],
        lambda data: data[:64],
        lambda data: b"",
        lambda data: data[5248:],
        lambda data: data[:12] + (3).to_bytes(8, "little") + data[20:],
        lambda data: data[:40] + b"\1" + data[41:],
        lambda data: data[:64] + data[5248:10432] + data[64:5248] + data[10432:],
        lambda data: data[: 64 + 16] + (0x201 | 4 | 2).to_bytes(8, "little") + data[64 + 24 :],
    ],
)
def test_streams_that_are_not_canonical_are_refused(built: Built, change: object) -> None:
    with pytest.raises(ImageError):
        sgxs.read(change(built.stream))  # type: ignore[operator]


@given(st.binary(max_size=400))
def test_readers_raise_nothing_but_imageerror(data: bytes) -> None:
    for read in (sgxs.read, parts.unpack, manifest.decode, pages.contents_of):
        with pytest.raises(ImageError):
            read(data)
    with pytest.raises(ImageError):
        sigstruct.from_bytes(data.ljust(1808, b"\0")[:1808]).verify()


@given(st.data())
def test_damaged_images_raise_nothing_but_imageerror(built: Built, data: st.DataObject) -> None:
    contents, _ = pages.contents_of(built.stream)
    block = bytes(parts.unpack(contents, padded=True)["manifest"])
    for whole, read in ((contents[:6000], parts.unpack), (block[:3000], manifest.decode)):
        place = data.draw(st.integers(0, len(whole) - 1))
        changed = whole[:place] + data.draw(st.binary(max_size=6)) + whole[place + data.draw(st.integers(0, 3)) :]
        try:
            read(changed)
        except ImageError:
            pass


@given(st.dictionaries(st.text("abc/ .", min_size=1, max_size=6), st.binary(max_size=20), max_size=5))
def test_parts_arrive_as_they_were_packed(content: dict[str, bytes]) -> None:
    found = parts.unpack(parts.pack(content))
    assert {name: bytes(part) for name, part in found.items()} == content


def test_a_page_that_is_none_is_refused() -> None:
    good = Page(0, REG | R, bytes(PAGE))
    for page in (good._replace(offset=1), good._replace(flags=0), good._replace(content=b"")):
        with pytest.raises(ImageError):
            sgxs.write(Stream(1, 8192, (page,)))
    with pytest.raises(ImageError):
        sgxs.write(Stream(1, 8192, (good, good)))


def test_the_manifest_says_the_same_after_reading_it_again(built: Built) -> None:
    again = manifest.decode(built.manifest.encode())
    assert (again.program, again.digest) == (built.manifest.program, built.manifest.digest)
    assert sorted(again.files) == sorted(built.manifest.files)


ODD: list[object] = [None, True, -1, 1 << 70, 1.5, "", "x\x1b[2J", "\ud800", [], {}, [1], {"a": 1}, ["x", "x"]]


def test_an_image_that_says_odd_things_of_itself_is_refused_or_described(built: Built) -> None:
    whole = json.loads(built.manifest.encode())
    whole["files"] = whole["files"][:3]
    signed = ImageFile(_stream_with(whole), None)
    assert not describe.difference(signed, signed)
    refused = 0
    for path in _places(whole):
        for value in ODD:
            changed = copy.deepcopy(whole)
            holder = functools.reduce(lambda found, key: found[key], path[:-1], changed)
            holder[path[-1]] = value
            image = ImageFile(_stream_with(changed), None)
            try:
                for line in (*inspect._lines(describe.report(image)), *describe.difference(image, signed)):
                    assert inspect.plain(line).isprintable()
                describe.difference(signed, image)
            except ImageError:
                refused += 1
        if isinstance(holder, dict):  # a key that is missing
            changed = copy.deepcopy(whole)
            del functools.reduce(lambda found, key: found[key], path[:-1], changed)[path[-1]]
            try:
                describe.difference(ImageFile(_stream_with(changed), None), signed)
            except ImageError:
                refused += 1
    assert refused > 300


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each thing in plain data."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from _places(value[key], (*path, key))


def _stream_with(manifest: dict[str, Any]) -> bytes:
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    return pages.stream_of(parts.pack({"boot": b"", "loading": b"", "manifest": text}), 1)


def described(source: str, **fields: Any) -> ImageFile:
    """A small image with this trusted source."""
    program = {"name": "app", "entries": [["app", "f"]], "interface": ["app:f() -> int"], "threads": 1}
    program |= {"main": "app", "gotee": "0", "error_key": "", "limits": {}, "policy": {"ocalls": {}}}
    program |= {"modules": {}, "distributions": {}, "data": {}, "absent": [], "host_only": [], "overrides": []}
    program |= fields
    python = {"implementation": "cpython", "version": "3", "magic": "00", "machine": "m"}
    whole = manifest.canonical({"format": manifest.FORMAT, "program": program, "python": python, "files": []})
    block = {
        "manifest": whole,
        "source /program/app.py": source.encode(),
        "module app /program/app.py": source.encode(),
    }
    return ImageFile(pages.stream_of(parts.pack({**block, "boot": b"", "loading": b""}), 1), None)


def test_changes_are_told_by_definition_field_and_item() -> None:
    old = described("import a\nN = 1\ndef f(): return N\ndef g(): pass\n", limits={"depth": 3})
    new = described("import a\nN = 1\n\ndef f(): return 2\nclass C: pass\n", limits={"items": 4}, absent=["x"])
    told = [
        "+ app:C",
        "~ app:f",
        "- app:g",
        "+ program absent: x",
        "- program limits depth 3",
        "+ program limits items 4",
    ]
    assert changes(old, new) == told
    assert changes(old, old) == []
    moved = described("import a\n\nN = 1\ndef f(): return N  # why\ndef g(): pass\n", limits={"depth": 3})
    assert changes(old, moved) == ["~ app: the same code on other lines, or with other comments"]
    renamed = described("import a\nN = 1\ndef f(): return N\ndef g(): pass\n", limits={"depth": 4}, name="other")
    assert changes(old, renamed) == ["~ program limits depth: 3 | 4", "~ program name: app | other"]
    assert describe.difference(old, renamed) == ["program limits depth: 3 | 4", "program name: app | other"]
