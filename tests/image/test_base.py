"""The base lock is read or refused in a sentence; an exported base is the same bytes, and found when it was brought."""

from __future__ import annotations

import json
import sysconfig
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gotee.errors import ImageError
from gotee.image import base, cache, standard

HASH = "ab" * 32


def lock(**changes: Any) -> bytes:
    whole = {"format": base.FORMAT, "python": base._version(), "files": {"/base/x": [1, HASH]}}
    return json.dumps({**whole, **changes}).encode()


NO_ROWS = (None, [], {"x": 1, "y": 2}, [1], [1, HASH, 2], [True, HASH], [1.5, HASH], ["1", HASH], [1, None])


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"\xff\xfe{", b"null", b"[]", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000),
        *(lock(python=None), lock(python={}), lock(python={"implementation": 1, "version": 2})),
        *(lock(files=None), lock(files=[]), *(lock(files={"x": row}) for row in NO_ROWS)),
        *(lock().replace(b"[1,", b"[" + number + b",") for number in (b"1e999", b"NaN", b"9" * 5000)),
    ],
    ids=lambda text: repr(text)[:60],
)
def test_what_is_no_base_lock_is_refused_with_the_cure(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "lock.json").write_bytes(text)
    with pytest.raises(ImageError, match="is no base lock: `gotee base lock"):
        base.read_lock(tmp_path / "lock.json")


def test_a_lock_says_whose_it_is(tmp_path: Path) -> None:
    file = tmp_path / "lock.json"
    file.write_bytes(lock())
    assert base.read_lock(file) == {"/base/x": (1, HASH)}
    file.write_bytes(lock(python={**base._version(), "version": "3.11.0"}))
    with pytest.raises(ImageError, match=r"is of cpython 3\.11\.0, and this is cpython .*: build with the locked"):
        base.read_lock(file)
    file.write_bytes(lock(format=base.FORMAT + 1))
    with pytest.raises(ImageError, match="format that this version does not know"):
        base.read_lock(file)
    with pytest.raises(ImageError, match="cannot be read: No such file"):
        base.read_lock(tmp_path / "absent")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base of two files, and a cache of its own."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    found = {"/base/one": str(tmp_path / "one"), "/standard/two.py": str(tmp_path / "two")}
    monkeypatch.setattr(base, "files", lambda: found)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_an_export_is_the_same_bytes_each_time_and_is_whole_or_not_there(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert base.export(small / "a.tar") == 2
    monkeypatch.setattr("time.time", lambda: 5e9)
    (small / "one").touch()
    base.export(small / "b.tar")
    assert (small / "a.tar").read_bytes() == (small / "b.tar").read_bytes()
    with tarfile.open(small / "a.tar") as archive:
        assert archive.getnames() == ["base.lock.json", "base/one", "standard/two.py"]
    monkeypatch.setattr(base, "read_source", _full_disk)
    with pytest.raises(ImageError, match="cannot be written: No space left"):
        base.export(small / "c.tar")
    assert not [path.name for path in small.iterdir() if "c.tar" in path.name]


def _full_disk(_: str) -> bytes:
    raise OSError(28, "No space left on device")


def test_what_was_brought_is_found_by_its_hash_also_by_images_that_missed_it_before(small: Path) -> None:
    base.export(small / "a.tar")
    hint = cache.folder() / "places" / "1-2-3"
    hint.parent.mkdir(parents=True)
    hint.write_text("an image was refused, and where its files were looked for is remembered")
    assert base.bring(small / "a.tar") == 2
    assert {Path(place).read_text() for place in base.imported().values()} == {"one", "two"}
    assert not hint.exists()


@pytest.mark.parametrize(
    "damage", [lambda data: data[:150], lambda data: data[:80] + b"\0" * 30 + data[110:], lambda _: b"x"]
)
def test_a_damaged_export_is_refused(small: Path, damage: Callable[[bytes], bytes]) -> None:
    base.export(small / "a.tar")
    (small / "a.tar").write_bytes(damage((small / "a.tar").read_bytes()))
    with pytest.raises(ImageError, match="is no exported base"):
        base.bring(small / "a.tar")


@pytest.fixture
def fresh() -> Iterator[None]:
    standard.shared.cache_clear()
    yield
    standard.shared.cache_clear()


def test_extension_modules_are_those_beside_the_library_also_of_an_interpreter_that_was_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None
) -> None:
    monkeypatch.setattr(standard, "library", lambda: tmp_path)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: "/where/it/was/built")
    assert standard.shared() == Path("/where/it/was/built")
    standard.shared.cache_clear()
    (tmp_path / "lib-dynload").mkdir()
    assert standard.shared() == tmp_path / "lib-dynload"
