"""The edges of star imports: the names that they bring, the modules that they load, and `__all__`. Host world."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gotee.compiler import known
from gotee.compiler.imports import Name
from gotee.compiler.names import Ref
from gotee.compiler.program import Module, absolute, imported_names
from gotee.compiler.reading import reading_ids
from gotee.compiler.scopes import Imported
from gotee.compiler.statements import Unit

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]


class Stars:
    """Adds edges to one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.unsettled: set[str] = set()  # modules whose `__all__` is a plain list that other code changes

    def name(self, module: Module, unit: int, target: Module, name: str, node: Node) -> None:
        if not self._graph.resolver.table(module).statements.units[unit].is_import:
            self._graph.link(node, ("unit", module.name, unit))
            self._graph.link(node, self._graph.name(target, name))
            return
        execution: Node = ("exec", module.name, unit)
        star: Node = ("alias", module.name, unit, name)
        self._graph.star_names[module.name, unit].append(name)
        self._graph.link(node, star)
        self._graph.need(star, execution)
        if self.verbatim(target):
            exports = self._graph.resolver.table(target).statements.exports
            listed = exports is not None and not self._graph.resolver.table(target).statements.computed_exports
            if not listed:
                self._graph.need(star, ("whole", target.name))
            for each in ("__all__", "__getattr__", *sorted((exports or ()) if listed else ())):
                if self._graph.resolver.binds(target, each):
                    self._graph.need(star, self._graph.name(target, each))
        inner = self._graph.program.find(f"{target.name}.{name}") if target.package else None
        if inner is not None:
            self._graph.need(star, ("exists", inner.name))
            self._graph.reach(star, ("active", inner.name))
        self._graph.link(star, self._graph.name(target, name))

    def verbatim(self, target: Module) -> bool:
        """Whether `from target import *` has to stay as it is because its names are not known."""
        statements = self._graph.resolver.table(target).statements
        if statements.computed_exports:
            return True
        if statements.exports is None:
            return False  # binds the kept public names, which are some of those that it would bind
        return any(not self.certain(target, name) for name in statements.exports)

    def certain(self, module: Module, name: str) -> bool:
        """Whether a module surely binds a name by itself."""
        table = self._graph.resolver.table(module)
        units = [table.statements.units[binder.unit] for binder in table.binders.get(name, [])]
        if any(name in unit.deletes for unit in units):
            return False
        simple = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
        return any(isinstance(unit.node, simple) or unit.is_import for unit in units) or (
            not units and self._graph.resolver.binds(module, name)
        )

    def statement(self, module: Module, unit: Unit, imported: Imported, execution: Node) -> None:
        """Under `whole`, a star import brings every name."""
        target = self._graph.program.find(absolute(module, imported.level, imported.module))
        everything: Node = ("alias", module.name, unit.index, "*")
        self._graph.need(("whole", module.name), everything)
        self._graph.need(everything, execution)
        if target is None:
            return
        for inner in self.loaded(target):
            self._graph.loading.loads(
                module, imported._replace(attr=inner), execution, ("load", module.name, unit.index)
            )
            if self._graph.resolver.table(target).statements.computed_exports:
                self._graph.need(execution, everything)  # only its `__all__` tells which it loads
        exports = self._graph.resolver.table(target).statements.exports
        if exports is None:
            self._graph.link(everything, ("whole", target.name))
            return
        for name in sorted({"__all__", *exports}):
            self.name(module, unit.index, target, name, everything)

    def loaded(self, target: Module) -> list[str]:
        """The modules that `from package import *` loads: `__all__` names them, and nothing else binds them."""
        if not target.package:
            return []
        statements = self._graph.resolver.table(target).statements
        names = list(statements.exports or ())
        if statements.computed_exports:
            loaded = imported_names(target)
            below = [module.name for module in self._graph.program.below(target.name) if module.name not in loaded]
            names = [name for name in (each.removeprefix(f"{target.name}.") for each in below) if "." not in name]
        inner = [name for name in names if self._graph.program.find(f"{target.name}.{name}") is not None]
        return [name for name in inner if not self.certain(target, name)]

    def in_block(self, module: Module, imported: Imported, node: Node) -> None:
        """A star import under `if` or `try` stays as it is: names that `__all__` lists must be there."""
        target = self._graph.program.find(absolute(module, imported.level, imported.module))
        if target is None:
            return
        for inner in self.loaded(target):
            self._graph.loading.loads(module, imported._replace(attr=inner), node, node)
        statements = self._graph.resolver.table(target).statements
        if self.verbatim(target):
            self._graph.link(node, ("whole", target.name))
        if statements.exports is None:
            self._graph.need(("whole", module.name), ("whole", target.name))
        for name in sorted({"__all__", *statements.exports} if statements.exports is not None else ()):
            self._graph.link(node, self._graph.name(target, name))

    def brought(self, names: Iterable[Node]) -> None:
        """A name that nothing binds may come with a star import from a module whose names are computed."""
        for _, owner, name in sorted(names):
            module = self._graph.program.modules[owner]
            stars = self._graph.resolver.stars_of(module) if self._graph.resolver.table(module).stars else []
            if not stars or self._graph.resolver.binds(module, name) or known.is_builtin(name) or name[:2] == "__":
                continue
            for unit, target in stars:
                if target.name in self._graph.marks.written:
                    node: Node = ("name", owner, name)
                    is_import = self._graph.resolver.table(module).statements.units[unit].is_import
                    self._graph.link(node, ("alias", owner, unit, "*") if is_import else ("unit", owner, unit))
                    self._graph.link(node, ("whole", target.name))
                    self._graph.reach(node, ("written", target.name))

    def exports(self, module: Module, unit: Unit, ref: Ref, event: Name) -> None:
        """A use of `__all__`: one that may change it, other than by a statement that says what it becomes."""
        statements = self._graph.resolver.table(event.module).statements
        said = module is event.module and event.steps == ("__iadd__",)
        said = said or _computes_all(unit.node, ref.node)
        listed = getattr(unit.node, "name", "") == "__dir__"
        if statements.exports is None or ref.reads or said or listed or event.module.name in self.unsettled:
            return
        if id(ref.node) not in reading_ids(unit.node):
            self.unsettled.add(event.module.name)


def _computes_all(node: ast.AST, used: ast.AST) -> bool:
    """Whether a statement computes a module's own `__all__` out of what another one lists."""
    if isinstance(node, ast.AugAssign):
        return isinstance(node.target, ast.Name) and node.target.id == "__all__"
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [getattr(target, "id", "") for target in targets] == ["__all__"] and getattr(node, "value", None) is not used
