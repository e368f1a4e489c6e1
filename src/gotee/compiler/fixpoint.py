"""The fixed point: from the entries to everything that stays, with the reason of each. Host world.

Two marks, each set once on a node, so the time is linear in the graph. *Kept* goes forward along `needs`. *Touching*
goes backward along `touchers` from what is kept: what reaches something kept. A statement that runs at import, is not
known to be pure and is touching becomes kept, until nothing changes.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import NamedTuple

from gotee.compiler import known
from gotee.compiler.graph import ALWAYS, ANNOTATIONS, SUBCLASSES, Graph, Node
from gotee.compiler.library import imported_by

_QUIET = {"whole", "raises", "rebound", "soft", "subclasses"}


class Why(NamedTuple):
    """Why a node is kept: because `parent` needs it, or because its execution may change `parent`."""

    parent: Node | None
    changes: bool


class Fixpoint:
    """What stays of a program for some entries."""

    def __init__(self, graph: Graph, roots: list[Node]) -> None:
        self.graph = graph
        self.kept: dict[Node, Why] = {}
        self.touching: dict[Node, Node] = {}  # and what kept node it was that they touch
        self.wanted_host_only: list[tuple[Node, Node]] = []
        self.live: set[str] = set()
        self._looked: set[Node] = set()
        for name in (graph.program.main.name, *(str(root[1]) for root in roots if root[0] != "ext")):
            self.live |= _live_modules(graph, name, self._looked)
        self._circular = _circular_modules(graph)
        self._work: deque[tuple[bool, Node]] = deque()
        self._waiting: dict[str, list[tuple[Node, Node]]] = defaultdict(list)
        self._classes: list[tuple[Node, Node]] = []
        self._soft: list[Node] = []
        self._keep(ALWAYS, None)
        main = graph.program.main.name
        self._keep(("active", main), None)
        for root in roots:
            self._keep(root, None)
            if root[0] != "ext":
                self._keep_signature(root)
        self._run()

    def _keep_signature(self, root: Node) -> None:
        for node in list(self.graph.needs[root]):
            if node[0] == "unit":
                self._keep(("soft", *node[1:]), root)

    def _keep(self, node: Node, parent: Node | None, changes: bool = False) -> None:
        if node in self.kept:
            return
        if node in self.graph.host_only:
            if parent is not None and parent[0] not in _QUIET and not changes:
                self.wanted_host_only.append((node, parent))
            return
        self.kept[node] = Why(parent, changes)
        self._work.append((True, node))

    def _touch(self, node: Node, target: Node) -> None:
        if node not in self.touching:
            self.touching[node] = target
            self._work.append((False, node))

    def _run(self) -> None:
        while self._work:
            is_kept, node = self._work.popleft()
            if is_kept:
                self._kept(node)
            else:
                self._touching(node)

    def _kept(self, node: Node) -> None:
        for other in self.graph.needs.get(node, ()):
            self._keep(other, node)
        self._touch(node, node)
        kind = node[0]
        if kind == "unit":
            self._kept_unit(node)
        elif kind in ("exists", "active"):
            self._becomes_live(node[1])
        elif kind == "annotations":
            for soft in self._soft:
                self._keep(soft, node)
        elif node == ("asked", "builtins.object"):
            for unit in self.graph.without_bases:
                self._keep_when_live(unit, node)
        elif kind == "subclasses":
            for unit, target in self._classes:
                self._keep_when_live(unit, target)
        elif kind == "ext" and not known.is_standard(node[1]):
            self._keep(ANNOTATIONS, node)
        if kind in ("ext", "loaded") and known.is_standard(node[1]):
            for name in imported_by(node[1]):
                self._touch(("ext", name), node)
                if name in self.graph.program.modules:  # the standard library finds the program's before its own
                    self._keep(("text", name), node)
                    self._keep(("active", name), node)

    def _kept_unit(self, node: Node) -> None:
        soft: Node = ("soft", *node[1:])
        if ANNOTATIONS in self.kept:
            self._keep(soft, node)
        else:
            self._soft.append(soft)
        if node[1] in self._circular:
            self._keep(("active", node[1]), node)
        if node in self.graph.impure:
            module, unit = self.graph.unit_of(node)
            for name in unit.binds:
                self._keep(("rebound", module.name, name), node)
                for other in self.graph.needs.get(("name", module.name, name), ()):
                    self._keep(other, ("rebound", module.name, name))

    def _touching(self, node: Node) -> None:
        if node in self.graph.host_only:
            return
        for other in self.graph.touchers.get(node, ()):
            self._touch(other, self.touching[node])
        if node[0] == "load":
            self._keep_when_live(("exec", *node[1:]), self.touching[node])
        elif node[0] == "unit" and node in self.graph.impure:
            self._keep_when_live(node, self.touching[node])
        elif node[0] == "unit" and node in self.graph.classes[node[1]]:
            if SUBCLASSES in self.kept:
                self._keep_when_live(node, self.touching[node])
            self._classes.append((node, self.touching[node]))

    def _keep_when_live(self, node: Node, target: Node) -> None:
        if node[1] not in self.live:
            self._waiting[node[1]].append((node, target))
        elif node not in self.graph.host_only:
            self._keep(node, target, changes=True)
            self._keep(("active", node[1]), node)

    def _becomes_live(self, module: str) -> None:
        if module in self.live:
            return
        new = {module} | _live_modules(self.graph, module, self._looked)  # with what it imports in its turn
        self.live |= new
        for name in sorted(new):
            for node, target in self._waiting.pop(name, []):
                self._keep_when_live(node, target)


def _live_modules(graph: Graph, start: str, seen: set[Node]) -> set[str]:
    """What importing a module may import, by import statements and by functions that run then; not what was seen."""
    live: set[str] = set()
    stack: list[Node] = [("exists", start)]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        stack += graph.needs.get(node, ())
        if node[0] != "exists":
            continue
        live.add(node[1])
        module = graph.program.modules[node[1]]
        for unit in graph.resolver.table(module).statements.units:
            own: Node = ("unit", module.name, unit.index)
            if unit.is_import:
                stack.append(("exec", module.name, unit.index))
            elif own in graph.impure and own not in graph.host_only:
                stack.append(own)
    return live


def _circular_modules(graph: Graph) -> set[str]:
    """The modules that import each other in a circle."""
    edges: dict[str, set[str]] = {name: set() for name in graph.program.modules}
    for name in edges:
        module = graph.program.modules[name]
        for unit in graph.resolver.table(module).statements.units:
            kind = "exec" if unit.is_import else "unit"
            for other in graph.needs.get((kind, name, unit.index), ()):
                if other[0] == "exists" and other[1] != name and not name.startswith(f"{other[1]}."):
                    edges[name].add(other[1])
    return {name for component in components(edges) if len(component) > 1 for name in component}


def components(edges: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of a graph (Tarjan, without recursion).

    >>> sorted(map(sorted, components({"a": {"b"}, "b": {"a"}, "c": {"a"}})))
    [['a', 'b'], ['c']]
    """
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    inside: set[str] = set()
    found: list[list[str]] = []
    for start in edges:
        if start in order:
            continue
        work = [(start, iter(sorted(edges[start])))]
        order[start] = low[start] = len(order)
        stack.append(start)
        inside.add(start)
        while work:
            node, children = work[-1]
            child = next(children, None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    component: list[str] = []
                    while not component or component[-1] != node:
                        component.append(stack.pop())
                        inside.discard(component[-1])
                    found.append(component)
            elif child not in order:
                order[child] = low[child] = len(order)
                stack.append(child)
                inside.add(child)
                work.append((child, iter(sorted(edges[child]))))
            elif child in inside:
                low[node] = min(low[node], order[child])
    return found
