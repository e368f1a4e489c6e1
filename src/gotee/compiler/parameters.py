"""Names of modules that reach a function as an argument: found by looking at all its calls. Host world.

`def load(name): return importlib.import_module(name)` is resolved when every use of `load` in the program is a call
that gives the name a text which is known.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from gotee.compiler.imports import Name
from gotee.compiler.names import Ref, Step
from gotee.compiler.program import Module
from gotee.compiler.scopes import arguments_of, bindings_of, walk
from gotee.compiler.statements import Unit
from gotee.compiler.texts import Texts, argument_of
from gotee.compiler.values import UNKNOWN

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]


class Wanted(NamedTuple):
    """A module name that parameters of a function make, and what is done with the module."""

    node: Node
    module: Module
    unit: Unit
    ref: Ref
    name: ast.expr
    rest: tuple[Step, ...]
    code: str
    message: str


class Parameters:
    """The calls of a program's functions, and the names that wait for them."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], list[tuple[Module, Unit, ast.Call]]] = defaultdict(list)
        self._escaped: set[tuple[str, str]] = set()
        self._users: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
        self._wanted: list[Wanted] = []
        self._relied: list[tuple[Node, Ref, tuple[str, ...]]] = []
        self._busy: set[tuple[str, str, str]] = set()

    def note(self, caller: Module, unit: Unit, event: Name, store: bool) -> None:
        """One use of a global of the program."""
        key = (event.module.name, event.name)
        if event.steps and isinstance(event.steps[0], ast.Call):
            self._calls[key].append((caller, unit, event.steps[0]))
        elif not store and not (event.steps and isinstance(event.steps[0], str) and event.steps[0].startswith("__doc")):
            self._escaped.add(key)
            self._users[key].append((caller.name, unit.index))

    def handed_on(self, module: str, name: str) -> list[tuple[str, int]]:
        """The statements that use a global otherwise than by calling it."""
        return self._users[module, name]

    def rely(self, node: Node, ref: Ref, relied: Iterable[tuple[str, ...]]) -> None:
        """A computed name was resolved in the belief that no code sets or changes these (see `texts`)."""
        self._relied += [(node, ref, each) for each in relied]

    def escape(self, module: str, name: str) -> None:
        """Say that a function may be called from elsewhere: an entry."""
        self._escaped.add((module, name))

    def wait(self, wanted: Wanted) -> bool:
        """Take a name that parameters of a top-level function make; False if it is not such."""
        function = wanted.unit.node
        if isinstance(function, ast.ClassDef) and any(isinstance(c, ast.Attribute) for c in walk(wanted.name)):
            self._wanted.append(wanted)
            return True
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or function.decorator_list:
            return False
        names = {argument.arg for argument in arguments_of(function.args)}
        used = {child.id for child in walk(wanted.name) if isinstance(child, ast.Name)}
        local = any(any(bindings_of(function, name)) for name in used)  # and may be made of one
        if not names or (names.isdisjoint(used) and not local):
            return False
        self._wanted.append(wanted)
        return True

    def resolve(self, graph: Graph) -> None:
        """Add the edges of all that wait; what some call leaves open is a dynamic feature."""
        for wanted in self._wanted:
            relied: set[tuple[str, ...]] = set()
            texts = Texts(graph.purity, relied, partial(self.values, graph, relied))
            names = texts.known(wanted.module, wanted.unit, wanted.name)
            if names is None or any(name.startswith(".") for name in names):
                graph.dynamic(wanted.node, wanted.code, wanted.ref.node, wanted.message)
                continue
            self.rely(wanted.node, wanted.ref, relied)
            graph.dynamic(wanted.node, wanted.code, wanted.ref.node, wanted.message, ("whole", wanted.module.name))
            for name in names if wanted.rest or not wanted.ref.store else ():
                graph.strings.imported(wanted.module, wanted.unit, wanted.node, wanted.ref, name, wanted.rest)
        for node, ref, each in self._relied:
            if not graph.marks.holds(each):
                message = f"the text in {':'.join(each[1:])} is not known, for other code may set or change it"
                graph.dynamic(node, "GT301", ref.node, message)

    def values(self, graph: Graph, relied: set[tuple[str, ...]], module: Module, unit: Unit, name: str) -> list[object]:
        """What all calls of a function give one of its parameters."""
        holder = unit.node
        assert isinstance(holder, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        key = (module.name, holder.name)
        function = _initializer(holder, name) if isinstance(holder, ast.ClassDef) else holder
        if function is None or function.decorator_list or key in self._escaped:
            return [UNKNOWN]
        everywhere = [child.arg for child in walk(holder) if isinstance(child, ast.arg)]
        if everywhere.count(name) != 1 or not self._calls[key] or (*key, name) in self._busy:
            return [UNKNOWN]
        self._busy.add((*key, name))
        texts = Texts(graph.purity, relied, partial(self.values, graph, relied))
        found: list[object] = []
        for caller, where, call in self._calls[key]:
            if function is not holder:
                call = ast.Call(call.func, [ast.Constant(None), *call.args], call.keywords)
            given = argument_of(function, call, name)
            if given is None:
                found.append(UNKNOWN)
            elif given in [*call.args, *(word.value for word in call.keywords)]:
                found += texts.values(caller, where, given)
            else:
                found += Texts(graph.purity, relied).values(module, unit, given)
        self._busy.discard((*key, name))
        return found


def _initializer(definition: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    """The `__init__` of a class that only its own calls reach, if it has a parameter of a name."""
    methods = [child for child in definition.body if isinstance(child, ast.FunctionDef)]
    found = [method for method in methods if method.name == "__init__"]
    others = definition.bases or definition.keywords or definition.decorator_list
    if len(found) != 1 or others or any(method.name == "__new__" for method in methods):
        return None
    return found[0] if name in [argument.arg for argument in arguments_of(found[0].args)] else None
