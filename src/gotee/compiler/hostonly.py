"""Which statements only the host may run: those whose execution starts routines, uses channels or ends the process.

Host world. A call graph by name: functions of the program that the statement calls, constructors, methods of the
classes it names, and functions that it hands to code outside of the program.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from gotee.compiler.imports import External, Name, Resolver
from gotee.compiler.names import Body, Ref, chain_of
from gotee.compiler.program import Module
from gotee.compiler.statements import Unit

_STARTERS = {"gotee.go", "gotee.gosecure", "gotee.select", "gotee.aselect", "gotee.sleep", "gotee.yield_now"}
_EXITS = {"sys.exit", "os._exit", "os.abort", "builtins.exit", "builtins.quit"}
_CHANNEL = {"send", "recv", "recv_ok", "close", "asend", "arecv", "arecv_ok", "__iter__"}
_ONLY_CHANNEL = {"recv_ok", "asend", "arecv", "arecv_ok"}
_CONSTRUCTORS = ("__init__", "__new__", "__post_init__", "__call__")


class Reason(NamedTuple):
    """Why a statement is the host's: what it reaches, through which functions, and whether that ends the process.

    `guess`: a method of this name reaches it, and another class near has such a method too.
    """

    what: str
    via: tuple[str, ...]
    exits: bool
    guess: bool = False

    def __str__(self) -> str:
        way = "".join(f"{name}() -> " for name in self.via)
        return f"its execution reaches {way}{self.what}"


class HostOnly:
    """Answers for one program."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._known: dict[tuple[str, int], Reason | None] = {}
        self._asked: set[tuple[str, int]] = set()  # what was looked at for the present question
        self._uses_gotee: dict[str, bool] = {}

    def reason(self, module: Module, unit: Unit) -> Reason | None:
        """Why only the host may run a statement, or None."""
        if unit.dead or unit.is_import:
            return None
        reason = self._body(module, unit, unit.body)
        if isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return None if reason is None or reason.exits or reason.guess else reason
        if reason is not None and reason.exits and _is_optional_import(unit.node):
            return None
        return reason

    def function_reason(self, module: Module, unit: Unit) -> Reason | None:
        """Why some function of a definition is the host's, or None; ending the process is no reason here."""
        for body in unit.uses.bodies[1:]:
            reason = self._body(module, unit, body)
            if reason is not None and not reason.exits:
                return reason
        return None

    def dispatches(self, module: Module, unit: Unit) -> bool:
        """Whether running a statement may call what it finds in a table or a loop, so that it is not seen what."""
        seen: set[int] = set()
        work = [(module, unit, unit.body)]
        while work:
            owner, where, body = work.pop()
            if body.dispatches:
                return True
            if id(body) not in seen:
                seen.add(id(body))
                work += self._callees(owner, where, body)
        return False

    def _callees(self, module: Module, unit: Unit, body: Body) -> Iterator[tuple[Module, Unit, Body]]:
        """The bodies that a body may run, as far as names and names of methods say."""
        names = body.local_calls | {name for name, _, _ in body.methods}
        for owner, definition in [(module, unit), *self._classes_near(module, unit)] if names else ():
            yield from (
                (owner, definition, b) for b in definition.uses.bodies[1:] if b.name.rpartition(".")[2] in names
            )
        yield from ((module, unit, inner) for inner in unit.uses.bodies[1:] if inner.node in body.lambdas)
        for ref in body.calls:
            for event in self._resolver.follow(module, ref):
                for other in self._binding(event) if isinstance(event, Name) else ():
                    made = isinstance(other.node, ast.ClassDef)
                    called = {f"{event.name}.{name}" for name in _CONSTRUCTORS} if made else {event.name}  # type: ignore[union-attr]
                    yield from ((event.module, other, b) for b in other.uses.bodies[1:] if b.name in called)  # type: ignore[union-attr]

    def _body(self, module: Module, unit: Unit, body: Body) -> Reason | None:
        """What a body reaches. Bodies that call each other in a circle are looked at once for each question."""
        key = (module.name, id(body))
        if key in self._known:
            return self._known[key]
        first = not self._asked
        if key in self._asked:
            return None
        self._asked.add(key)
        reason = self._search(module, unit, body)
        if reason is not None:
            self._known[key] = reason
        if first:
            if reason is None:
                self._known.update(dict.fromkeys(self._asked))
            self._asked.clear()
        return reason

    def _search(self, module: Module, unit: Unit, body: Body) -> Reason | None:
        """What a body reaches; starting a routine counts before ending the process."""
        ends: Reason | None = None
        for node in body.exits:
            ends = Reason(ast.unparse(node), (), True)
        for ref in body.calls:
            reason = self._call(module, unit, ref)
            if reason is not None and not reason.exits:
                return reason
            ends = ends or reason
        return self._channel_use(module, body) or self._own(module, unit, body, ends)

    def _channel_use(self, module: Module, body: Body) -> Reason | None:
        for method, node, channel in body.methods:
            if method in _CHANNEL and ((channel and self._has_channels(module)) or self._global_channel(module, node)):
                return Reason(f"a channel operation, {method}", (), False)
            if method in _ONLY_CHANNEL and self._knows_gotee(module):
                return Reason(f"a channel operation, {method}", (), False)
        return None

    def _own(self, module: Module, unit: Unit, body: Body, ends: Reason | None) -> Reason | None:
        """Functions inside this one that it calls, methods of its class, methods of classes that it names."""
        for node in body.lambdas:
            reason = self._lambda(module, unit, node)
            if reason is not None and not reason.exits:
                return reason
            ends = ends or reason
        owner = body.name.rpartition(".")[0]
        inner = {f"{body.name}.{name}" for name in body.local_calls}
        methods = {name for name, _, _ in body.methods}
        siblings = {f"{owner}.{name}" for name in methods} if owner else set()
        for other in unit.uses.bodies[1:]:
            if other is not body and other.name in inner | siblings:
                reason = self._body(module, unit, other)
                if reason is not None and not reason.exits:
                    return _through(other.name, reason)
                ends = ends or (reason and _through(other.name, reason))
        if methods and not body.name:
            return self._methods(module, unit, body) or ends
        return ends

    def _methods(self, module: Module, unit: Unit, body: Body) -> Reason | None:
        """What the methods reach that a body calls: of the receiver's class if it is seen, else of any class near."""
        near = self._classes_near(module, unit)
        for method, call, _ in body.methods:
            receiver = self._class_of(module, call)
            candidates = [
                (inner.name, self._body(owner, definition, inner))
                for owner, definition in (near if receiver is None else receiver)
                for inner in definition.uses.bodies[1:]
                if inner.name.rpartition(".")[2] == method
            ]
            for name, reason in candidates:
                if reason is not None:
                    guess = receiver is None and any(other is None for _, other in candidates)
                    return _through(name, reason)._replace(guess=guess or reason.guess)
        return None

    def _class_of(self, module: Module, call: ast.expr) -> list[tuple[Module, Unit]] | None:
        """The classes that may define a method of `x.method()`, if x is only ever bound to one call of a class."""
        function = call.func if isinstance(call, ast.Call) else None
        made = function.value if isinstance(function, ast.Attribute) else None
        owner = module
        if isinstance(made, ast.Name):
            bound = [event for event in self._resolver.name(module, made.id, (), set()) if isinstance(event, Name)]
            binders = [(event, unit) for event in bound for unit in self._binding(event)]
            if len(binders) != 1 or not isinstance(binders[0][1].node, ast.Assign):
                return None
            owner, made = binders[0][0].module, binders[0][1].node.value
        if not isinstance(made, ast.Call) or (chain := chain_of(made.func)) is None:
            return None
        return self._with_bases(owner, chain, 0)

    def _with_bases(self, module: Module, chain: Ref, depth: int) -> list[tuple[Module, Unit]] | None:
        """A class and its bases; None if one of them is not seen."""
        events = [event for event in self._resolver.follow(module, chain) if isinstance(event, Name)]
        found = [(event.module, unit) for event in events for unit in self._binding(event)]
        if len(found) != 1 or not isinstance(found[0][1].node, ast.ClassDef) or depth > 50:
            return None
        for base in found[0][1].node.bases:
            spelled = chain_of(base)
            more = self._with_bases(found[0][0], spelled, depth + 1) if spelled is not None else None
            if more is None:
                return None
            found += more
        return found

    def _classes_near(self, module: Module, unit: Unit) -> list[tuple[Module, Unit]]:
        """The classes that a statement names, itself, through the variables that it names, or in what makes these."""
        found, seen, wanted = [], {(module.name, unit.index)}, [(module, unit)]
        while wanted:
            owner, current = wanted.pop()
            makes = isinstance(current.node, (ast.FunctionDef, ast.AsyncFunctionDef))
            for ref in current.uses.refs:
                for event in self._resolver.follow(owner, ref) if ref.immediate or makes else ():
                    if not isinstance(event, Name):
                        continue
                    for other in self._binding(event):
                        key = (event.module.name, other.index)
                        function = isinstance(other.node, (ast.FunctionDef, ast.AsyncFunctionDef))
                        called = bool(ref.steps) and isinstance(ref.steps[0], ast.Call)
                        if key in seen or (function and not (called and isinstance(current.node, ast.Assign))):
                            continue
                        if makes and not isinstance(other.node, ast.ClassDef):
                            continue
                        seen.add(key)
                        wanted.append((event.module, other))
                        if isinstance(other.node, ast.ClassDef):
                            found.append((event.module, other))
        return found

    def _call(self, module: Module, unit: Unit, ref: Ref) -> Reason | None:
        for event in self._resolver.follow(module, ref):
            if isinstance(event, External):
                reason = self._external(module, unit, event)
            elif isinstance(event, Name):
                reason = self._in_program(module, unit, event)
            else:
                reason = None
            if reason is not None:
                return reason
        return None

    def _external(self, module: Module, unit: Unit, event: External) -> Reason | None:
        call = event.steps[0] if event.steps else None
        if event.dotted.startswith("gotee.") and isinstance(call, ast.Call) and event.dotted in _STARTERS:
            return Reason(event.dotted, (), False)
        if isinstance(call, ast.Call) and (event.dotted in _EXITS or event.dotted.startswith("os.exec")):
            return Reason(event.dotted, (), True)
        if event.dotted.startswith("gotee."):
            return None
        for step in event.steps:
            if isinstance(step, ast.Call):
                reason = self._handed_over(module, unit, step)
                if reason is not None:
                    return reason
        return None

    def _handed_over(self, module: Module, unit: Unit, call: ast.Call) -> Reason | None:
        """A function given to code that may call it."""
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
            if isinstance(argument, ast.Lambda) and (reason := self._lambda(module, unit, argument)) is not None:
                return reason
            if isinstance(argument, (ast.Name, ast.Attribute)):
                chain = chain_of(argument)
                events = self._resolver.follow(module, chain) if chain is not None else ()
                for event in events:
                    if isinstance(event, External) and event.dotted in _STARTERS:
                        return Reason(event.dotted, (), False)
                    if isinstance(event, Name) and event.last:
                        reason = self._called(event)
                        if reason is not None:
                            return reason
        return None

    def _lambda(self, module: Module, unit: Unit, node: ast.AST) -> Reason | None:
        inner = next((body for body in unit.uses.bodies[1:] if body.node is node), None)
        reason = self._body(module, unit, inner) if inner is not None else None
        return _through("<lambda>", reason) if reason is not None else None

    def _in_program(self, module: Module, unit: Unit, event: Name) -> Reason | None:
        steps = event.steps
        if not steps:
            return None
        first = steps[0]
        if len(steps) > 2 and first in ("get", "pop", "setdefault") and isinstance(steps[2], ast.Call):
            return self._one_of(event)
        if len(steps) > 1 and isinstance(first, str) and isinstance(steps[1], ast.Call):
            if first in _CHANNEL and self._is_channel(event):
                return Reason(f"a channel operation, {event.name}.{first}", (), False)
            return self._method(event, first)
        if isinstance(first, ast.Subscript) and any(isinstance(step, ast.Call) for step in steps):
            return self._one_of(event)
        if not isinstance(first, ast.Call):
            return None
        reason = self._called(event)
        if reason is None and any(body.calls_parameter for unit in self._binding(event) for body in unit.uses.bodies):
            reason = self._handed_over(module, unit, first)
        return reason

    def _one_of(self, event: Name) -> Reason | None:
        """`TABLE[key]()` calls one of the functions that the table's statement names."""
        for unit in self._binding(event):
            for ref in unit.uses.refs if isinstance(unit.node, (ast.Assign, ast.AnnAssign)) else ():
                for other in self._resolver.follow(event.module, ref) if not (ref.steps or ref.store) else ():
                    if isinstance(other, Name) and other.last and (reason := self._called(other)) is not None:
                        return reason
        return None

    def _called(self, event: Name, depth: int = 0) -> Reason | None:
        for unit in self._binding(event):
            node = unit.node
            names = {event.name}
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and depth < 20:
                reason = self._lambda(event.module, unit, node.value)
                chain = chain_of(node.value)
                for other in self._resolver.follow(event.module, chain) if chain is not None else ():
                    if isinstance(other, Name) and other.last and reason is None:
                        reason = self._called(other, depth + 1)
                if reason is not None:
                    return reason
            if isinstance(node, ast.ClassDef):
                names = {f"{node.name}.{constructor}" for constructor in _CONSTRUCTORS[:3]}
            for body in unit.uses.bodies[1:]:
                if body.name in names:
                    reason = self._body(event.module, unit, body)
                    if reason is not None:
                        return _through(body.name, reason)
        return None

    def _method(self, event: Name, method: str) -> Reason | None:
        for unit in self._binding(event):
            if isinstance(unit.node, ast.ClassDef):
                for body in unit.uses.bodies[1:]:
                    if body.name == f"{unit.node.name}.{method}":
                        reason = self._body(event.module, unit, body)
                        if reason is not None:
                            return _through(body.name, reason)
        return None

    def _binding(self, event: Name) -> list[Unit]:
        table = self._resolver.table(event.module)
        units = table.statements.units
        return [units[binder.unit] for binder in table.binders.get(event.name, []) if binder.imported is None]

    def _global_channel(self, module: Module, node: ast.expr) -> bool:
        if not isinstance(node, ast.Name):
            return False
        events = self._resolver.name(module, node.id, (), set())
        return any(isinstance(event, Name) and self._is_channel(event) for event in events)

    def _is_channel(self, event: Name) -> bool:
        made = any(event.name in unit.channels for unit in self._binding(event))
        return made and self._has_channels(event.module)

    def _has_channels(self, module: Module) -> bool:
        """Whether what a module calls Chan is gotee's, not a class of the program."""
        events = list(self._resolver.name(module, "Chan", (), set()))
        if any(isinstance(event, Name) and self._binding(event) for event in events):
            return False
        return self._knows_gotee(module) or any(
            isinstance(event, External) and event.dotted == "gotee.Chan" for event in events
        )

    def _knows_gotee(self, module: Module) -> bool:
        if module.name not in self._uses_gotee:
            self._uses_gotee[module.name] = "gotee" in module.source
        return self._uses_gotee[module.name]


def _through(name: str, reason: Reason) -> Reason:
    return reason._replace(via=(name, *reason.via))


def _is_optional_import(node: ast.stmt) -> bool:
    """`try: import x` with an `except` that ends the process: decided by the import, which is checked elsewhere."""
    return isinstance(node, ast.Try) and all(isinstance(child, (ast.Import, ast.ImportFrom)) for child in node.body)
