"""Scopes of Python: what a piece of code binds, which parts of it run where, what an import binds. Host world."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_NAMES_ITSELF = re.compile(r"__name__\s*(=(?!=)|:=)")
# Fields of which a walk finds nothing: names, numbers, contexts, operators.
_PLAIN = {
    "arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "kwd_attrs", "level", "module", "name",
    "op", "ops", "rest", "simple", "str", "type_comment", "type_ignores",
}  # fmt: skip
_KINDS = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)]
_HOLDING = {kind: tuple(name for name in kind._fields if name not in _PLAIN) for kind in _KINDS}
_HOLDING |= dict.fromkeys((ast.Constant, ast.MatchSingleton, ast.Global, ast.Nonlocal), ())
_HOLDING |= {kind: kind._fields for kind in _KINDS if kind.__name__ == "TypeAlias"}  # its name is a node
# Where a statement holds others.
BLOCKS: dict[type[ast.AST], tuple[str, ...]] = {
    kind: tuple(name for name in kind._fields if name in ("body", "orelse", "finalbody", "handlers", "cases"))
    for kind in _KINDS
    if issubclass(kind, (ast.stmt, ast.ExceptHandler, ast.match_case))
}
_BINDING = {
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp, ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping,
}  # fmt: skip
_WITH_GAPS = (ast.Dict, ast.arguments)  # no key of `{**x}`, no default of a keyword-only parameter


class Imported(NamedTuple):
    """What an import statement binds: the module `module` (relative by `level`), or the name `attr` in it."""

    level: int
    module: str
    attr: str | None
    guarded: bool = False


def constant_text(node: ast.AST | None) -> str | None:
    """The value of a string constant, else None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def bound_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that statements bind or delete in their own scope, nested blocks included."""
    stack = list(nodes)
    while stack:
        node = stack.pop()
        kind = node.__class__
        if kind is ast.Name:
            if node.ctx.__class__ is not ast.Load:  # type: ignore[attr-defined]
                yield node.id  # type: ignore[attr-defined]
        elif kind not in _BINDING:
            stack += children(node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
            stack += outer_parts(node)
        elif isinstance(node, ast.Lambda):
            stack += outer_parts(node)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            stack.append(node.generators[0].iter)
            yield from _walrus_names(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name != "*":
                    yield alias.asname or alias.name.partition(".")[0]
        else:
            if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
                yield node.name
            elif isinstance(node, ast.MatchMapping) and node.rest:
                yield node.rest
            stack += children(node)


def _walrus_names(comprehension: ast.AST) -> Iterator[str]:
    for node in walk(comprehension):
        if isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name):
            yield node.target.id


def outer_parts(node: ast.AST) -> list[ast.expr]:
    """The parts of a definition that run in the scope around it."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    defaults = [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]
    return defaults if isinstance(node, ast.Lambda) else [*node.decorator_list, *defaults]


