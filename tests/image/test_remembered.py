"""What is around a program is collected again when, and only when, something of it has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gotee.compiler.remembered import partition
from gotee.image import around, cache, remembered
from gotee.image.build import build
from gotee.image.manifest import ARCHIVE, NATIVE, SOURCE, Listed
from gotee.image.remembered import Around, Wanted

WANTED = Wanted(("parcel.inner",), installed=("parcel",))


class Machine:
    """A folder of installed packages, and how often it was collected."""

    def __init__(self, folder: Path) -> None:
        self.times = 0
        self.folder = folder
        self.package = folder / "site" / "parcel"
        self.library = folder / "libparcel.so"
        self.archive = folder / "archive"
        self.record = folder / "site" / "parcel-1.dist-info" / "RECORD"
        for file in (self.package / "part" / "inner.py", self.library, self.archive, self.record):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("1")
        self.record.with_name("METADATA").write_text("Name: parcel")
        probe, before = folder / "probe", self.record.stat().st_ctime_ns
        while not probe.exists() or probe.stat().st_ctime_ns == before:  # what changes now has another time
            probe.write_text("")

    def collected(self, wanted: Wanted) -> Around:
        self.times += 1
        found = Around()
        inner, metadata = self.package / "part" / "inner.py", self.record.with_name("METADATA")
        for path, place, role in (
            ("/packages/parcel/part/inner.py", inner, SOURCE),
            ("/packages/parcel-1.dist-info/METADATA", metadata, SOURCE),
            ("/packages/parcel.archive", self.archive, ARCHIVE),
        ):
            found.files.append(Listed(path, 1, "0" * 64, role))
            found.places[path] = str(place)
        found.files.append(Listed("/base/lib", 1, "0" * 64, NATIVE, "lib", ("/base/lib",), 1, "1" * 64))
        found.places["/base/lib"] = str(self.library)
        found.pages["boot"] = b"\0\xff"
        found.own_imports = {"os"}
        found.distributions = {"parcel": "1"}
        return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(around, "collected", found.collected)
    monkeypatch.setattr(remembered, "SETTLED", 0)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return found


def test_what_has_not_changed_is_collected_once(machine: Machine) -> None:
    first, second = remembered.around(WANTED), remembered.around(WANTED)
    assert machine.times == 1
    assert vars(first) == vars(second)


def test_another_program_asks_for_other_surroundings(machine: Machine) -> None:
    remembered.around(WANTED)
    remembered.around(WANTED._replace(extra=("pdb",)))
    assert machine.times == 2


def _damage(machine: Machine) -> None:
    (entry,) = [file for file in Path(cache.folder(), remembered.KIND).rglob("*") if file.is_file()]
    entry.write_bytes(entry.read_bytes()[:-1] + b"\1")


def _replaced(file: Path) -> None:
    """Another content of the same length and date."""
    seen = file.stat()
    file.write_text("2")
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))


CHANGES: dict[str, Callable[[Machine], object]] = {
    "a source file": lambda machine: _replaced(machine.package / "part" / "inner.py"),
    "a native file": lambda machine: _replaced(machine.library),
    "an archive is changed": lambda machine: _replaced(machine.archive),
    "an archive is gone": lambda machine: machine.archive.unlink(),
    "a new file beside one": lambda machine: (machine.package / "part" / "other.py").write_text(""),
    "a new file in a folder above": lambda machine: (machine.package / "__init__.py").write_text(""),
    "what a distribution says of its files": lambda machine: _replaced(machine.record),
    "another distribution": lambda machine: (machine.folder / "site" / "more-1.dist-info").mkdir(),
    "the entry is damaged": _damage,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_has_changed_is_collected_again(machine: Machine, change: Callable[[Machine], object]) -> None:
    remembered.around(WANTED)
    change(machine)
    remembered.around(WANTED)
    assert machine.times == 2


def test_a_package_that_would_be_found_first_is_looked_at(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine.folder / "before"
    before.mkdir()
    monkeypatch.syspath_prepend(str(before))
    remembered.around(WANTED)
    (before / "unrelated.py").write_text("")
    remembered.around(WANTED)
    assert machine.times == 1
    (before / "parcel.py").write_text("")
    remembered.around(WANTED)
    assert machine.times == 2


def test_what_was_changed_right_now_is_not_remembered(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "SETTLED", 1 << 62)
    remembered.around(WANTED)
    remembered.around(WANTED)
    assert machine.times == 2


def test_an_image_of_what_was_remembered_is_the_same(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "SETTLED", 0)
    monkeypatch.setattr(remembered, "_stamps", lambda seen: "as they were")  # whatever others do beside this test
    build(partition(program))
    with monkeypatch.context() as nothing_collected:
        nothing_collected.delattr(around, "collected")
        again = build(partition(program))
    monkeypatch.setattr(remembered, "_read", lambda key: None)
    anew = build(partition(program))
    assert (again.stream, again.places, again.own_imports) == (anew.stream, anew.places, anew.own_imports)
