"""How a computed module name begins, where that is known: `f"plugins.{name}"`, `"." + name`, walks of a package.

Host world. What begins with a package of the program can only be a module of that package.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import NamedTuple

from gotee.compiler.scopes import constant_text, walk

_WALKS = ("pkgutil.iter_modules", "pkgutil.walk_packages")


class Lead(NamedTuple):
    """How a text begins, and whether that is all of it."""

    text: str
    whole: bool


class Prefixes(NamedTuple):
    """Answers with what is known of names: the text that an expression is, the outside name that it is, or None."""

    text: Callable[[ast.expr], str | None]
    outside: Callable[[ast.expr], str | None]

    def lead(self, node: ast.expr) -> Lead:
        """How the text that an expression makes begins."""
        text = self.text(node)
        if text is not None:
            return Lead(text, True)
        if isinstance(node, ast.JoinedStr):
            return self._joined(node.values)
        if isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion in (-1, 115):
            return self.lead(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined([node.left, node.right])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return Lead((constant_text(node.left) or "").partition("%")[0], False)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            before = constant_text(node.func.value) or ""
            if node.func.attr == "format":
                return Lead(before.partition("{")[0], False)
            if node.func.attr == "join" and node.args and isinstance(node.args[0], (ast.List, ast.Tuple)):
                parts: list[ast.expr] = []
                for element in node.args[0].elts:
                    parts += [element, ast.Constant(before)]
                return self._joined(parts[:-1])
        return Lead("", False)

    def _joined(self, parts: list[ast.expr]) -> Lead:
        text = ""
        for part in parts:
            lead = self.lead(part)
            text += lead.text
            if not lead.whole:
                return Lead(text, False)
        return Lead(text, True)

    def of_module(self, name: ast.expr, within: ast.AST) -> str | None:
        """How the module name begins that an expression in a statement makes, up to its last dot; None: not known."""
        text = self.lead(name).text or self._walked(name, within) or ""
        return text[: text.rindex(".") + 1] if "." in text else None

    def _walked(self, name: ast.expr, within: ast.AST) -> str | None:
        """The prefix of a walk whose results are imported: `for found in pkgutil.walk_packages(path, "plugins.")`."""
        base = name
        while isinstance(base, (ast.Attribute, ast.Subscript)):
            base = base.value
        if not isinstance(base, ast.Name):
            return None
        prefixes: set[str | None] = set()
        walks = 0
        for node in walk(within):
            if isinstance(node, (ast.For, ast.comprehension)) and _binds(node.target, base.id):
                prefixes.add(self._prefix_of_walk(node.iter))
                walks += sum(_is_store(part, base.id) for part in walk(node.target))
        bound = sum(_is_store(part, base.id) for part in walk(within))
        return prefixes.pop() if len(prefixes) == 1 and bound == walks else None

    def _prefix_of_walk(self, walk: ast.expr) -> str | None:
        if not isinstance(walk, ast.Call):
            return None
        if self.outside(walk.func) in ("builtins.sorted", "builtins.list", "builtins.tuple") and walk.args:
            return self._prefix_of_walk(walk.args[0])
        if self.outside(walk.func) not in _WALKS:
            return None
        named = next((word.value for word in walk.keywords if word.arg == "prefix"), None)
        given = walk.args[1] if len(walk.args) > 1 else named
        return self.lead(given).text if given is not None else None


def _binds(target: ast.expr, name: str) -> bool:
    return any(_is_store(part, name) for part in walk(target))


def _is_store(node: ast.AST, name: str) -> bool:
    """Whether a part of a statement binds a name."""
    if isinstance(node, ast.Name):
        return node.id == name and not isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.arg) and node.arg == name
