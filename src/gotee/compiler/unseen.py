"""Statements that call what they find in a table, which may be a function that starts routines. Host world.

Such a statement may be the host's, or trusted code's: if it stays inside and shares the table with functions that start
routines, it is refused.
"""

from __future__ import annotations

import ast
from collections import defaultdict

from gotee.compiler.diagnostics import error_at
from gotee.compiler.facts import DEFINITIONS
from gotee.compiler.fixpoint import Fixpoint
from gotee.compiler.graph import Graph, Node

_CURE = 'move what starts routines under `if __name__ == "__main__":`'


def refuse_unseen(graph: Graph, fixpoint: Fixpoint) -> None:
    """Raises CompileError GT312."""
    asking = [node for node in fixpoint.kept if node[0] == "unit" and node in graph.impure and _dispatches(graph, node)]
    starters = _starters(graph) if asking else []
    if not starters:
        return
    forward: dict[Node, list[Node]] = defaultdict(list)
    for other, nodes in graph.touchers.items():
        for node in nodes:
            forward[node].append(other)
    tables = _tables(graph, forward, starters)
    for node in asking:
        shared = sorted(f"{table[1]}:{table[2]}" for table in tables & _tables(graph, forward, [node]))
        if shared:
            module, unit = graph.unit_of(node)
            raise error_at(
                module,
                unit.node,
                "GT312",
                f"it is not seen which functions this statement calls: some that {shared[0]} may hold start routines, "
                "and trusted code uses what it changes",
                _CURE,
            )


def _dispatches(graph: Graph, node: Node) -> bool:
    module, unit = graph.unit_of(node)
    return not isinstance(unit.node, (*DEFINITIONS, ast.ClassDef)) and graph.host.dispatches(module, unit)


def _starters(graph: Graph) -> list[Node]:
    """The definitions that start routines when they are called, and the statements that hand such a one on."""
    found: list[Node] = []
    for module in graph.program.modules.values():
        for unit in graph.resolver.table(module).statements.units:
            if not unit.is_import and not unit.dead and graph.host.function_reason(module, unit) is not None:
                found.append(("unit", module.name, unit.index))
                found += [
                    ("unit", *user) for name in unit.binds for user in graph.parameters.handed_on(module.name, name)
                ]
    return found


def _tables(graph: Graph, forward: dict[Node, list[Node]], start: list[Node]) -> set[Node]:
    """The variables that statements reach and that the program changes."""
    seen: set[Node] = set()
    work = list(start)
    while work:
        node = work.pop()
        if node not in seen and node[0] not in ("always", "ext", "loaded"):
            seen.add(node)
            work += forward.get(node, ())
    return seen & graph.marks.changed
