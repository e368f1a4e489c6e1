"""Where code only looks at an object: iterates, indexes, compares, asks for its truth. Host world.

Elsewhere the object is changed, or handed on to what may change it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from gotee.compiler.scopes import walk

READ_METHODS = {"get", "items", "keys", "values", "copy", "index", "count", "join", "startswith", "endswith", "format"}
READING = {
    ast.Call, ast.Compare, ast.For, ast.AsyncFor, ast.comprehension, ast.If, ast.While, ast.IfExp, ast.Assert,
    ast.BinOp, ast.UnaryOp, ast.FormattedValue, ast.Starred, ast.YieldFrom,
}  # fmt: skip
# Builtins that go through all elements of what they are given.
ITERATING = {
    "list", "tuple", "set", "sorted", "frozenset", "sum", "min", "max", "any", "all", "enumerate", "zip", "map", "next",
    "iter", "dict",
}  # fmt: skip
_READERS = {
    "len", "sorted", "list", "tuple", "set", "dict", "frozenset", "enumerate", "zip", "str", "repr", "min", "max",
    "sum", "any", "all", "isinstance", "reversed", "bool", "print", "iter", "type", "id", "dictConfig",
}  # fmt: skip

_CALLING = {"map", "filter"}
_NAMING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)
_ANY = f"(?:{'|'.join(sorted(_READERS | _CALLING))})\\b"
_NAMED = re.compile(rf"\b{_ANY}(?!\s*\()|\b(?:def|class)\s+{_ANY}|\bimport\s*\*")  # not only called
_WITHOUT_READERS = frozenset({"gotee", "math", "tkinter", "typing"})  # modules whose star brings none of these names


def with_own_names(tree: ast.Module, source: str) -> ast.Module:
    """The file, in which calls of what it names itself like one of these builtins are marked as such."""
    if _NAMED.search(source):
        own = (_READERS | _CALLING) & set(_bound_anywhere(tree))
        for node in walk(tree) if own else ():
            if isinstance(node, ast.Name) and node.id in own:
                node.own = True  # type: ignore[attr-defined]
    return tree


def _bound_anywhere(tree: ast.Module) -> Iterator[str]:
    """The names that a file binds, in whatever scope; all, if a star brings names that only another file knows."""
    for node in walk(tree):
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            known = not node.level and (node.module or "").partition(".")[0] in _WITHOUT_READERS
            yield from () if known else _READERS | _CALLING
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, _NAMING):
            if node.name:
                yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest


def read_parts(node: ast.AST) -> list[ast.expr]:
    """The parts of a node that it only looks at."""
    kind = type(node)
    if kind is ast.Call:
        assert isinstance(node, ast.Call)
        function = node.func
        if getattr(function, "own", False):
            return []
        if isinstance(function, ast.Name) and function.id in _CALLING:
            return node.args[1:]  # as `for` does; the function is handed on
        reads = function.id in _READERS if isinstance(function, ast.Name) else _reads_argument(function)
        return node.args if reads else []
    if kind is ast.Compare:
        return [node.left, *node.comparators]  # type: ignore[attr-defined]
    if kind in (ast.For, ast.AsyncFor, ast.comprehension):
        return [node.iter, *getattr(node, "ifs", [])]  # type: ignore[attr-defined]
    if kind in (ast.If, ast.While, ast.IfExp, ast.Assert):
        return [node.test]  # type: ignore[attr-defined]
    if kind is ast.BinOp:
        return [node.left, node.right]  # type: ignore[attr-defined]
    if kind is ast.UnaryOp:
        return [node.operand]  # type: ignore[attr-defined]
    if kind in (ast.FormattedValue, ast.Starred, ast.YieldFrom):
        return [node.value]  # type: ignore[attr-defined]
    return []


def _reads_argument(function: ast.expr) -> bool:
    """`", ".join(x)`, `logging.config.dictConfig(x)`."""
    if not isinstance(function, ast.Attribute):
        return False
    return function.attr == "dictConfig" or (function.attr == "join" and isinstance(function.value, ast.Constant))


def reading_ids(node: ast.AST) -> set[int]:
    """The expressions in a piece of code that it only looks at, by id."""
    return {id(part) for inner in walk(node) for part in read_parts(inner)}


def is_read(node: ast.AST, name: str, reading: set[int]) -> bool:
    """Whether all uses of a name in a piece of code only look at what it holds."""
    safe = reading | set(_looked_into(node))
    uses = [n for n in walk(node) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
    return all(id(use) in safe for use in uses)


def _looked_into(node: ast.AST) -> Iterator[int]:
    for inner in walk(node):
        if isinstance(inner, ast.Subscript) and isinstance(inner.ctx, ast.Load):
            yield id(inner.value)
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr in READ_METHODS:
            yield id(inner.func.value)
