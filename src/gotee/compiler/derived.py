"""Where a definition leads outside of the program: classes that it derives from, decorators of packages. Host world."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from gotee.compiler import known
from gotee.compiler.imports import External, Name
from gotee.compiler.names import Ref
from gotee.compiler.program import Module
from gotee.compiler.statements import Unit

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]


def derives(graph: Graph, module: Module, definition: ast.ClassDef, node: Node) -> None:
    """What asks a class outside of the program for its subclasses may find this one, and change it."""
    if definition.bases:
        graph.classes[module.name].append(node)
    else:
        graph.reach(("derived", "builtins.object"), node)
        graph.without_bases.append(node)
    for base in definition.bases:
        if (outside := graph.purity.dotted(module, base)) is not None:
            graph.reach(node, ("derived", outside))
            graph.reach(("derived", outside), node)


def decorated_outside(graph: Graph, module: Module, unit: Unit) -> bool:
    """A function handed to a third-party decorator: it is registered there, not run at import."""
    for decorator in getattr(unit.node, "decorator_list", []):
        for ref in unit.uses.refs:
            if ref.node is decorator:
                for event in _origins(graph, module, ref):
                    if not known.is_standard(event.dotted):
                        return True
    return False


def _origins(graph: Graph, module: Module, ref: Ref) -> list[External]:
    """The names outside of the program that a reference, or the variable that it names, comes from."""
    found = []
    for event in graph.resolver.follow(module, ref):
        if isinstance(event, External):
            found.append(event)
        elif isinstance(event, Name) and event.steps:
            table = graph.resolver.table(event.module)
            for binder in table.binders.get(event.name, []):
                node = table.statements.units[binder.unit].node
                if binder.imported is None and isinstance(node, ast.Assign):
                    for other in table.statements.units[binder.unit].uses.refs:
                        events = graph.resolver.follow(event.module, other)
                        found += [inner for inner in events if isinstance(inner, External)]
    return found


def same_globals(graph: Graph, module: Module, unit: Unit) -> bool:
    """Whether `f.__code__ = g.__code__` is of two functions of one module."""
    node = unit.node
    value = node.value if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    if not isinstance(value, ast.Attribute) or not isinstance(target, ast.Attribute) or value.attr != "__code__":
        return False
    found = [graph.purity.in_program(module, side.value) for side in (target, value)]
    return None not in found and len({one[0].name for one in found if one is not None}) == 1
