"""The names that a piece of code uses: what may be a module's global, with what is done to it. Host world.

Works on one file by itself. Scopes follow the language (tests compare with `symtable`): a name read in a class body
may also be a global, a comprehension's names are its own. `getattr(x, "n")`, `vars(x)["n"]` and `x.__dict__["n"]`
count as `x.n`.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gotee.compiler.names import Body, ImportUse, Ref, Step, Uses
from gotee.compiler.quoted import types_in
from gotee.compiler.reading import ITERATING, READ_METHODS, READING, read_parts
from gotee.compiler.scopes import (
    Imported,
    arguments_of,
    bound_names,
    children,
    constant_text,
    imported_bindings,
    made_channels,
    outer_parts,
    own_statements,
    static_truth,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

_GETTERS = ("get", "pop", "setdefault", "getattr", "popleft", "popitem")
_CHANNEL = re.compile(r"\bChan\b")
_ATTRIBUTE_FUNCTIONS = {"getattr", "hasattr", "setattr", "delattr"}


@dataclass
class _Scope:
    kind: str
    names: set[str]
    declared: set[str]
    imports: dict[str, list[Imported]] = field(default_factory=dict)
    channels: set[str] = field(default_factory=set)


def uses_of(statement: ast.stmt, future_annotations: bool) -> Uses:
    """What a top-level statement uses."""
    collector = _Collector(future_annotations)
    collector.visit(statement)
    return collector.uses


def uses_of_code(text: str) -> Uses | None:
    """What code in a string uses, run at the top level of a module; None if it is no code."""
    try:
        tree = ast.parse(text.strip())
    except (SyntaxError, ValueError):
        return None
    collector = _Collector(False)
    for statement in tree.body:
        collector.visit(statement)
    return collector.uses


def _reads(steps: tuple[Step, ...], read: bool) -> int:
    """How much a reference only reads (see `Ref.reads`), by the subscript or method in front of its steps."""
    if not steps:
        return int(read)
    if all(isinstance(step, ast.Subscript) for step in steps):
        return 2 if read else 1
    first, *rest = steps
    method = first in READ_METHODS and bool(rest) and isinstance(rest[0], ast.Call)
    return int(isinstance(first, ast.Subscript) or method)


class _Collector:
    """Walks one statement. `scopes` are the functions, comprehensions and classes around the current node."""

    def __init__(self, future_annotations: bool) -> None:
        self.uses = Uses()
        self._future = future_annotations
        self._scopes: list[_Scope] = []
        self._deferred = False
        self._guarded = False
        self._soft = False
        self._exempt = False
        self._body = Body("")
        self._path: list[str] = []
        self._read: set[int] = set()  # expressions that the code around them only looks at
        self._augmented: set[int] = set()
        self._loops: set[str] = set()  # names that loops give values
        self._table: dict[type, Callable[..., None]] = {
            ast.Name: self._name,
            ast.Attribute: self._chain,
            ast.Call: self._chain,
            ast.Subscript: self._chain,
            ast.Constant: self._constant,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.Lambda: self._function,
            ast.ClassDef: self._class,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.AnnAssign: self._annotated,
            ast.Assign: self._assigned,
            ast.Try: self._try,
            ast.TryStar: self._try,
            ast.With: self._with,
            ast.If: self._if,
            ast.Raise: self._raise,
            ast.For: self._for,
            ast.AsyncFor: self._for,
            ast.Global: self._global,
            ast.Compare: self._compare,
            ast.AugAssign: self._changed,
        }
        self.uses.bodies.append(self._body)

    def visit(self, node: ast.AST) -> None:
        if type(node) in READING:
            self._read.update(map(id, read_parts(node)))
        method = self._table.get(type(node))
        if method is not None:
            method(node)
        else:
            for child in children(node):
                self.visit(child)

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    # -- names -----------------------------------------------------------------------------------------

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

    def _changed(self, node: ast.AugAssign) -> None:
        self._augmented.add(id(node.target))
        if isinstance(node.target, ast.Name):
            self._refer(node.target, node.target, ("__iadd__",))  # a list that an import brought changes in place
        self._all(children(node))

    def _compare(self, node: ast.Compare) -> None:
        """`"n" in x` looks at `x["n"]`, which says more than that x is used."""
        container = node.comparators[0]
        asks = len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn))
        if asks and constant_text(node.left) is not None and isinstance(container, (ast.Call, ast.Attribute)):
            asked = ast.Subscript(container, node.left, ast.Load())
            self._chain(ast.copy_location(asked, container))
            self.visit(node.left)
        else:
            self._all(children(node))

    def _constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and 0 < len(node.value) < 200:
            self.uses.mentions.add(node.value)

    # -- annotations -----------------------------------------------------------------------------------

    def _annotation(self, node: ast.expr | None, evaluated: bool, soft: bool) -> None:
        """Names in an annotation; those of strings, and all when it is not evaluated, are `soft` if it says so."""
        if node is None:
            return
        before, self._soft = self._soft, (soft and not evaluated) or self._soft
        self._exempt_all([node])
        self._soft = soft or self._soft
        for child in ast.walk(node):
            text = constant_text(child)
            if text is not None:
                self._quoted(text)
        self._soft = before

    def _quoted(self, text: str) -> None:
        try:
            expression = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return
        if not isinstance(expression, ast.Constant):
            self._annotation(expression, False, self._soft)

    def _quoted_types(self, node: ast.AST) -> None:
        before, self._soft = self._soft, True
        for text in types_in(node):
            self._quoted(text)
        self._soft = before

    def _assigned(self, node: ast.Assign) -> None:
        self._quoted_types(node)
        self._all(children(node))

    def _annotated(self, node: ast.AnnAssign) -> None:
        inside_function = bool(self._scopes) and self._scopes[-1].kind == "function"
        if not inside_function:
            self._annotation(node.annotation, not self._future, False)
        elif isinstance(node.target, ast.Name) and _CHANNEL.search(ast.unparse(node.annotation)):
            self._scopes[-1].channels.add(node.target.id)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)
            self._quoted_types(node)

    def _exempt_all(self, nodes: Iterable[ast.AST]) -> None:
        before, self._exempt = self._exempt, True
        self._all(nodes)
        self._exempt = before

    # -- scopes ----------------------------------------------------------------------------------------

    def _function(self, node: Function) -> None:
        self._exempt_all(getattr(node, "decorator_list", ()))
        self._all(part for part in outer_parts(node) if part not in getattr(node, "decorator_list", ()))
        arguments = arguments_of(node.args)
        channels = set()
        for argument in arguments:
            self._annotation(argument.annotation, not self._future, True)
            if argument.annotation is not None and _CHANNEL.search(ast.unparse(argument.annotation)):
                channels.add(argument.arg)
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        if not isinstance(node, ast.Lambda):
            self._annotation(node.returns, not self._future, True)
            self._all(getattr(node, "type_params", []))
        if getattr(node, "name", "") == "__get__":
            self.uses.mentions.add("__get__")
        parameters = frozenset(argument.arg for argument in arguments)
        scope = self._scope_of("function", body, parameters)
        scope.channels |= channels
        outer, deferred, guarded = self._body, self._deferred, self._guarded
        self._path.append(getattr(node, "name", "<lambda>"))
        self._body = Body(".".join(self._path), parameters=parameters, node=node)
        self.uses.bodies.append(self._body)
        self._deferred, self._guarded = True, False
        self._scopes.append(scope)
        self._all(body)
        self._scopes.pop()
        self._path.pop()
        self._body, self._deferred, self._guarded = outer, deferred, guarded

    def _class(self, node: ast.ClassDef) -> None:
        self._exempt_all(outer_parts(node))
        self._all(getattr(node, "type_params", []))
        self._path.append(node.name)
        self._scopes.append(self._scope_of("class", list(node.body), frozenset()))
        self._all(node.body)
        self._scopes.pop()
        self._path.pop()

    def _scope_of(self, kind: str, body: list[ast.AST], parameters: frozenset[str]) -> _Scope:
        declared: set[str] = set()
        nonlocal_names: set[str] = set()
        imports: dict[str, list[Imported]] = {}
        channels: set[str] = set()
        for node in own_statements(body):
            if isinstance(node, ast.Assign):
                channels |= made_channels(node)
            elif isinstance(node, ast.Global):
                declared |= set(node.names)
            elif isinstance(node, ast.Nonlocal):
                nonlocal_names |= set(node.names)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                for name, imported in imported_bindings(node, self._guarded):
                    imports.setdefault(name, []).append(imported)
        names = (set(bound_names(body)) | parameters) - declared - nonlocal_names
        for name in declared & imports.keys():
            self.uses.late += [(name, imported) for imported in imports.pop(name)]
        return _Scope(kind, names, declared, imports, channels)

    def _comprehension(self, node: Comprehension) -> None:
        first = node.generators[0]
        self._iterates([generator.iter for generator in node.generators])
        for generator in node.generators:
            self._read.update(map(id, read_parts(generator)))
        self.visit(first.iter)
        names = set(bound_names(generator.target for generator in node.generators))
        self._loops |= names
        self._scopes.append(_Scope("comprehension", names, set()))
        for generator in node.generators:
            if generator is not first:
                self.visit(generator.iter)
            self.visit(generator.target)
            self._all(generator.ifs)
        if isinstance(node, ast.DictComp):
            self._all([node.key, node.value])
        else:
            self.visit(node.elt)
        self._scopes.pop()

    # -- statements ------------------------------------------------------------------------------------

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, imported in imported_bindings(node, self._guarded):
            in_class = bool(self._scopes) and self._scopes[-1].kind == "class"
            use = ImportUse(name, imported, node, not self._deferred, not self._scopes, in_class)
            self.uses.imports.append(use)

    def _try(self, node: ast.Try) -> None:
        before = self._guarded
        self._guarded = before or bool(node.handlers)
        self._all(node.body)
        self._guarded = before
        self._all([*node.handlers, *node.orelse, *node.finalbody])

    def _with(self, node: ast.With) -> None:
        before = self._guarded
        self._all(node.items)
        self._guarded = True  # contextlib.suppress and the like
        self._all(node.body)
        self._guarded = before

    def _if(self, node: ast.If) -> None:
        truth = static_truth(node.test)
        self.visit(node.test)
        if truth is not False:
            self._all(node.body)
        if truth is not True:
            self._all(node.orelse)

    def _raise(self, node: ast.Raise) -> None:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(raised, ast.Name) and raised.id == "SystemExit":
            self._body.exits.append(node)
        self._all(children(node))

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self._iterates([node.iter])
        self._loops.update(bound_names([node.target]))
        self._all(children(node))

    def _iterates(self, nodes: list[ast.expr]) -> None:
        for node in nodes:
            if isinstance(node, ast.Name):
                self._body.methods.append(("__iter__", node, self._is_channel(node.id)))

    def _global(self, node: ast.Global) -> None:
        self.uses.writes |= set(node.names)
