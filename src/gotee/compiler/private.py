"""Private names: `__x` in the body of a class C is `_C__x`, for globals and attributes of modules too. Host world."""

from __future__ import annotations

import ast
import re

from gotee.compiler.scopes import walk

_PRIVATE = re.compile(r"(?<![\w])__[^\W_]\w*")


def with_private_names(tree: ast.Module, source: str) -> ast.Module:
    """The file, in which the private names of classes are spelled as Python looks them up.

    >>> ast.unparse(with_private_names(ast.parse("class C:\\n    y = lib.__x"), "lib.__x"))
    'class C:\\n    y = lib._C__x'
    """
    if any(not found.endswith("__") for found in _PRIVATE.findall(source)):
        for node in walk(tree):
            if isinstance(node, ast.ClassDef):
                _spell(node.body, node.name.lstrip("_"))
    return tree


def _spell(body: list[ast.stmt], owner: str) -> None:
    stack: list[ast.AST] = list(body) if owner else []
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name):
            node.id = _private(node.id, owner)
        elif isinstance(node, ast.Attribute):
            node.attr = _private(node.attr, owner)
        elif isinstance(node, ast.arg):
            node.arg = _private(node.arg, owner)
        elif isinstance(node, ast.keyword):
            node.arg = _private(node.arg, owner) if node.arg else None
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            node.names = [_private(name, owner) for name in node.names]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            node.name = _private(node.name, owner)
        inner = [] if not isinstance(node, ast.ClassDef) else [*node.bases, *node.keywords, *node.decorator_list]
        stack += inner if isinstance(node, ast.ClassDef) else ast.iter_child_nodes(node)


def _private(name: str, owner: str) -> str:
    return f"_{owner}{name}" if name.startswith("__") and not name.endswith("__") else name
