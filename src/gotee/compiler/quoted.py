"""Where strings are types that only what reads annotations evaluates: `Optional["Node"]`. Host world; see `collect`."""

from __future__ import annotations

import ast

from gotee.compiler.scopes import constant_text, walk

_GENERIC = {"list", "dict", "tuple", "set", "frozenset", "type"}
_MAKERS = {"NamedTuple", "TypedDict", "NewType", "TypeVar", "make_dataclass"}


def types_in(node: ast.AST) -> list[str]:
    """The strings in a node that may be types.

    >>> types_in(ast.parse('NamedTuple("P", [("x", "Node")])', mode="eval").body)
    ['P', 'x', 'Node']
    """
    if isinstance(node, ast.Subscript):
        name = _last(node.value)
        return _texts(node.slice) if name in _GENERIC or (name[:1].isupper() and name != "Literal") else []
    if isinstance(node, ast.Call):
        return _texts(node) if _last(node.func) in _MAKERS else []
    if isinstance(node, ast.Assign):
        alias = (constant_text(node.value) or "")[:1].isupper()  # `Alias = "Node"`
        return _texts(node.value) if alias or any(_last(target) == "__annotations__" for target in node.targets) else []
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return _texts(node.value) if "TypeAlias" in ast.unparse(node.annotation) else []
    return []


def _last(node: ast.expr) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


def _texts(node: ast.AST) -> list[str]:
    texts = [constant_text(child) for child in walk(node)]
    return [text for text in texts if text is not None and len(text) < 200]
