"""What the compiler asks of the file system, each question with its answer, to be asked again. Host world.

A partition that was made before is good as long as every question has the answer that it had; see `remembered`.
"""

from __future__ import annotations

import hashlib
import os.path
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gotee.compiler.files import data_below, data_named, modules_named
from gotee.syntax._files import SourceFile, read_bytes, source_of

Question = tuple[str, ...]


class Disk:
    """Answers questions about files, and keeps them."""

    def __init__(self) -> None:
        self.asked: dict[Question, Any] = {}

    def read(self, path: Path) -> SourceFile:
        """A source file as Python reads it. Raises GoteeError, CompileError."""
        data = read_bytes(str(path))
        self.asked["content", str(path)] = hashlib.sha256(data).hexdigest()
        return source_of(data, str(path))

    def is_file(self, path: Path) -> bool:
        return bool(self._ask("is file", path))

    def is_folder(self, path: Path) -> bool:
        return bool(self._ask("is folder", path))

    def resolved(self, path: Path) -> Path:
        return Path(self._ask("resolved", path))

    def has_modules(self, folder: Path) -> bool:
        """Whether there is a Python file in a folder or below it."""
        return bool(self._ask("has modules", folder))

    def modules_in(self, folder: Path) -> list[Path]:
        return [Path(found) for found in self._ask("modules in", folder)]

    def modules_like_standard(self, folder: Path) -> list[Path]:
        """The modules in a folder that have the name of one of the standard library."""
        return [Path(found) for found in self._ask("modules like standard", folder)]

    def modules_below(self, folder: Path) -> list[Path]:
        return [Path(found) for found in self._ask("modules below", folder)]

    def modules_named(self, folder: Path, texts: Iterable[str]) -> list[Path]:
        """The modules in folders under a folder that texts may name."""
        return [Path(found) for found in self._ask("modules named", folder, *sorted(texts))]

    def data_below(self, folder: Path) -> list[Path]:
        """All files under a folder that are no modules."""
        return [Path(found) for found in self._ask("data below", folder)]

    def data_named(self, folder: Path, texts: Iterable[str]) -> list[Path]:
        """The files under a folder that texts may name."""
        return [Path(found) for found in self._ask("data named", folder, *sorted(texts))]

    def _ask(self, kind: str, path: Path, *texts: str) -> Any:
        question = (kind, str(path), *texts)
        if question not in self.asked:
            self.asked[question] = _ANSWERS[kind](path, *texts)
        return self.asked[question]


def is_still_so(question: Question, answer: Any) -> bool:
    """Whether a question of an earlier run has the same answer now."""
    kind, path, *texts = question
    return kind in _ANSWERS and bool(_ANSWERS[kind](Path(path), *texts) == answer)


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sorted(found: Iterable[Path]) -> list[str]:
    return sorted(map(str, found))


_ANSWERS: dict[str, Callable[..., Any]] = {
    "content": _content,
    "is file": lambda path: path.is_file(),
    "is folder": lambda path: path.is_dir(),
    "resolved": lambda path: os.path.realpath(path),
    "has modules": lambda path: any(path.rglob("*.py")),
    "modules in": lambda path: _sorted(path.glob("*.py")),
    "modules like standard": lambda path: _sorted(f for f in path.glob("*.py") if f.stem in sys.stdlib_module_names),
    "modules below": lambda path: _sorted(path.rglob("*.py")),
    "modules named": lambda path, *texts: _sorted(modules_named(path, texts)),
    "data below": lambda path: _sorted(data_below(path)),
    "data named": lambda path, *texts: _sorted(data_named(path, texts)),
}