def live_function_parts(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[list[ast.expr], list[ast.expr]]:
    """The decorators and the defaults of a function: what runs when it is defined."""
    parts = outer_parts(node)
    return node.decorator_list, [part for part in parts if part not in node.decorator_list]


def arguments_of(args: ast.arguments) -> list[ast.arg]:
    rest = [extra for extra in (args.vararg, args.kwarg) if extra is not None]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *rest]


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes of a scope, without those of scopes inside it."""
    stack = list(body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            stack += children(node)


def own_statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All statements of a scope, without those of scopes inside it."""
    stack = list(body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for name in BLOCKS.get(node.__class__, ()):
                stack += getattr(node, name, ())


def children(node: ast.AST) -> list[ast.AST]:
    """`ast.iter_child_nodes` as a list, without contexts and operators, in a fifth of its time."""
    found: list[ast.AST] = []
    for name in _HOLDING[node.__class__]:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += value
        elif value is not None:
            found.append(value)
    return [each for each in found if each is not None] if node.__class__ in _WITH_GAPS else found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """`ast.walk`, in its order, without contexts and operators, in a third of its time."""
    waiting = [node]
    for each in waiting:
        if each is None:  # see _WITH_GAPS
            continue
        yield each
        for name in _HOLDING[each.__class__]:
            value = getattr(each, name, None)
            if isinstance(value, list):
                waiting += value
            elif value is not None:
                waiting.append(value)


def made_channels(node: ast.Assign) -> set[str]:
    if isinstance(node.value, ast.Call) and makes_channel(node.value):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()


def makes_channel(call: ast.Call) -> bool:
    """Whether a call is spelled as the making of a channel: `Chan(...)`, `gotee.Chan[int](...)`."""
    made = call.func.value if isinstance(call.func, ast.Subscript) else call.func
    return (isinstance(made, ast.Name) and made.id == "Chan") or (
        isinstance(made, ast.Attribute) and made.attr == "Chan"
    )


def bindings_of(node: ast.AST, name: str) -> Iterator[ast.AST]:
    """All parts of a piece of code that bind a name, in whatever scope."""
    for child in walk(node):
        if isinstance(child, ast.Name):
            binds = child.id == name and not isinstance(child.ctx, ast.Load)
        elif isinstance(child, ast.arg):
            binds = child.arg == name
        elif isinstance(child, (ast.Global, ast.Nonlocal)):
            binds = name in child.names
        elif isinstance(child, ast.alias):
            binds = (child.asname or child.name) == name
        elif isinstance(child, ast.MatchMapping):
            binds = child.rest == name
        else:
            named = (ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            binds = isinstance(child, named) and child.name == name
        if binds:
            yield child


def imported_bindings(node: ast.Import | ast.ImportFrom, guarded: bool = False) -> Iterator[tuple[str, Imported]]:
    """The names that an import statement binds (`*` for a star) and what each of them is."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, Imported(node.level, node.module or "", alias.name, guarded)
        elif alias.asname:
            yield alias.asname, Imported(0, alias.name, None, guarded)
        else:
            top, dot, _ = alias.name.partition(".")
            yield top, Imported(0, top, None, guarded)
            if dot:
                yield top, Imported(0, alias.name, "", guarded)


def static_truth(test: ast.expr) -> bool | None:
    """What a test is known to be inside: `__name__` is never "__main__", `TYPE_CHECKING` is false; None if unknown.

    >>> static_truth(ast.parse("__name__ == '__main__'", mode="eval").body)
    False
    """
    if isinstance(test, ast.BoolOp):
        values = [static_truth(value) for value in test.values]
        decisive = isinstance(test.op, ast.Or)
        if decisive in values:
            return decisive
        return (not decisive) if all(value is (not decisive) for value in values) else None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        value = static_truth(test.operand)
        return None if value is None else not value
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _main_test(test)
    if isinstance(test, ast.Name):
        return False if test.id == "TYPE_CHECKING" else None
    if isinstance(test, ast.Attribute):
        return False if test.attr == "TYPE_CHECKING" else None
    return None


def without_own_meaning(tree: ast.Module, source: str) -> ast.Module:
    """The file, in which tests that `static_truth` knows become others if it gives their names its own meaning."""
    names = set()
    if "TYPE_CHECKING" in source and not _is_typing(tree):
        names.add("TYPE_CHECKING")
    if _NAMES_ITSELF.search(source):
        names.add("__name__")
    return _Hidden(names).visit(tree) if names else tree


def _is_typing(tree: ast.Module) -> bool:
    """Whether TYPE_CHECKING in a file is what `typing` calls so, or false."""
    modules = {"typing", "typing_extensions", "t"}
    for node in walk(tree):
        if isinstance(node, ast.ImportFrom):
            named = [alias for alias in node.names if "TYPE_CHECKING" in (alias.name, alias.asname)]
            if named and node.module not in ("typing", "typing_extensions"):
                return False
            modules -= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name
                (modules.add if alias.name in ("typing", "typing_extensions") else modules.discard)(bound)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and "TYPE_CHECKING" in bound_names([node]):
            false = isinstance(node.value, ast.Constant) and not node.value.value
            if not false:
                return False
    reads = [node for node in walk(tree) if isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING"]
    return all(isinstance(node.value, ast.Name) and node.value.id in modules for node in reads)


class _Hidden(ast.NodeTransformer):
    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._open(node) if node.id in self._names and isinstance(node.ctx, ast.Load) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        return self._open(node) if node.attr in self._names and isinstance(node.ctx, ast.Load) else node

    def _open(self, node: ast.expr) -> ast.expr:
        return ast.copy_location(ast.IfExp(ast.Constant(True), node, ast.Constant(None)), node)


def _main_test(test: ast.Compare) -> bool | None:
    sides = [test.left, test.comparators[0]]
    if not any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides):
        return None
    if not any(constant_text(side) == "__main__" for side in sides):
        return None
    if isinstance(test.ops[0], ast.Eq):
        return False
    return True if isinstance(test.ops[0], ast.NotEq) else None
