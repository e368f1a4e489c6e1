"""Chains of attributes, calls and subscripts, what name begins each, and what that name means there. Host world.

`getattr(x, "n")`, `vars(x)["n"]` and `x.__dict__["n"]` count as `x.n`. `collect` walks the code around them.
"""

from __future__ import annotations

import ast
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field

from gotee.compiler.names import Body, Ref, Step, Uses
from gotee.compiler.reading import ITERATING, READ_METHODS
from gotee.compiler.scopes import Imported, constant_text

_GETTERS = ("get", "pop", "setdefault", "getattr", "popleft", "popitem")
_ATTRIBUTE_FUNCTIONS = {"getattr", "hasattr", "setattr", "delattr"}


@dataclass
class Scope:
    kind: str
    names: set[str]
    declared: set[str]
    imports: dict[str, list[Imported]] = field(default_factory=dict)
    channels: set[str] = field(default_factory=set)


def _reads(steps: tuple[Step, ...], read: bool) -> int:
    """How much a reference only reads (see `Ref.reads`), by the subscript or method in front of its steps."""
    if not steps:
        return int(read)
    if all(isinstance(step, ast.Subscript) for step in steps):
        return 2 if read else 1
    first, *rest = steps
    method = first in READ_METHODS and bool(rest) and isinstance(rest[0], ast.Call)
    return int(isinstance(first, ast.Subscript) or method)


