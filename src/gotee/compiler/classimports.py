"""Modules that the body of a class imports: `C.lib.f()` needs f, not all of lib. Host world.

Whoever has the class has the module, as an attribute. It is followed where the whole program reads that attribute in no
other way than `x.lib.name`, and nothing looks through objects by computed names. Else it is a module as an object.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from gotee.compiler.dynamic import GLOBALS_ATTRIBUTES
from gotee.compiler.imports import Name
from gotee.compiler.names import ImportUse
from gotee.compiler.program import Module, absolute
from gotee.compiler.scopes import walk
from gotee.compiler.statements import Unit

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]
# What reads attributes, or whole namespaces, by other ways than `x.name`.
_COMPUTED = {
    "vars", "dir", "getattr", "setattr", "delattr", "eval", "exec", "locals", "getmembers", "getmembers_static",
    "getattr_static", "attrgetter", "methodcaller", "__dict__", "__getattribute__", "f_locals", "mro", "__mro__",
} | GLOBALS_ATTRIBUTES  # fmt: skip
_WORD = re.compile(r"\w+")


class _Use(NamedTuple):
    module: Module
    unit: Unit
    node: Node
    use: ImportUse
    target: Module


class ClassImports:
    """Adds edges to one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._waiting: list[_Use] = []

    def later(self, module: Module, unit: Unit, node: Node, use: ImportUse) -> None:
        """Note an import in the body of a class, to be looked at when all of the program is known."""
        imported = use.imported
        target = self._graph.program.find(absolute(module, imported.level, imported.module))
        if target is not None:
            self._waiting.append(_Use(module, unit, node, use, target))

    def resolve(self) -> None:
        """Add the edges of all that wait."""
        read = _Read(module.tree for module in self._graph.program.modules.values()) if self._waiting else None
        for each in self._waiting:
            names = self._asked(each, read) if read is not None else None
            if names is None:
                self._graph.value(each.unit, each.node, each.target)
                continue
            self._graph.link(each.node, ("active", each.target.name))
            for name in names:
                self._graph.marks.valued.add(name.module.name)
                self._graph.link(each.node, self._graph.name(name.module, name.name))
                self._graph.parameters.escape(name.module.name, name.name)

    def _asked(self, each: _Use, read: _Read) -> list[Name] | None:
        """The globals that may be asked of a module; None if that is not known."""
        resolver, imported = self._graph.resolver, each.use.imported
        if read.computed or each.use.name.startswith("__") or not _is_plain(each.unit.node, each.use.node):
            return None
        if imported.attr is not None:
            events = list(resolver.imported(each.module, imported, (), set()))
        else:
            words = read.through(each.use.name)
            if words is None or any(word.startswith("__") for word in words):
                return None
            events = [e for word in sorted(words) for e in resolver.attribute(each.target, word, (), set())]
        names = [event for event in events if isinstance(event, Name)]
        return names if len(names) == len(events) else None


class _Read:
    """How a program reads attributes."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        self._through: dict[str, set[str]] = defaultdict(set)  # x.word.these
        self._otherwise: set[str] = set()
        for tree in trees:
            self._look(tree)

    def through(self, word: str) -> set[str] | None:
        """What is read of the attributes of this name; None if they are read in another way, too."""
        return None if word in self._otherwise else self._through[word]

    @property
    def computed(self) -> bool:
        """Whether something may be read of an object whose name is not written there."""
        return not _COMPUTED.isdisjoint(self._otherwise)

    def _look(self, tree: ast.Module) -> None:
        inner: set[int] = set()
        for node in walk(tree):
            if isinstance(node, ast.Attribute):
                if isinstance(node.value, ast.Attribute) and isinstance(node.ctx, ast.Load):
                    inner.add(id(node.value))
                    self._through[node.value.attr].add(node.attr)
                if id(node) not in inner:
                    self._otherwise.add(node.attr)
            elif isinstance(node, ast.Name) and node.id in _COMPUTED:
                self._otherwise.add(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._otherwise.update(_WORD.findall(node.value))
            elif isinstance(node, ast.MatchClass):
                self._otherwise.update(node.kwd_attrs)
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                self._otherwise.update(node.names)
            elif isinstance(node, ast.alias):
                self._otherwise.update(_COMPUTED & {node.name})


def _is_plain(statement: ast.stmt, node: ast.AST) -> bool:
    """Whether all classes around an import have neither bases nor anything else that sees what is in them."""
    around = [each for each in walk(statement) if isinstance(each, ast.ClassDef) and any(n is node for n in walk(each))]
    return not any(each.bases or each.keywords or each.decorator_list for each in around)
