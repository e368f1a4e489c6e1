"""The names that a piece of code uses: what may be a module's global, with what is done to it. Host world.

Works on one file by itself. Scopes follow the language (tests compare with `symtable`): a name read in a class body
may also be a global, a comprehension's names are its own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from typing import Any

from gotee.compiler.chains import Chains, Scope
from gotee.compiler.names import Body, ImportUse, Uses
from gotee.compiler.quoted import types_in
from gotee.compiler.reading import READING, read_parts
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
    walk,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

_CHANNEL = re.compile(r"\bChan\b")


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


class _Collector(Chains):
    """Walks one statement."""

    def __init__(self, future_annotations: bool) -> None:
        super().__init__()
        self._future = future_annotations
        self._path: list[str] = []
        self.uses.bodies.append(self._body)

    def visit(self, node: ast.AST) -> None:
        if type(node) in READING:
            self._read.update(map(id, read_parts(node)))
        method = _METHODS.get(type(node))
        if method is not None:
            method(self, node)
        else:
            for child in children(node):
                self.visit(child)

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
        for child in walk(node):
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
        elif isinstance(node.target, ast.Name) and _names_channel(node.annotation):
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
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        self._exempt_all(decorators)
        self._all(outer_parts(node)[len(decorators) :])
        arguments = arguments_of(node.args)
        channels = set()
        for argument in arguments:
            self._annotation(argument.annotation, not self._future, True)
            if argument.annotation is not None and _names_channel(argument.annotation):
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

    def _scope_of(self, kind: str, body: list[ast.AST], parameters: frozenset[str]) -> Scope:
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
        return Scope(kind, names, declared, imports, channels)

    def _comprehension(self, node: Comprehension) -> None:
        first = node.generators[0]
        self._iterates([generator.iter for generator in node.generators])
        for generator in node.generators:
            self._read.update(map(id, read_parts(generator)))
        self.visit(first.iter)
        names = set(bound_names(generator.target for generator in node.generators))
        self._loops |= names
        self._scopes.append(Scope("comprehension", names, set()))
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


def _names_channel(annotation: ast.expr) -> bool:
    """Whether an annotation says `Chan`, in a text too."""
    texts = (constant_text(node) or getattr(node, "id", "") or getattr(node, "attr", "") for node in walk(annotation))
    return any(_CHANNEL.search(text) for text in texts)


_METHODS: dict[type, Callable[[_Collector, Any], None]] = {
    ast.Name: _Collector._name,
    ast.Attribute: _Collector._chain,
    ast.Call: _Collector._chain,
    ast.Subscript: _Collector._chain,
    ast.Constant: _Collector._constant,
    ast.FunctionDef: _Collector._function,
    ast.AsyncFunctionDef: _Collector._function,
    ast.Lambda: _Collector._function,
    ast.ClassDef: _Collector._class,
    ast.ListComp: _Collector._comprehension,
    ast.SetComp: _Collector._comprehension,
    ast.DictComp: _Collector._comprehension,
    ast.GeneratorExp: _Collector._comprehension,
    ast.Import: _Collector._import,
    ast.ImportFrom: _Collector._import,
    ast.AnnAssign: _Collector._annotated,
    ast.Assign: _Collector._assigned,
    ast.Try: _Collector._try,
    ast.TryStar: _Collector._try,
    ast.With: _Collector._with,
    ast.If: _Collector._if,
    ast.Raise: _Collector._raise,
    ast.For: _Collector._for,
    ast.AsyncFor: _Collector._for,
    ast.Global: _Collector._global,
    ast.Compare: _Collector._compare,
    ast.AugAssign: _Collector._changed,
}
