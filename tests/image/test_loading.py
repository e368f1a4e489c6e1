"""The platform loads only what was measured and signed, and what it verified is what runs."""

from __future__ import annotations

import fcntl
import mmap
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gotee.errors import ImageError
from gotee.image import load as loading_module
from gotee.image import sigstruct
from gotee.image import stamps as stamping
from gotee.image.build import Built
from gotee.image.load import Loaded, load
from gotee.image.manifest import CHECKSUM
from gotee.image.sign import for_development, signed, unsigned


@pytest.fixture
def loaded(built: Built, signature: bytes) -> Iterator[Loaded]:
    found = load(built.stream, signature, built.places)
    yield found
    for descriptor in found.descriptors:
        os.close(descriptor)


def test_everything_is_copied_into_sealed_memory(loaded: Loaded) -> None:
    """Its descriptors only read, and so does each that somebody else can open."""
    for descriptor in loaded.descriptors:
        writes = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)
        for attempt in (lambda d: os.write(d, b"x"), lambda d: os.ftruncate(d, 0)):
            with pytest.raises(PermissionError):
                attempt(writes)
        os.close(writes)
    for descriptor in (*loaded.archives.values(), *loaded.natives.values()):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(descriptor, b"x")
        with pytest.raises(PermissionError):
            mmap.mmap(descriptor, 4096)


def test_copies_are_the_files_that_the_manifest_names(loaded: Loaded) -> None:
    import hashlib

    for path, descriptor in (*loaded.natives.items(), *loaded.archives.items()):
        data, listed = os.pread(descriptor, 1 << 28, 0), loaded.manifest.one(path)
        assert hashlib.sha256(data).hexdigest() == (listed.loaded_sha256 or listed.sha256)
        assert len(data) == (listed.loaded or listed.size)


def test_symbols_for_debuggers_are_compared_and_not_loaded(built: Built, signature: bytes, tmp_path: Path) -> None:
    file = max(built.manifest.files, key=lambda file: file.size - (file.loaded or file.size))
    if file.loaded == file.size:
        pytest.skip("no file of this base has symbols")
    changed = tmp_path / "changed"
    data = bytearray(Path(built.places[file.path]).read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    loading = loading_module.Loading(built.stream, signature, {**built.places, file.path: str(changed)})
    for stage in loading_module.STAGES[:-1]:
        loading.finish(stage)
    with pytest.raises(ImageError, match=file.path):
        loading.finish(loading_module.NAMED)


def test_what_is_never_loaded_is_compared_again_only_when_it_has_changed(
    built: Built, signature: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = next(file for file in built.manifest.files if file.path == "/standard/json/decoder.py")
    copy = tmp_path / "decoder.py"
    shutil.copyfile(built.places[source.path], copy)
    before = copy.stat()
    places = {**built.places, source.path: str(copy)}
    monkeypatch.setattr(stamping, "SETTLED", 0)
    compared: list[str] = []
    real = loading_module._compare

    def compare(file: Any, *rest: Any) -> None:
        compared.append(file.path)
        real(file, *rest)

    monkeypatch.setattr(loading_module, "_compare", compare)

    def all_of_it(stamps: dict[str, str]) -> dict[str, str]:
        loading = loading_module.Loading(built.stream, signature, places, recall=lambda _: stamps)
        for stage in loading_module.STAGES:
            loading.finish(stage)
        for descriptor in loading.loaded.descriptors:
            os.close(descriptor)
        return loading.stamps

    stamps = all_of_it({})
    assert set(stamps) >= set(compared) >= {file.path for file in built.manifest.files if file.role == "source"}
    compared.clear()
    assert all_of_it(stamps) == stamps
    assert compared == []
    copy.write_bytes(copy.read_bytes().replace(b"import", b"Import", 1))
    os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))  # size, inode and time are the old ones: not the change
    with pytest.raises(ImageError, match=source.path):
        all_of_it(stamps)
    assert compared == [source.path]


REST_FILE = "/standard/standard.archive"


@pytest.fixture
def remembered(
    built: Built, signature: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[loading_module.Loading, Path]]:
    """An image all of whose files were right before, and a file of it that no start needs."""
    copy = tmp_path / "archive"
    shutil.copyfile(built.places[REST_FILE], copy)
    places = {**built.places, REST_FILE: str(copy)}
    monkeypatch.setattr(stamping, "SETTLED", 0)

    def verified(stamps: dict[str, str]) -> loading_module.Loading:
        loading = loading_module.Loading(built.stream, signature, places, recall=lambda _: stamps)
        for stage in loading_module.STAGES:
            loading.finish(stage)
        return loading

    first = verified({})
    loading_module._close(first.loaded.descriptors)
    loading = verified(first.stamps)
    yield loading, copy
    loading_module._close(loading.loaded.descriptors)


def place_of(loaded: Loaded, path: str) -> int:
    return (*loaded.archives, *loaded.natives).index(path)


def test_a_file_that_no_start_needs_stays_empty_until_it_is_asked_for(
    remembered: tuple[loading_module.Loading, Path],
) -> None:
    loading, copy = remembered
    number = loading.loaded.archives[REST_FILE]
    assert number in loading.empty and os.fstat(number).st_size == 0
    assert fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY  # an enclave has it by now
    for _ in range(2):
        loading.fill(place_of(loading.loaded, REST_FILE))
        assert os.pread(number, 1 << 28, 0) == copy.read_bytes()[CHECKSUM:]
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(number, b"x")
    assert number not in loading.empty
    needed = loading.loaded.natives["/base/python"]
    assert needed not in loading.empty and os.fstat(needed).st_size > 0


