"""What code does with files: whether it writes one, whether it only looks for its own folder, which data it may read.

Host world.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gotee.compiler.scopes import constant_text, walk

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


def data_below(folder: Path) -> list[Path]:
    """All files under a folder that are no modules."""
    return [file for file in folder.rglob("*") if _is_data(file)]


def texts_of(code: Iterable[ast.AST]) -> set[str]:
    """The texts in some code that may name files."""
    return {text for node in code for text in _texts(node)}


def data_named(folder: Path, texts: Iterable[str]) -> set[Path]:
    """The files of a folder that texts may name: files, folders with all in them, patterns."""
    found: set[Path] = set()
    for text in texts:
        try:
            if any(letter in text for letter in "*?["):
                found |= {file for file in folder.glob(text.lstrip("/")) if _is_data(file)}
            elif _is_data(folder / text):
                found.add(folder / text)
            elif text.strip("./") and (folder / text).is_dir():
                found |= set(data_below(folder / text))
        except (OSError, ValueError, NotImplementedError):
            continue
    return {file for file in found if file.resolve().is_relative_to(folder)}


def modules_named(folder: Path, texts: Iterable[str]) -> set[Path]:
    """The modules in the folders under a folder that texts may name."""
    found: set[Path] = set()
    for text in texts:
        plain = text.strip("./") and not any(letter in text for letter in "*?[\0\n")
        if plain and not text.startswith("/") and (folder / text).is_dir():
            found |= set((folder / text).rglob("*.py"))
    return found


def _texts(node: ast.AST) -> Iterator[str]:
    """The texts in a piece of code; `f"{name}.txt"` is `*.txt`, and `".txt"` may end any name."""
    for child in walk(node):
        text = constant_text(child)
        if text is not None and 0 < len(text) < 200:
            yield text
            if _SUFFIX.fullmatch(text):
                yield f"*{text}"
        elif isinstance(child, ast.JoinedStr):
            parts = [constant_text(part) for part in child.values]
            if any(part and part.strip("./") for part in parts):
                yield "".join("*" if part is None else part for part in parts)


def _is_data(file: Path) -> bool:
    return file.is_file() and file.suffix not in (".py", ".pyc")


def writes_file(call: ast.Call) -> bool:
    mode = call.args[1] if len(call.args) > 1 else None
    for keyword in call.keywords:
        if keyword.arg == "mode":
            mode = keyword.value
    if mode is None:
        return False
    text = constant_text(mode)
    return text is None or any(letter in text for letter in "wax+")


def only_folder(node: ast.AST) -> bool:
    """Whether every `__file__` in a statement is only used for the folder that it names."""
    parent: dict[ast.AST, ast.AST] = {}
    for outer in walk(node):
        for inner in ast.iter_child_nodes(outer):
            parent[inner] = outer
    for name in list(parent):
        own = isinstance(name, ast.Name) and name.id == "__file__"
        other = isinstance(name, ast.Attribute) and name.attr == "__file__"
        if (own or other) and not _folder_of(name, parent):
            return False
    return True


def _folder_of(node: ast.AST, parent: dict[ast.AST, ast.AST]) -> bool:
    while True:
        outer = parent.get(node)
        if isinstance(outer, ast.Call) and node in outer.args:
            last = outer.func.attr if isinstance(outer.func, ast.Attribute) else getattr(outer.func, "id", "")
            if last in ("dirname", "basename"):
                return True
            if last not in ("abspath", "realpath", "Path", "PurePath", "resolve", "fspath", "str", "normpath"):
                return False
        elif isinstance(outer, ast.Attribute):
            if outer.attr in ("parent", "parents", "name", "stem", "with_name", "joinpath"):
                return True
            if outer.attr not in ("resolve", "absolute"):
                return False
        elif not (isinstance(outer, ast.Call) and node is outer.func):
            return False
        node = outer
