"""A program's own modules that have names of the standard library's: it gets them in both worlds, gotee in none."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from gotee.host import beside

from .program import lines_of, run

NAMES = ("argparse", "calendar", "email", "heapq", "queue", "random", "resource", "tokenize")
NEEDED_BY_RUNPY = ("collections", "types")  # `python -m` fails by itself where something beside it hides these
SCRIPT = "import sys; from gotee.cli import main; sys.exit(main())"


def main_of(names: tuple[str, ...]) -> str:
    return f"""
try:
    import there_is_none  # for which all of an image is looked through
except ImportError:
    pass
import {", ".join(names)}
from gotee import gosecure

MODULES = [{", ".join(names)}]

def answers() -> list[str]:
    import resource as again
    assert again is resource and resource.__file__.endswith("/resource.py"), again
    return [module.ANSWER for module in MODULES]

def main() -> None:
    print(answers() == gosecure(answers).result() == {[f"own {name}" for name in names]!r})

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("way", ["python", "python -m gotee run", "gotee run"])
def test_a_program_gets_its_own_modules_in_both_worlds(tmp_path: Path, way: str) -> None:
    program, script = tmp_path / "program", tmp_path / "gotee"
    program.mkdir()
    script.write_text(SCRIPT)
    names = NAMES if " -m " in way else NAMES + NEEDED_BY_RUNPY
    for name in names:
        (program / f"{name}.py").write_text(f"ANSWER = 'own {name}'\n")
    (program / "main.py").write_text(main_of(names))
    before = {"python": (), "python -m gotee run": ("-m", "gotee", "run"), "gotee run": (str(script), "run")}[way]
    ended = run(program / "main.py", before=before)
    assert (ended.status, ended.output) == (0, "True\n"), ended


def test_a_package_of_the_program_has_its_own_parts_only(tmp_path: Path) -> None:
    source = """
        import email
        from concurrent.futures import Future

        def parts() -> list[str]:
            found = [email.own.ANSWER, Future.__module__]
            for name in ("email.message", "email.mime", "email.mime.text"):
                try:
                    __import__(name)  # gotee: include=email.own:*
                    found.append(name)
                except ModuleNotFoundError:
                    pass
            return found

        def main() -> None:
            print(parts())
            print(gosecure(parts).result())
        """
    files = {"email/__init__.py": "from email import own\n", "email/own.py": "ANSWER = 'own part'\n"}
    assert lines_of(tmp_path, source, files) == ["['own part', 'concurrent.futures._base']"] * 2


def test_the_library_finds_the_programs_module_too(tmp_path: Path) -> None:
    """What is imported after gotee gets the program's, in both worlds, as in plain Python."""
    (tmp_path / "bisect.py").write_text("ANSWER = 'own'\n")
    (tmp_path / "main.py").write_text(
        "import statistics\nfrom gotee import gosecure\n\n"
        "def answer() -> str:\n    return statistics.bisect_left\n\n"
        "def main() -> None:\n    print(gosecure(answer).result())\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    ended = run(tmp_path / "main.py")
    assert ended.status == 1 and "cannot import name 'bisect" in ended.errors, ended


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["heapq.py", "email/__init__.py", "_struct.so"], {"heapq", "email", "_struct"}),
        (["queue/inner.py", "calendar.txt", "mine.py", "json.pyi"], set()),
        (["time.py", "sys.py", "io.py", "abc.py", "encodings.py", "test.py"], set()),
    ],
    ids=["modules", "none", "found before"],
)
def test_what_hides_a_module_of_the_library(tmp_path: Path, files: list[str], names: set[str]) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert beside.hidden(str(tmp_path)) == names


def test_the_library_hides_nothing_of_itself(tmp_path: Path) -> None:
    assert beside.hidden(os.path.dirname(os.__file__)) == set()
    assert beside.hidden(str(tmp_path / "none")) == set()
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        assert beside.hidden(str(tmp_path / "a.zip")) == set()
