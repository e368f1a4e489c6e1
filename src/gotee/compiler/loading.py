"""The edges of import statements: what they load, what they bind, and where they must fail. Host world."""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from gotee.compiler import known
from gotee.compiler.imports import External, Missing, Name
from gotee.compiler.names import Ref
from gotee.compiler.program import Module, absolute, parents
from gotee.compiler.scopes import Imported, walk
from gotee.compiler.statements import Unit

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]


class Loading:
    """Adds edges to one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.by_name: dict[tuple[str, int], list[str]] = defaultdict(list)  # statements -> what they import by name

    def statement(self, module: Module, unit: Unit) -> None:
        execution: Node = ("exec", module.name, unit.index)
        self._graph.need(execution, ("exists", module.name))
        self._graph.reach(("load", module.name, unit.index), ("watched",))
        for number, (name, imported) in enumerate(unit.aliases):
            self.loads(module, imported, execution, ("load", module.name, unit.index))
            if name == "*":
                self._graph.stars.statement(module, unit, imported, execution)
                continue
            alias: Node = ("alias", module.name, unit.index, number)
            self._graph.need(alias, execution)
            self.bound(module, imported, alias)
            for event in self._graph.resolver.imported(module, imported, (), set()):
                if isinstance(event, Missing) and self._graph.resolver.binds(event.module, "__getattr__"):
                    self._graph.need(execution, alias)  # the import calls it
                    asked = self._graph.name(event.module, "__getattr__")
                    self._graph.reach(("load", module.name, unit.index), asked)
            self._graph.name(module, name)
        for target, name, _ in unit.includes:
            self._graph.include(execution, target, name)

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

    def may_fail(self, node: Node, name: str) -> None:
        """What a node imports in a `try` has to fail where it does."""
        self._graph.need(node, self._raises(name))

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

    def trying(self, node: Node, module: Module, name: str) -> None:
        """A node calls a function in a `try`: what functions import on the way has to fail where it does."""
        self._graph.need(node, ("trying", module.name, name))
        work = [(module, name)]
        while work:
            module, name = work.pop()
            trying: Node = ("trying", module.name, name)
            if trying in self._graph.needs:
                continue
            self._graph.needs[trying] = []
            for binder in self._graph.resolver.table(module).binders.get(name, []):
                unit = self._graph.resolver.table(module).statements.units[binder.unit]
                for use in unit.uses.imports:
                    self.may_fail(trying, absolute(module, use.imported.level, use.imported.module))
                for loaded in self.by_name.get((module.name, unit.index), ()):
                    self.may_fail(trying, loaded)
                for ref in unit.uses.refs:
                    if not ref.immediate and any(isinstance(step, ast.Call) for step in ref.steps):
                        for event in self._graph.resolver.follow(module, ref):
                            if isinstance(event, Name):
                                self._graph.need(trying, ("trying", event.module.name, event.name))
                                work.append((event.module, event.name))

    def _cannot_fail(self, unit: Unit) -> bool:
        if unit.dead:
            return True
        if isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return all(_is_builtin(ref) for ref in unit.uses.refs if ref.immediate)
        return isinstance(unit.node, (ast.Assign, ast.Expr)) and all(map(_is_display, walk(unit.node)))


def _is_builtin(ref: Ref) -> bool:
    return isinstance(ref.base, str) and not ref.steps and hasattr(builtins, ref.base)


def _is_display(node: ast.AST) -> bool:
    """Whether making this part of a value cannot fail: constants, and lists and tables of them."""
    stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    return stored or isinstance(node, (ast.Assign, ast.Expr, ast.Constant, ast.List, ast.Dict, ast.expr_context))
