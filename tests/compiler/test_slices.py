"""A slice answers as the whole program does, or is refused: tiny hostile programs, run full and sliced."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cases_asked import CASES as ASKED
from cases_asked import MAY_REFUSE as ASKED_MAY_REFUSE
from cases_combined import CASES as COMBINED
from cases_dynamic import CASES as DYNAMIC
from cases_dynamic import MAY_REFUSE
from cases_effects import CASES as EFFECTS
from cases_files import CASES as FILES
from cases_files import MAY_REFUSE as FILES_MAY_REFUSE
from cases_hidden import CASES as HIDDEN
from cases_hidden import MAY_REFUSE as HIDDEN_MAY_REFUSE
from cases_hooks import CASES as HOOKS
from cases_implicit import CASES as IMPLICIT
from cases_implicit import MAY_REFUSE as IMPLICIT_MAY_REFUSE
from cases_imports import CASES as IMPORTS
from cases_library import CASES as LIBRARY
from cases_modules import CASES as MODULES
from cases_more import CASES as MORE
from cases_registration import CASES as REGISTRATION
from cases_rules import CASES as RULES
from cases_state import CASES as STATE
from cases_texts import CASES as TEXTS
from cases_texts import MAY_REFUSE as TEXTS_MAY_REFUSE

from gotee.compiler.closure import slice_of
from gotee.compiler.verify import verify, write_tree
from gotee.errors import CompileError

CASES = {
    **ASKED,
    **COMBINED,
    **HIDDEN,
    **LIBRARY,
    **MODULES,
    **MORE,
    **REGISTRATION,
    **RULES,
    **STATE,
    **IMPORTS,
    **IMPLICIT,
    **DYNAMIC,
    **HOOKS,
    **EFFECTS,
    **TEXTS,
    **FILES,
}
REFUSABLE = (
    ASKED_MAY_REFUSE | MAY_REFUSE | TEXTS_MAY_REFUSE | FILES_MAY_REFUSE | HIDDEN_MAY_REFUSE | IMPLICIT_MAY_REFUSE
)
# Runs the program of each folder in a process of its own; its exit status follows what it prints.
RUN = """
import os, sys
for folder in sys.argv[1:]:
    child = os.fork()
    if not child:
        sys.path.insert(0, folder)
        import main
        print(repr(main.entry()))
        sys.exit()
    status = os.waitpid(child, 0)[1]
    print(end=f"\\0{status}\\0", flush=True)
    print(end="\\0", file=sys.stderr, flush=True)
"""


def files_of(text: str) -> dict[str, str]:
    """`=== name` begins a file."""
    files = {}
    for part in text.split("=== ")[1:]:
        name, _, content = part.partition("\n")
        files[name.strip()] = content
    return files


def write_case(text: str, folder: Path) -> Path:
    for name, content in files_of(text).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return folder


def answers(*folders: Path) -> list[str]:
    """What each program says, or the last line of its error."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", RUN, *map(str, folders)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said, errors = done.stdout.split("\0"), done.stderr.split("\0")
    ends = zip(said[0::2], said[1::2], errors, strict=False)
    return [text if status == "0" else error.strip().splitlines()[-1] for text, status, error in ends]


@pytest.mark.parametrize("name", sorted(CASES))
def test_slice_answers_as_the_program_does(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # what a program leaves there goes with the test
    full = write_case(CASES[name], tmp_path / "full")
    sliced = tmp_path / "sliced"
    sliced.mkdir()
    try:
        analysis = slice_of(full, "main", "entry")
    except CompileError:
        if name not in REFUSABLE:
            raise
        return
    write_tree(analysis.partition, sliced)
    expected, found = answers(full, sliced)
    assert not expected.startswith(("NameError", "SyntaxError", "AttributeError")), expected
    assert found == expected
    verify(analysis, sliced)
    unused = [line for line in analysis.partition.definitions if "planted" in line]
    assert unused == []