class Chains(ABC):
    """Notes references. `scopes` are the functions, comprehensions and classes around the current node."""

    def __init__(self) -> None:
        self.uses = Uses()
        self._scopes: list[Scope] = []
        self._deferred = False
        self._guarded = False
        self._soft = False
        self._exempt = False
        self._body = Body("")
        self._read: set[int] = set()  # expressions that the code around them only looks at
        self._augmented: set[int] = set()
        self._loops: set[str] = set()  # names that loops give values

    @abstractmethod
    def visit(self, node: ast.AST) -> None:
        """Look at a part of the code."""

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    @abstractmethod
    def _iterates(self, nodes: list[ast.expr]) -> None:
        """Note what is gone through."""

    @abstractmethod
    def _quoted_types(self, node: ast.AST) -> None:
        """Look at texts that stand for types."""

    def _meaning(self, name: str) -> list[str | Imported]:
        """What a name may be here: a global (its name), function-level imports, or nothing of interest."""
        for depth, scope in enumerate(reversed(self._scopes)):
            if scope.kind == "class" and depth:
                continue
            if name in scope.declared:
                return [name]
            if name in scope.imports:
                return list(scope.imports[name])
            if name in scope.names and scope.kind != "class":
                return []
        return [name]

    def _name(self, node: ast.Name) -> None:
        self._refer(node, node, ())

    def _refer(self, name: ast.Name, node: ast.expr, steps: tuple[Step, ...], store: bool = False) -> None:
        meanings = self._meaning(name.id)
        in_function = any(scope.kind == "function" for scope in self._scopes)
        bare_store = not steps and not isinstance(name.ctx, ast.Load)
        for meaning in meanings:
            if bare_store:
                if in_function and isinstance(meaning, str):
                    self.uses.writes.add(meaning)
                continue
            reads = 0 if store else _reads(steps, id(node) in self._read)
            where = (not self._deferred, self._soft, in_function, self._exempt, self._guarded)
            ref = Ref(meaning, steps, node, store, *where, reads)
            self.uses.refs.append(ref)
            if any(isinstance(step, ast.Call) for step in steps):
                self._body.calls.append(ref)
        if not meanings:
            self._frames(node, steps)
        self._body.dispatches = self._body.dispatches or self._dispatches(name.id, steps)
        called = bool(steps) and isinstance(steps[0], ast.Call)
        if called and not meanings:
            self._body.local_calls.add(name.id)
            self._body.calls_parameter = self._body.calls_parameter or name.id in self._body.parameters
        for position, step in enumerate(steps[1:], 1):
            if isinstance(step, ast.Call) and isinstance(before := steps[position - 1], str):
                self.uses.tries = self.uses.tries or (self._guarded and not meanings)
                self._body.methods.append((before, step, self._is_channel(name.id)))

    def _dispatches(self, name: str, steps: tuple[Step, ...]) -> bool:
        """Whether a chain calls what comes out of a table or a loop: `TABLE[key]()`, `for f in TABLE: f()`."""
        if steps and isinstance(steps[0], ast.Call) and name in self._loops:
            return True
        for position, step in enumerate(steps[1:], 1):
            before = steps[position - 1]
            asked = isinstance(before, ast.Call) and (name if position == 1 else steps[position - 2]) in _GETTERS
            if isinstance(step, ast.Call) and (asked or isinstance(before, ast.Subscript)):
                return True
        return False

    def _is_channel(self, name: str) -> bool:
        return any(name in scope.channels for scope in self._scopes)

    def _chain(self, node: ast.expr) -> None:
        """An expression of attributes, calls and subscripts; recorded as one reference when a name begins it."""
        steps: list[Step] = []
        inner: list[ast.AST] = []
        store = isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del))
        base: ast.expr = node
        while True:
            if isinstance(base, ast.Attribute):
                if type(base.ctx) is not ast.Load:
                    self.uses.sets.add(base.attr)
                steps.append(base.attr)
                self.uses.mentions.add(base.attr)
                base = base.value
            elif isinstance(base, ast.Call):
                self._iterates(base.args if getattr(base.func, "id", "") in ITERATING else [])
                spelled = self._attribute_call(base)
                if spelled is not None:
                    store = store or (base is node and spelled[2])
                    if spelled[2]:
                        self.uses.sets.add(spelled[1])
                    steps.append(spelled[1])
                    self.uses.mentions.add(spelled[1])
                    inner += [base.func, *base.args[2:]]
                    base = spelled[0]
                    continue
                if len(base.args) == 3 and (text := constant_text(base.args[1])):
                    self.uses.sets.add(text)  # `type.__setattr__(Base, "__init_subclass__", hook)`
                steps.append(base)
                inner += [*base.args, *(keyword.value for keyword in base.keywords)]
                base = base.func
            elif isinstance(base, ast.Subscript):
                text = constant_text(base.slice)
                if text is not None and self._is_namespace(base.value):
                    steps.append(text)
                    inner += [base.value.func] if isinstance(base.value, ast.Call) else []
                    base = self._namespace_owner(base.value)
                    continue
                steps.append(base)
                inner.append(base.slice)
                base = base.value
            else:
                break
        steps.reverse()
        if isinstance(base, ast.Name):
            self._refer(base, node, tuple(steps), store)
            if store and (id(node) in self._augmented or isinstance(getattr(node, "ctx", None), ast.Del)):
                self._refer(base, node, tuple(steps))  # must be there before it is changed
        else:
            self._methods_of(steps)
            self._frames(node, tuple(steps))
            if isinstance(base, ast.Lambda) and steps and isinstance(steps[0], ast.Call):
                self._body.lambdas.append(base)
            self.visit(base)
        self._quoted_types(node)
        before, self._exempt = self._exempt, self._soft
        self._all(inner)
        self._exempt = before

    def _frames(self, node: ast.expr, steps: tuple[Step, ...]) -> None:
        """A chain of what has no name at the top level, a frame for example."""
        if any(isinstance(step, str) and step.startswith("f_") for step in steps):
            self.uses.frames.append((node, steps))

    def _methods_of(self, steps: list[Step]) -> None:
        for before, step in itertools.pairwise(steps):
            if isinstance(before, str) and isinstance(step, ast.Call):
                self._body.methods.append((before, step, False))

    def _attribute_call(self, call: ast.Call) -> tuple[ast.expr, str, bool] | None:
        """`getattr(x, "n")` and the like: x, "n", and whether it writes; `vars(x)` is `x.__dict__`."""
        if not isinstance(call.func, ast.Name) or call.keywords or not self._meaning(call.func.id):
            return None
        name = call.func.id
        if name == "vars" and len(call.args) == 1:
            return call.args[0], "__dict__", False
        if name in _ATTRIBUTE_FUNCTIONS and len(call.args) >= 2:
            text = constant_text(call.args[1])
            if text is not None:
                return call.args[0], text, name in ("setattr", "delattr")
            if name in ("setattr", "delattr"):
                self.uses.sets.add("*")
        return None

    def _is_namespace(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            return node.attr == "__dict__"
        return isinstance(node, ast.Call) and (self._attribute_call(node) or ("", ""))[1] == "__dict__"

    def _namespace_owner(self, node: ast.expr) -> ast.expr:
        return node.value if isinstance(node, ast.Attribute) else node.args[0]  # type: ignore[attr-defined]
