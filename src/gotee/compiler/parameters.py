"""Names of modules that reach a function as an argument: found by looking at all its calls. Host world.

`def load(name): return importlib.import_module(name)` is resolved when every use of `load` in the program is a call
with a constant (or `__name__`) in that place.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from gotee.compiler.imports import Name
from gotee.compiler.names import Ref, Step
from gotee.compiler.program import Module
from gotee.compiler.scopes import bound_names, constant_text
from gotee.compiler.statements import Unit

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]


class Wanted(NamedTuple):
    """A module name that is a parameter, and what is done with the module."""

    node: Node
    module: Module
    unit: Unit
    ref: Ref
    parameter: str
    rest: tuple[Step, ...]
    code: str
    message: str


class Parameters:
    """The calls of a program's functions, and the parameters that wait for them."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], list[tuple[Module, ast.Call]]] = defaultdict(list)
        self._escaped: set[tuple[str, str]] = set()
        self._wanted: list[Wanted] = []
        self._relied: list[tuple[Node, Ref, Node]] = []

    def note(self, caller: Module, event: Name, store: bool) -> None:
        """One use of a global of the program."""
        key = (event.module.name, event.name)
        if event.steps and isinstance(event.steps[0], ast.Call):
            self._calls[key].append((caller, event.steps[0]))
        elif not store and not (event.steps and isinstance(event.steps[0], str) and event.steps[0].startswith("__doc")):
            self._escaped.add(key)

    def rely(self, node: Node, ref: Ref, names: Iterable[Node]) -> None:
        """A computed name was resolved in the belief that no module sets these globals of another."""
        self._relied += [(node, ref, name) for name in names]

    def escape(self, module: str, name: str) -> None:
        """Say that a function may be called from elsewhere: an entry."""
        self._escaped.add((module, name))

    def wait(self, wanted: Wanted) -> bool:
        """Take a parameter of a top-level function; False if it is not one that can be followed."""
        if _position(wanted.unit.node, wanted.parameter) is None:
            return False
        self._wanted.append(wanted)
        return True

    def resolve(self, graph: Graph) -> None:
        """Add the edges of all that wait; what some call leaves open is a dynamic feature."""
        for node, ref, name in self._relied:
            if name in graph.stored:
                message = f"the text in {name[1]}:{name[2]} is not known, for another module sets it"
                graph.dynamic(node, "GT301", ref.node, message)
        for wanted in self._wanted:
            assert isinstance(wanted.unit.node, (ast.FunctionDef, ast.AsyncFunctionDef))
            key = (wanted.module.name, wanted.unit.node.name)
            names = [self._argument(wanted, caller, call) for caller, call in self._calls[key]]
            if key in self._escaped or not names or None in names:
                graph.dynamic(wanted.node, wanted.code, wanted.ref.node, wanted.message)
                continue
            graph.dynamic(wanted.node, wanted.code, wanted.ref.node, wanted.message, ("whole", wanted.module.name))
            for text in names:
                graph.externals.imported(wanted.module, wanted.unit, wanted.node, wanted.ref, str(text), wanted.rest)

    def _argument(self, wanted: Wanted, caller: Module, call: ast.Call) -> str | None:
        position = _position(wanted.unit.node, wanted.parameter)
        assert position is not None
        if any(isinstance(argument, ast.Starred) for argument in call.args) or any(not k.arg for k in call.keywords):
            return None
        given = next((keyword.value for keyword in call.keywords if keyword.arg == wanted.parameter), None)
        if given is None and position < len(call.args):
            given = call.args[position]
        if isinstance(given, ast.Name) and given.id == "__name__":
            return caller.name
        text = constant_text(given)
        return None if text is None or text.startswith(".") else text


def _position(node: ast.stmt, name: str) -> int | None:
    """Where a parameter stands, if it keeps its value and no inner function has one of that name."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.decorator_list:
        return None
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    names = [argument.arg for argument in arguments]
    everywhere = [child.arg for child in ast.walk(node) if isinstance(child, ast.arg)]
    if name not in names or everywhere.count(name) != 1 or name in set(bound_names(node.body)):
        return None
    return names.index(name)
