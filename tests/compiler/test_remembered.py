"""A partition that was made before is used again exactly as long as the program is what it was."""

from __future__ import annotations

import ast
import gc
import json
from pathlib import Path
from typing import Any

import pytest

from gotee.compiler import closure, remembered, statements
from gotee.compiler import program as reading
from gotee.compiler.partition import Partition
from gotee.errors import CompileError
from gotee.image import cache
from gotee.syntax.rewrite import rewrite

FILES = {
    "main.py": "from lib import value\nfrom pathlib import Path\n"
    "try:\n    import extra\nexcept ImportError:\n    extra = 0\n"
    "def entry():\n    return value(), extra, (Path(__file__).parent / 'texts' / 'a.txt').read_text()\n",
    "lib.py": "def value():\n    return 1\ndef planted():\n    return 2\n",
    "texts/a.txt": "a",
}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write(tmp_path / "program", FILES)
    return tmp_path / "program"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def slice_it(program: Path) -> Partition:
    return remembered.sliced(program, "main", "entry", None)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the compiler was asked to look at."""
    asked: list[str] = []

    def slice_of(root: Path, module: str, function: str) -> Any:
        asked.append(function)
        return real(root, module, function)

    real = closure.slice_of
    monkeypatch.setattr(closure, "slice_of", slice_of)
    return asked


def test_an_unchanged_program_is_not_looked_at_again(program: Path, looked: list[str], tmp_path: Path) -> None:
    first = slice_it(program)
    (program / "unrelated.py").write_text("x = 1\n")
    assert slice_it(program) == first
    assert looked == ["entry"]
    out = tmp_path / "out"
    checked = remembered.sliced(program, "main", "entry", out)  # the names of a slice that is written are checked once
    assert remembered.sliced(program, "main", "entry", out) == checked == first
    assert looked == ["entry", "entry"]


CHANGES = {
    "a file": {"lib.py": "def value():\n    return planted()\ndef planted():\n    return 2\n"},
    "a module that was not there": {"extra.py": "x = 1\n"},
    "a package in front of a module": {"lib/__init__.py": "def value():\n    return 3\n"},
    "a file of data": {"texts/b.txt": "b"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(program: Path, change: str) -> None:
    before = slice_it(program)
    write(program, CHANGES[change])
    after = slice_it(program)
    assert after != before
    assert after == closure.slice_of(program, "main", "entry").partition


def test_a_file_that_is_gone_is_noticed(program: Path) -> None:
    slice_it(program)
    (program / "texts/a.txt").unlink()
    assert slice_it(program).data == []
    (program / "main.py").unlink()
    with pytest.raises(CompileError, match="GT306"):
        slice_it(program)


def test_an_entry_that_is_damaged_or_of_another_shape_is_none(program: Path, looked: list[str]) -> None:
    first = slice_it(program)
    (entry,) = (file for file in (cache.folder() / "partitions").rglob("*") if file.is_file())
    good = json.loads(entry.read_bytes()[32:])
    partition = good["partition"]
    broken: list[Any] = [
        [],
        {**good, "asked": None},
        {**good, "asked": [["run this", "/"]]},
        {**good, "partition": {**partition, "entries": [["main"]]}},
        {**good, "partition": {**partition, "modules": {"main": {"source": 1, "file": "", "package": False}}}},
        {**good, "partition": {**partition, "packages": "os"}},
    ]
    for number, each in enumerate(broken, 2):
        cache.write("partitions", entry.name, json.dumps(each).encode())
        assert slice_it(program) == first
        assert len(looked) == number
    entry.write_bytes(entry.read_bytes()[:-1])
    assert slice_it(program) == first
    assert len(looked) == len(broken) + 2


def test_a_program_that_runs_and_a_command_share_no_entry(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one may have changed the standard library under the compiler's feet."""
    remembered.partition(program / "main.py", "program")
    monkeypatch.setattr(closure, "analysis_of", lambda *program: pytest.fail("looked at anew"))
    remembered.partition(program / "main.py", "program")
    with pytest.raises(pytest.fail.Exception, match="looked at anew"):
        remembered.partition(program / "main.py")


def trees() -> int:
    gc.collect()
    return sum(isinstance(each, ast.Module) for each in gc.get_objects())


def test_nothing_of_a_program_that_was_looked_at_stays_in_the_process(program: Path) -> None:
    statements.forget()
    before = trees()
    slice_it(program)
    remembered.partition(program / "main.py")
    assert trees() == before


def test_valid_python_is_not_searched_for_keyword_forms(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    monkeypatch.setattr(reading, "rewrite", lambda text, name: searched.append(Path(name).name) or rewrite(text, name))
    (program / "main.py").write_text("from gotee import gosecure\n" + FILES["main.py"])
    (program / "lib.py").write_text("from gotee import gosecure\ndef f(): gosecure value()\n" + FILES["lib.py"])
    slice_it(program)
    assert searched == ["lib.py"]
