"""The edges of import statements: what they load, what they bind, and where they must fail. Host world."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from gotee.compiler import known
from gotee.compiler.imports import External, Missing, Name
from gotee.compiler.program import Module, absolute, parents
from gotee.compiler.scopes import Imported
from gotee.compiler.statements import Unit

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]


class Loading:
    """Adds edges to one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def starred(self, module: Module, unit: int, target: Module, name: str, node: Node) -> None:
        if not self._graph.resolver.table(module).statements.units[unit].is_import:
            self._graph.link(node, ("unit", module.name, unit))
            self._graph.link(node, self._graph.name(target, name))
            return
        execution: Node = ("exec", module.name, unit)
        star: Node = ("alias", module.name, unit, name)
        self._graph.star_names[module.name, unit].append(name)
        self._graph.link(node, star)
        self._graph.need(star, execution)
        if self.verbatim_star(target):
            self._graph.need(star, ("whole", target.name))
            if self._graph.resolver.binds(target, "__all__"):
                self._graph.need(star, self._graph.name(target, "__all__"))
        inner = self._graph.program.find(f"{target.name}.{name}") if target.package else None
        if inner is not None:
            self._graph.need(star, ("exists", inner.name))
            self._graph.reach(star, ("active", inner.name))
        self._graph.link(star, self._graph.name(target, name))

    def verbatim_star(self, target: Module) -> bool:
        """Whether `from target import *` has to stay as it is because its names are not known."""
        statements = self._graph.resolver.table(target).statements
        if statements.computed_exports:
            return True
        if statements.exports is None:
            return False  # binds the kept public names, which are some of those that it would bind
        return any(not self._certain(target, name) for name in statements.exports)

    def _certain(self, module: Module, name: str) -> bool:
        table = self._graph.resolver.table(module)
        units = [table.statements.units[binder.unit] for binder in table.binders.get(name, [])]
        if any(name in unit.deletes for unit in units):
            return False
        simple = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
        return any(isinstance(unit.node, simple) or unit.is_import for unit in units) or (
            not units and self._graph.resolver.binds(module, name)
        )

    def statement(self, module: Module, unit: Unit) -> None:
        execution: Node = ("exec", module.name, unit.index)
        self._graph.need(execution, ("exists", module.name))
        for number, (name, imported) in enumerate(unit.aliases):
            self.loads(module, imported, execution, ("load", module.name, unit.index))
            if name == "*":
                self._star(module, unit, imported, execution)
                continue
            alias: Node = ("alias", module.name, unit.index, number)
            self._graph.need(alias, execution)
            self.bound(module, imported, alias)
            self._graph.name(module, name)
        for target, name, _ in unit.includes:
            self._graph.include(execution, target, name)

    def _star(self, module: Module, unit: Unit, imported: Imported, execution: Node) -> None:
        """Under `whole`, a star import brings every name."""
        target = self._graph.program.find(absolute(module, imported.level, imported.module))
        everything: Node = ("alias", module.name, unit.index, "*")
        self._graph.need(("whole", module.name), everything)
        self._graph.need(everything, execution)
        if target is None:
            return
        exports = self._graph.resolver.table(target).statements.exports
        if exports is None:
            self._graph.link(everything, ("whole", target.name))
            return
        for name in sorted({"__all__", *exports}):
            self.starred(module, unit.index, target, name, everything)

    def bound(self, module: Module, imported: Imported, node: Node) -> None:
        for event in self._graph.resolver.imported(module, imported, (), set()):
            if isinstance(event, Name):
                self._graph.link(node, self._graph.name(event.module, event.name))
            elif isinstance(event, Missing):
                self._graph.missing(module, node, event, None)
            elif isinstance(event, External):
                self._graph.externals.bare(node, event.dotted)

    def loads(self, module: Module, imported: Imported, node: Node, reacher: Node) -> None:
        """What running an import loads."""
        target = absolute(module, imported.level, imported.module)
        names = [*parents(target), target]
        if imported.attr not in (None, "", "*"):
            names.append(f"{target}.{imported.attr}")
        for name in names:
            own = self._graph.program.find(name)
            if own is not None:
                self._graph.need(node, ("exists", name))
                self._graph.reach(reacher, ("active", name))
            elif self._graph.program.find(known.top(name)) is None:
                self._graph.reach(reacher, ("loaded", name))
                if name == target:
                    self._graph.need(node, ("ext", known.top(name)))
        if imported.guarded:
            self._graph.need(node, self._raises(target))
            if imported.attr not in (None, "", "*"):
                self._graph.need(node, self._raises(f"{target}.{imported.attr}"))

    def _raises(self, name: str) -> Node:
        """Importing a module in a `try`: whatever may fail in it stays."""
        node: Node = ("raises", name)
        module = self._graph.program.find(name)
        if module is None or node in self._graph.needs:
            return node
        self._graph.needs[node] = []
        for parent in parents(name):
            self._graph.need(node, self._raises(parent))
        for unit in self._graph.resolver.table(module).statements.units:
            if unit.is_import:
                self._graph.need(node, ("exec", name, unit.index))
                for number, (bound, imported) in enumerate(unit.aliases):
                    self._graph.need(node, ("alias", name, unit.index, "*" if bound == "*" else number))
                    self._graph.need(node, self._raises(absolute(module, imported.level, imported.module)))
            elif not self._cannot_fail(unit):
                self._graph.need(node, ("unit", name, unit.index))
        return node

    def _cannot_fail(self, unit: Unit) -> bool:
        if unit.dead:
            return True
        if isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return not any(ref.immediate for ref in unit.uses.refs)
        if isinstance(unit.node, ast.ClassDef):
            return not any(ref.immediate for ref in unit.uses.refs)
        return isinstance(unit.node, (ast.Assign, ast.Expr)) and isinstance(unit.node.value, ast.Constant)
