"""What is known of a graph once all of its modules are in it: effects, order, what the program replaces. Host world."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING

from gotee.compiler import known
from gotee.compiler.hostonly import Reason
from gotee.compiler.program import Module
from gotee.compiler.statements import Unit

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph, Node

_ALWAYS: Node = ("always",)


def settle(graph: Graph) -> None:
    """Add what asks for the whole program: a second look at each statement, when all marks are set."""
    for module in graph.program.modules.values():
        for unit in graph.resolver.table(module).statements.units:
            if unit.is_import:
                _import_order(graph, module, unit)
            elif not unit.dead:
                _effects(graph, module, unit)
    for dotted, callers in graph.marks.calls.items():
        if graph.marks.is_replaced(dotted):
            for node in callers:
                graph.reach(node, _ALWAYS)
    if graph.marks.codecs:
        _codecs(graph)
    _spread_host_only(graph)


def _import_order(graph: Graph, module: Module, unit: Unit) -> None:
    """A name whose value other code changes is taken when the import runs."""
    for number, (name, imported) in enumerate(unit.aliases):
        if name != "*" and graph.purity.import_order_matters(module, imported):
            graph.need(("alias", module.name, unit.index, number), ("active", module.name))


def _effects(graph: Graph, module: Module, unit: Unit) -> None:
    """Whether a statement has an effect at import; all that the program does to names is known by now."""
    node: Node = ("unit", module.name, unit.index)
    impurity = graph.purity.impurity(module, unit)
    if impurity is not None:
        graph.impure[node] = impurity
    elif any(use.immediate for use in unit.uses.imports):
        graph.impure[node] = unit.node
    elif graph.purity.order_matters(module, unit):
        graph.sensitive.add(node)
    if isinstance(unit.node, ast.ClassDef) and graph.marks.is_replaced("builtins.__build_class__"):
        graph.impure[node] = unit.node
        graph.reach(node, _ALWAYS)
    if node in graph.impure or node in graph.sensitive:
        graph.need(node, ("active", module.name))


def _codecs(graph: Graph) -> None:
    """The program has codecs of its own: what encodes or decodes with one runs its code."""
    for module in graph.program.modules.values():
        for unit in graph.resolver.table(module).statements.units:
            if any(known.uses_codec(call) for body in unit.uses.bodies for _, call, _ in body.methods) or any(
                isinstance(step, ast.Call) and known.uses_codec(step) for ref in unit.uses.refs for step in ref.steps
            ):
                graph.reach(("unit", module.name, unit.index), _ALWAYS)


def _spread_host_only(graph: Graph) -> None:
    """A statement that reads, when it runs, what only host-only statements bind is host-only itself."""
    readers: dict[Node, list[Node]] = defaultdict(list)
    for node in graph.impure:
        _, unit = graph.unit_of(node)
        if not isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for ref in unit.uses.refs:
                if ref.immediate and isinstance(ref.base, str):
                    readers["name", node[1], ref.base].append(node)
    work = list(graph.host_only)
    while work:
        node = work.pop()
        module, unit = graph.unit_of(node)
        for name in unit.binds:
            binders = graph.resolver.table(module).binders.get(name, [])
            if all(("unit", module.name, binder.unit) in graph.host_only for binder in binders):
                reason = Reason(f"{name}, which a host-only statement binds", (), False)
                for reader in readers["name", module.name, name]:
                    if reader not in graph.host_only:
                        graph.host_only[reader] = reason
                        work.append(reader)
