"""`gotee new DIR`: start a program: main.py in plain form, a test, pyproject.toml. Host world."""

from __future__ import annotations

import argparse
import re
from contextlib import suppress
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gotee.errors import UsageError

# Where each template goes. The names in the package are such that no tool takes them for code of gotee.
FILES = {
    "main.py.txt": "main.py",
    "test_main.py.txt": "tests/test_main.py",
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "gitignore.txt": ".gitignore",
}
PROJECT_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")  # as PyPA's name specification has it


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "new",
        help="start a new program",
        description="Make DIR with a small program in plain form, a passing test and a pyproject.toml.",
        allow_abbrev=False,
    )
    parser.add_argument("directory", metavar="DIR", help="a directory that does not exist yet, or is empty")
    parser.set_defaults(action=new)


def new(options: argparse.Namespace) -> int:
    """Write the files; nothing is touched when the directory is not usable."""
    directory = Path(options.directory)
    name = project_name(directory)
    _require_empty(directory)
    templates = resources.files("gotee.cli") / "templates"
    there = directory.exists()
    try:
        for template, place in FILES.items():
            target = directory / place
            target.parent.mkdir(parents=True, exist_ok=True)
            text = (templates / template).read_text(encoding="utf-8")
            target.write_text(text.replace("@NAME@", name), encoding="utf-8")
    except OSError as error:
        _take_away(directory, there)
        raise UsageError(
            f"{error.filename or directory}: {error.strerror}; choose a place that can be written, nothing was made"
        ) from None
    print(f"Made {directory}. Next:\n    cd {directory}\n    gotee run main.py")
    if find_spec("pytest") is None:
        print("    python -m pip install pytest")
    print("    python -m pytest")
    return 0


def _take_away(directory: Path, there: bool) -> None:
    """Half a program is none: the directory was empty, or was not `there`."""
    for place in FILES.values():
        with suppress(OSError):
            (directory / place).unlink()
        if "/" in place:
            with suppress(OSError):
                (directory / place).parent.rmdir()
    if not there:
        with suppress(OSError):
            directory.rmdir()


def project_name(directory: Path) -> str:
    """The project's name: that of the directory. Raises UsageError where packaging tools would refuse it.

    >>> project_name(Path("/tmp/my-notary"))
    'my-notary'
    """
    name = directory.resolve().name
    if not PROJECT_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a project: use letters, digits, '-', '_' and '.', "
            f"with a letter or digit at both ends"
        )
    return name


def _require_empty(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is a file; name a directory")
    if directory.is_dir() and any(directory.iterdir()):
        raise UsageError(f"{directory} is not empty; name a new directory, nothing was changed")
