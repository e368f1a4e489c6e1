"""Modules reached as attributes of a module that is used as an object: `attrgetter("inner.value")(outer)`. Host world.

Such a chain cannot be followed. What it may read of the inner module are the names that the program spells, as an
attribute or in a string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gotee.compiler.imports import Value
from gotee.compiler.program import Module

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]


def expose(graph: Graph, modules: set[str]) -> None:
    """Add the edges of the modules that these, used as objects, lead to."""
    spelled = _spelled(graph)
    work = [(graph.program.modules[name], True) for name in sorted(modules)]
    seen = set(work)
    while work:
        module, whole = work.pop()
        node: Node = ("exposed" if whole else "reached", module.name)
        for name, inner in _modules_of(graph, module):
            if inner is module or not (whole or name in spelled):
                continue
            graph.need(node, ("reached", inner.name))
            graph.reach(node, ("reached", inner.name))
            if (inner, False) not in seen:
                seen.add((inner, False))
                work.append((inner, False))
        if not whole:
            graph.link(node, ("active", module.name))
            for name in sorted(spelled & graph.resolver.table(module).binders.keys()):
                graph.link(node, graph.name(module, name))


def _spelled(graph: Graph) -> set[str]:
    """The words of all attributes and short strings."""
    words: set[str] = set()
    for module in graph.program.modules.values():
        for unit in graph.resolver.table(module).statements.units:
            words |= unit.uses.mentions
    for text in [text for text in words if "." in text]:
        words |= set(text.split("."))
    return words


def _modules_of(graph: Graph, module: Module) -> list[tuple[str, Module]]:
    """The globals of a module that are modules of the program."""
    resolver = graph.resolver
    imported = [
        (name, binder.imported)
        for name, binders in resolver.table(module).binders.items()
        for binder in binders
        if binder.imported is not None
    ]
    return [
        (name, event.module)
        for name, one in imported
        for event in resolver.imported(module, one, (), set())
        if isinstance(event, Value)
    ]