def test_a_file_that_was_changed_before_it_is_asked_for_is_refused(
    remembered: tuple[loading_module.Loading, Path],
) -> None:
    loading, copy = remembered
    copy.write_bytes(copy.read_bytes()[:-1] + b"!")
    with pytest.raises(ImageError, match=REST_FILE):
        loading.fill(place_of(loading.loaded, REST_FILE))


def test_an_enclave_asks_only_for_files_of_its_image(remembered: tuple[loading_module.Loading, Path]) -> None:
    with pytest.raises(ImageError, match="asks for file"):
        remembered[0].fill(1 << 20)


def test_a_file_that_was_changed_just_now_is_compared_the_next_time_too(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"new")
    assert stamping.stamp("", os.stat(file)) is None


def test_a_signature_of_another_image_is_refused(built: Built) -> None:
    with pytest.raises(ImageError, match="not that of this image"):
        load(built.stream, for_development(bytes(32)), built.places)


def test_a_changed_signature_is_refused(built: Built, signature: bytes) -> None:
    changed = sigstruct.from_bytes(signature)._replace(security_version=9).to_bytes()
    with pytest.raises(ImageError, match="signature is wrong"):
        load(built.stream, changed, built.places)


def test_a_release_signature_that_lets_debug_through_is_refused(built: Built, tmp_path: Path) -> None:
    from gotee.image import keys

    key = tmp_path / "release.pem"
    keys.make(key)
    structure = unsigned(built.measurement, product_id=1, security_version=2, debug=False)
    weak = structure._replace(attribute_mask=(structure.attribute_mask[0] & ~sigstruct.DEBUG, 0))
    with pytest.raises(ImageError, match="DEBUG"):
        load(built.stream, signed(weak, key).to_bytes(), built.places)
    found = load(built.stream, signed(structure, key).to_bytes(), built.places)
    for descriptor in found.descriptors:
        os.close(descriptor)


@pytest.mark.parametrize("role", ["native", "source", "archive"])
@pytest.mark.parametrize("how", ["changed", "shorter", "longer", "absent", "folder", "nowhere"])
def test_a_file_that_is_not_the_one_named_is_refused(
    built: Built, signature: bytes, tmp_path: Path, role: str, how: str
) -> None:
    file = next(file for file in sorted(built.manifest.files) if file.role == role and file.size)
    other = tmp_path / "other"
    shutil.copyfile(built.places[file.path], other)
    data = other.read_bytes()
    if how == "changed":
        other.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif how == "shorter":
        other.write_bytes(data[:-1])
    elif how == "longer":
        other.write_bytes(data + b"x")
    elif how == "absent":
        other.unlink()
    elif how == "folder":
        other.unlink()
        other.mkdir()
    places = {path: place for path, place in built.places.items() if path != file.path}
    if how != "nowhere":
        places[file.path] = str(other)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ImageError, match=file.path):
        load(built.stream, signature, places)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_swapped_after_the_check_changes_nothing(
    built: Built, signature: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack: another file under the same name as soon as the first was verified."""
    file = next(file for file in sorted(built.manifest.files) if file.role == "native")
    path = tmp_path / "library"
    shutil.copyfile(built.places[file.path], path)
    honest = path.read_bytes()
    real = loading_module._copy

    def copy_and_swap(listed: Any, place: str, *rest: Any) -> Any:
        digest = real(listed, place, *rest)
        if place == str(path):
            path.write_bytes(b"evil".ljust(len(honest), b"!"))
        return digest

    monkeypatch.setattr(loading_module, "_copy", copy_and_swap)
    started = loading_module.Loading(built.stream, signature, {**built.places, file.path: str(path)})
    for stage in loading_module.STAGES[:-1]:
        started.finish(stage)
    found = started.loaded
    assert os.pread(found.natives[file.path], len(honest) + 1, 0) == honest[: file.loaded]
    assert path.read_bytes().startswith(b"evil")
    if file.loaded < file.size:
        with pytest.raises(ImageError, match=file.path):  # closes the descriptors
            started.finish(loading_module.NAMED)
        return
    started.finish(loading_module.NAMED)
    for descriptor in found.descriptors:
        os.close(descriptor)


def test_files_that_only_root_can_write_are_verified_when_they_are_loaded(
    built: Built, signature: bytes, tmp_path: Path
) -> None:
    copy = tmp_path / "archive"
    shutil.copyfile(built.places[REST_FILE], copy)
    copy.write_bytes(copy.read_bytes()[:-1] + b"!")
    places = {**built.places, REST_FILE: str(copy)}
    loading = loading_module.Loading(built.stream, signature, places, sources=False, put_off=set(places))
    for stage in loading_module.STAGES:
        loading.finish(stage)
    assert os.fstat(loading.loaded.natives["/base/python"]).st_size > 0
    assert loading.loaded.archives["/gotee/rooms.archive"] not in loading.empty
    with pytest.raises(ImageError, match=REST_FILE):
        loading.fill(place_of(loading.loaded, REST_FILE))
    loading_module._close(loading.loaded.descriptors)
