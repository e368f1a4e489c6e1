"""Folders that a program adds to where modules are found: `sys.path`, `__path__` of a package. Host world.

Only folders beside the program's own files count, spelled with `__file__`: `sys.path.insert(0, join(HERE, "lib"))`.
"""

from __future__ import annotations

import ast
import os.path
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gotee.compiler.scopes import walk

_SAME = {"abspath", "realpath", "normpath", "fspath", "str", "resolve", "absolute", "Path", "PurePath", "as_posix"}
_ADDS = {"append": 0, "insert": 1}


class Added(NamedTuple):
    """A folder in which modules are found. `package` is None for `sys.path`, else the expression of the package."""

    package: ast.expr | None
    folder: Path
    first: bool = False  # before the folders that are there


def added_paths(tree: ast.Module, file: Path) -> Iterator[Added]:
    """The folders that the top level of a file adds, blocks included; whether they are there, is not looked at."""
    for node in walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, given = node.func.value, _given(node)
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            owner, given = node.target, _elements(node.value)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            owner, given = node.targets[0], _elements(node.value)
            if isinstance(owner, ast.Subscript):
                owner = owner.value
        else:
            continue
        for expression in given if _is_path(owner) else ():
            folder = _folder(expression, tree, file, 0)
            if folder is not None:
                yield Added(_package(owner), folder, _is_first(node, expression))


def _is_first(node: ast.AST, given: ast.expr) -> bool:
    """Whether a folder is put before those there are: `insert(0, x)`, `= [x, *path]`, `[x] + path`, `[:0] = [x]`."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr == "insert"
    if not isinstance(node, ast.Assign):
        return False
    if isinstance(node.targets[0], ast.Subscript):
        return True
    parts = list(walk(node.value))
    there = [part for part in parts if isinstance(part, (ast.Name, ast.Attribute)) and _is_path(part)]
    place = (given.lineno, given.col_offset)
    return bool(there) and all(place < (part.lineno, part.col_offset) for part in there)


def _given(call: ast.Call) -> list[ast.expr]:
    assert isinstance(call.func, ast.Attribute)
    position = _ADDS.get(call.func.attr)
    if position is not None:
        return call.args[position : position + 1]
    return _elements(call.args[0]) if call.func.attr == "extend" and call.args else []


def _elements(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [*_elements(node.left), *_elements(node.right)]
    return [part for part in node.elts if not isinstance(part, ast.Starred)] if isinstance(node, ast.List) else []


def _is_path(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "__path__" or (node.attr == "path" and ast.unparse(node.value) == "sys")
    return isinstance(node, ast.Name) and node.id in ("__path__", "path")


def _package(node: ast.expr) -> ast.expr | None:
    if isinstance(node, ast.Attribute):
        return node.value if node.attr == "__path__" else None
    return node if isinstance(node, ast.Name) and node.id == "__path__" else None


def _folder(node: ast.expr, tree: ast.Module, file: Path, depth: int) -> Path | None:
    text = _text(node, tree, file, depth)
    return Path(text) if text is not None else None


def _text(node: ast.expr, tree: ast.Module, file: Path, depth: int) -> str | None:
    """The path that an expression makes of `__file__` and constants, or None."""
    if depth > 20:
        return None
    if isinstance(node, ast.Name):
        if node.id == "__file__":
            return str(file)
        values = [
            one.value
            for one in tree.body
            if isinstance(one, ast.Assign) and any(isinstance(t, ast.Name) and t.id == node.id for t in one.targets)
        ]
        return _text(values[0], tree, file, depth + 1) if len(values) == 1 else None
    if isinstance(node, ast.Attribute):
        if node.attr in ("pardir", "curdir"):
            return os.path.pardir if node.attr == "pardir" else os.path.curdir
        inner = _text(node.value, tree, file, depth + 1)
        return os.path.dirname(inner) if inner is not None and node.attr == "parent" else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _joined([node.left, node.right], tree, file, depth)
    if isinstance(node, ast.Subscript):
        return _ancestor(node, tree, file, depth)
    if isinstance(node, ast.Call):
        return _call(node, tree, file, depth)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _call(node: ast.Call, tree: ast.Module, file: Path, depth: int) -> str | None:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = [function.value] if isinstance(function, ast.Attribute) and (name == "joinpath" or not node.args) else []
    given = [*owner, *node.args]
    if name in ("join", "joinpath"):
        return _joined(given, tree, file, depth)
    if not given:
        return None
    first = given[0]
    inner = _text(first, tree, file, depth + 1)
    if inner is None or name not in _SAME | {"dirname"}:
        return None
    return os.path.dirname(inner) if name == "dirname" else os.path.normpath(inner)


def _joined(parts: list[ast.expr], tree: ast.Module, file: Path, depth: int) -> str | None:
    texts = [_text(part, tree, file, depth + 1) for part in parts]
    known = [text for text in texts if text is not None]
    return os.path.normpath(os.path.join(*known)) if known and len(known) == len(texts) else None


def _ancestor(node: ast.Subscript, tree: ast.Module, file: Path, depth: int) -> str | None:
    """`path.parents[1]`."""
    parents = node.value
    number = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if not isinstance(parents, ast.Attribute) or parents.attr != "parents" or not isinstance(number, int):
        return None
    inner = _text(parents.value, tree, file, depth + 1)
    for _ in range(number + 1):
        inner = os.path.dirname(inner) if inner is not None else None
    return inner
