"""Which expressions are built-in values only: no operator on them runs code of the program. Host world."""

from __future__ import annotations

import ast
from collections.abc import Callable

from gotee.compiler import known
from gotee.compiler.facts import Facts
from gotee.compiler.program import Module
from gotee.compiler.statements import Unit


class Plain:
    """Looks at one statement. `local` are names of comprehensions around the current expression."""

    def __init__(self, facts: Facts, module: Module, unit: Unit) -> None:
        self._facts = facts
        self._module = module
        self._unit = unit
        self._local: frozenset[str] = frozenset()
        self._class_names: frozenset[str] = frozenset()
        self._in_class = False

    def _outside(self, node: ast.expr) -> str | None:
        return self._facts.dotted(self._module, node, self._local)

    def _container(self, node: ast.expr) -> bool:
        """Whether an expression is a built-in value: asking for its length or elements runs no code of the program."""
        return self.plain(node) or self._global(node, self._facts.container)

    def _global(self, node: ast.expr, asked: Callable[[Module, str], bool]) -> bool:
        """Whether an expression is a global, spelled with its module or without, of which something is so."""
        base = node
        while isinstance(base, ast.Attribute):
            base = base.value
        if not isinstance(base, ast.Name) or base.id in self._local:
            return False
        found = {(owner.name, name) for owner, _, name in self._facts.all_in_program(self._module, node)}
        owners = {owner.name: owner for owner, _, _ in self._facts.all_in_program(self._module, node)}
        return len(found) == 1 and all(asked(owners[owner], name) for owner, name in found)

    def _immutable(self, node: ast.expr) -> bool:
        return isinstance(node, (ast.JoinedStr, ast.Constant))

    def plain(self, node: ast.AST | None) -> bool:
        """Whether an expression is made of built-in values only, so that no operator on it runs the program's code."""
        if node is None or isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.Name):
            if node.id in self._local:
                return not self._in_class
            return self._facts.plain_name(self._module, node.id) or node.id in ("__name__", "__file__", "__doc__")
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            return all(self.plain(element) for element in node.elts)
        if isinstance(node, ast.Dict):
            return all(self.plain(part) for part in [*node.keys, *node.values])
        if isinstance(node, ast.BinOp):
            return self.plain(node.left) and self.plain(node.right)
        if isinstance(node, ast.UnaryOp):
            return self.plain(node.operand)
        if isinstance(node, ast.BoolOp):
            return all(self.plain(value) for value in node.values)
        if isinstance(node, ast.Compare):
            return self.plain(node.left) and all(self.plain(part) for part in node.comparators)
        if isinstance(node, ast.JoinedStr):
            return all(self.plain(value) for value in node.values)
        if isinstance(node, ast.FormattedValue):
            return self.plain(node.value) and self.plain(node.format_spec)
        if isinstance(node, ast.Starred):
            return self.plain(node.value)
        if isinstance(node, ast.Subscript):
            return self.plain(node.value) and self.plain(node.slice)
        if isinstance(node, ast.Slice):
            return self.plain(node.lower) and self.plain(node.upper) and self.plain(node.step)
        if isinstance(node, ast.IfExp):
            return self.plain(node.test) and self.plain(node.body) and self.plain(node.orelse)
        if isinstance(node, ast.Attribute):
            if self._global(node, self._facts.plain_name):
                return True
            outside = self._outside(node)
            return outside is not None and outside in (
                "os.sep",
                "sys.version_info",
                "sys.platform",
                "math.pi",
                "os.name",
            )
        if isinstance(node, ast.Call):
            outside = self._outside(node.func)
            computed = outside is not None and outside.startswith("builtins.") and known.computes(outside)
            computed = computed and not self._facts.marks.is_replaced(outside or "")
            if outside in ("builtins.len", "builtins.bool") and len(node.args) == 1 and computed:
                return self._container(node.args[0])
            return bool(computed and outside not in ("builtins.type", "builtins.super")) and all(
                self.plain(part) for part in [*node.args, *(keyword.value for keyword in node.keywords)]
            )
        return False
