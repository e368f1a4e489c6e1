"""What is asked of a module that is used as an object, where that can be seen. Host world.

`getattr(lib, name) for name in NAMES`, `globals()[name]`, `m = lib` in a function that only uses `m.f`: these keep the
names that are asked for, and not the whole module. Whatever else is done with a module leaves all of it open.
"""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from gotee.compiler.dynamic import GLOBALS_ATTRIBUTES, SOURCE_READERS
from gotee.compiler.names import Ref
from gotee.compiler.program import Module
from gotee.compiler.scopes import walk
from gotee.compiler.statements import Unit
from gotee.compiler.texts import Texts

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]
_ASKING = {"builtins.getattr", "builtins.hasattr"}
_LOOKS_AT_LOCALS = {"locals", "vars", "dir", "eval", "exec"}
_DEPTH = 8


class Question(NamedTuple):
    """A computed name that is asked of a module."""

    node: Node
    module: Module
    unit: Unit
    ref: Ref
    target: Module
    name: ast.expr


class Asked:
    """The questions of one graph; they are answered when all modules are read."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._questions: list[Question] = []

    def understood(self, module: Module, unit: Unit, node: Node, ref: Ref, target: Module) -> bool:
        """Whether it is seen what is asked of a module that a reference is; then its edges are made, or will be."""
        if not (GLOBALS_ATTRIBUTES | SOURCE_READERS).isdisjoint(unit.uses.mentions):
            return False
        name = self._computed(module, unit, ref)
        if name is not None:
            self._questions.append(Question(node, module, unit, ref, target, name))
            return True
        attributes = attributes_of(unit.node, ref.node)
        for attribute in sorted(attributes or ()):
            self._asks(module, unit, node, ref, target, attribute)
        return attributes is not None

    def _computed(self, module: Module, unit: Unit, ref: Ref) -> ast.expr | None:
        for call in walk(unit.node):
            if isinstance(call, ast.Call) and len(call.args) > 1 and call.args[0] is ref.node:
                return call.args[1] if self._graph.purity.dotted(module, call.func) in _ASKING else None
        return None

    def later(self, question: Question) -> None:
        """Note a question."""
        self._questions.append(question)

    def resolve(self) -> None:
        """Make the edges of all questions; one that stays open asks for all of the module."""
        graph = self._graph
        left = self._questions
        answers = [self._names(question) for question in left]
        while True:
            holding = [names is not None and all(map(graph.marks.holds, relied)) for names, relied in answers]
            for asked in [asked for asked, holds in zip(left, holding, strict=True) if not holds]:
                graph.value(asked.unit, asked.node, asked.target)  # may set what others rely on
            left = [asked for asked, holds in zip(left, holding, strict=True) if holds]
            answers = [answer for answer, holds in zip(answers, holding, strict=True) if holds]
            if not all(holding):
                continue
            for asked, (names, _) in zip(left, answers, strict=True):
                for name in names or ():
                    self._asks(asked.module, asked.unit, asked.node, asked.ref, asked.target, name)
            if all(graph.marks.holds(each) for _, relied in answers for each in relied):
                break

    def _names(self, question: Question) -> tuple[list[str] | None, set[tuple[str, ...]]]:
        relied: set[tuple[str, ...]] = set()
        parameter = partial(self._graph.parameters.values, self._graph, relied)
        texts = Texts(self._graph.purity, relied, parameter)
        return texts.known(question.module, question.unit, question.name), relied

    def _asks(self, module: Module, unit: Unit, node: Node, ref: Ref, target: Module, name: str) -> None:
        graph = self._graph
        graph.link(node, ("active", target.name))
        asked = ref._replace(steps=(name,), reads=0, store=False)
        for event in list(graph.resolver.module(target.name, (name,), set())):
            graph.event(module, unit, node, asked, event)


def _only_tested(node: ast.AST, outer: ast.AST | None) -> bool:
    """`m is None`, `if m`."""
    if isinstance(outer, ast.Compare):
        return all(isinstance(operator, (ast.Is, ast.IsNot)) for operator in outer.ops)
    return isinstance(outer, (ast.IfExp, ast.If, ast.While)) and outer.test is node


def attributes_of(within: ast.AST, module: ast.AST) -> set[str] | None:
    """The attributes that a statement asks of an expression in it that is a module; None if it may do more with it.

    >>> function = ast.parse("def f(x): m = a if x else b; return m.run() if m is not None else m.stop").body[0]
    >>> sorted(attributes_of(function, function.body[0].value.body))
    ['run', 'stop']
    >>> function = ast.parse("def f(x): m = a; return m.run(m)").body[0]
    >>> attributes_of(function, function.body[0].value) is None
    True
    """
    parents = {id(child): parent for parent in walk(within) for child in ast.iter_child_nodes(parent)}
    names = {child.id for child in walk(within) if isinstance(child, ast.Name)}
    declared = {name for child in walk(within) if isinstance(child, (ast.Global, ast.Nonlocal)) for name in child.names}
    found: set[str] = set()
    work: list[tuple[ast.AST, int]] = [(module, 0)]
    while work:
        node, depth = work.pop()
        outer = parents.get(id(node))
        name: str | None = None
        if depth > _DEPTH:
            return None
        if isinstance(outer, ast.Attribute) and isinstance(outer.ctx, ast.Load) and not outer.attr.startswith("__"):
            found.add(outer.attr)
        elif _only_tested(node, outer):
            continue
        elif isinstance(outer, (ast.IfExp, ast.BoolOp)):
            work.append((outer, depth + 1))
        elif isinstance(outer, ast.NamedExpr) and isinstance(within, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = outer.target.id
            work.append((outer, depth + 1))
        elif isinstance(outer, ast.Assign) and isinstance(within, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = outer.targets[0].id if len(outer.targets) == 1 and isinstance(outer.targets[0], ast.Name) else None
            if name is None:
                return None
        elif not isinstance(outer, ast.Expr):
            return None
        if name is not None:
            if name in declared or names & _LOOKS_AT_LOCALS:
                return None
            loads = [c for c in walk(within) if isinstance(c, ast.Name) and c.id == name]
            work += [(load, depth + 1) for load in loads if isinstance(load.ctx, ast.Load)]
    return found
