"""What code does with files: whether it writes one, and whether it only looks for the folder of its own. Host world."""

from __future__ import annotations

import ast

from gotee.compiler.scopes import constant_text


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
    for outer in ast.walk(node):
        for inner in ast.iter_child_nodes(outer):
            parent[inner] = outer
    for name in list(parent):
        if isinstance(name, ast.Name) and name.id == "__file__" and not _folder_of(name, parent):
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
