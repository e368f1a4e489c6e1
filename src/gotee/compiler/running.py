"""The edges of code in texts: `eval`, `exec`, `timeit`, profilers, `runpy`. Host world; part of `bystring`."""

from __future__ import annotations

import ast
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeGuard

from gotee.compiler.collect import uses_of_code
from gotee.compiler.names import Ref, Step, Uses
from gotee.compiler.program import Module, absolute
from gotee.compiler.scopes import constant_text
from gotee.compiler.statements import Unit
from gotee.compiler.texts import Texts
from gotee.compiler.values import OBJECT

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]
_RUNNING = ("run", "runctx", "runsource", "runcode", "push")
_RUNNERS = re.compile(r"\b(?:import|from)\s+(?:cProfile|profile|trace|bdb|pdb|code)\b")


class Running(ABC):
    """Adds edges to one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._running: bool | None = None  # whether the program imports something that runs texts

    @abstractmethod
    def texts(self, module: Module, unit: Unit, node: Node, ref: Ref, expression: ast.expr) -> list[str] | None:
        """The texts that an expression may be, or None."""

    @abstractmethod
    def imported(
        self,
        module: Module,
        unit: Unit,
        node: Node,
        ref: Ref,
        name: str,
        rest: tuple[Step, ...],
        top_only: bool = False,
    ) -> None:
        """The edges of loading a module whose name is known."""

    def _code(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`eval` and `exec` of a constant text; one that is no Python raises SyntaxError inside as outside."""
        call = steps[0] if steps else None
        if not isinstance(call, ast.Call) or not call.args:
            return False
        texts = self.texts(module, unit, node, ref, call.args[0])
        for text in texts or ():
            self._runs(module, unit, node, ref, text)
        self._graph.reach(node, ("writer", module.name))
        return texts is not None

    def _runs(self, module: Module, unit: Unit, node: Node, ref: Ref, text: str) -> None:
        """The edges of code in a text."""
        uses = uses_of_code(text)
        if uses is not None:
            moved = {"node": ref.node, "immediate": ref.immediate, "in_function": ref.in_function}
            uses.refs[:] = [used._replace(**moved) for used in uses.refs]  # type: ignore[arg-type]
            imported = [(use.name, use.imported) for use in uses.imports if use.global_]
            uses.refs += [
                used._replace(base=what) for used in uses.refs for name, what in imported if used.base == name
            ]
            self._graph.uses(module, unit, node, uses, only_immediate_reach=False)
            for use in uses.imports:
                target = self._graph.program.find(absolute(module, use.imported.level, use.imported.module))
                if use.name == "*" and target is not None:
                    self._graph.value(unit, node, target)  # into whatever table the text runs in

    def _timed(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`timeit.timeit(statement, setup)` and `cProfile.run(statement)` run texts; a function may stand for one."""
        call = steps[0] if steps else None
        if not isinstance(call, ast.Call):
            return False
        given = [*call.args[:2], *(word.value for word in call.keywords if word.arg in ("stmt", "setup", "statement"))]
        for argument in given:
            values = Texts(self._graph.purity, set()).values(module, unit, argument)
            texts = None if OBJECT in values else self.texts(module, unit, node, ref, argument)
            if texts is None and OBJECT not in values:
                return False
            for text in texts or ():
                self._runs(module, unit, node, ref, text)
        return True

    def methods(self, module: Module, unit: Unit, node: Node, uses: Uses) -> None:
        """`profiler.run("f()")`, `interpreter.runsource("f()")`: texts given to objects of the standard library."""
        for body in uses.bodies:
            for method, call, _ in body.methods:
                if method in _RUNNING and isinstance(call, ast.Call) and call.args:
                    text = constant_text(call.args[0])
                    if text is not None and self._runs_texts():
                        self._runs(module, unit, node, Ref("", (), call, immediate=not body.name), text)

    def _runs_texts(self) -> bool:
        if self._running is None:
            self._running = any(_RUNNERS.search(module.source) for module in self._graph.program.modules.values())
        return self._running

    def _run(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`runpy.run_module("module")` runs all of its text."""
        call = spelled_out(steps[0], "mod_name") if steps else None
        names = self.texts(module, unit, node, ref, call.args[0]) if has_argument(call) else None
        for name in names or ():
            self.imported(module, unit, node, ref, name, ())
            self.again(unit, node, name)
        return names is not None

    def again(self, unit: Unit, node: Node, name: str) -> None:
        """All of a module's text runs, whether it has run before or not."""
        if (run := self._graph.program.find(name)) is not None:
            self._graph.value(unit, node, run)
            self._graph.need(node, ("text", name))


def spelled_out(step: Step, *names: str) -> Step:
    """A call with its first argument in its place, however it is given: `f(name="m")`, `f(*["m"])`, `f(**{...})`."""
    if not isinstance(step, ast.Call):
        return step
    given: list[ast.expr] = []
    for argument in step.args:
        inner = argument.value if isinstance(argument, ast.Starred) else None
        given += inner.elts if isinstance(inner, (ast.List, ast.Tuple)) else [argument]
    words: list[ast.keyword] = []
    for word in step.keywords:
        table = word.value if word.arg is None and isinstance(word.value, ast.Dict) else None
        keys = [constant_text(key) for key in table.keys] if table is not None else [None]
        if table is None or None in keys:
            words.append(word)
        else:
            words += [ast.keyword(key, value) for key, value in zip(keys, table.values, strict=True)]
    if not given:
        given = [word.value for word in words if word.arg in names][:1]
        words = [word for word in words if word.arg not in names]
    return ast.copy_location(ast.Call(step.func, given, words), step)


def has_argument(step: Step | None) -> TypeGuard[ast.Call]:
    """Whether a step is a call with an argument."""
    return isinstance(step, ast.Call) and bool(step.args)
