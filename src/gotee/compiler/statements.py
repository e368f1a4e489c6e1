"""The statements of one file, the units of the partition, each with the names it binds and uses. Host world."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import lru_cache

from gotee.compiler.collect import uses_of, uses_of_code
from gotee.compiler.names import Body, Uses
from gotee.compiler.program import Module, forget_trees
from gotee.compiler.scopes import (
    Imported,
    bindings_of,
    bound_names,
    constant_text,
    imported_bindings,
    makes_channel,
    own_nodes,
    static_truth,
    walk,
)
from gotee.compiler.values import UNKNOWN, Evaluator, Outer

_COMMENT = re.compile(r"#\s*gotee:\s*include=([\w.]+):(\w+|\*)")


@dataclass(eq=False)
class Unit:
    """A top-level statement. `aliases` are what an import statement binds, one after the other."""

    index: int
    node: ast.stmt
    uses: Uses
    binds: frozenset[str]
    deletes: frozenset[str] = frozenset()
    aliases: list[tuple[str, Imported]] = field(default_factory=list)
    dead: bool = False  # its execution inside does nothing: a `__main__` or TYPE_CHECKING block
    channels: frozenset[str] = frozenset()
    includes: list[tuple[str, str, int]] = field(default_factory=list)  # override comments: module, name, line
    body: Body = field(default_factory=lambda: Body(""))

    @property
    def is_import(self) -> bool:
        return isinstance(self.node, (ast.Import, ast.ImportFrom))

    @property
    def first_line(self) -> int:
        decorators: list[ast.expr] = getattr(self.node, "decorator_list", [])
        return min([self.node.lineno, *(decorator.lineno for decorator in decorators)])

    @property
    def last_line(self) -> int:
        return self.node.end_lineno or self.node.lineno


@dataclass(frozen=True, eq=False)
class Statements:
    """The statements of a file. `exports` is `__all__` when it is a plain list, `computed_exports` when it is not."""

    units: list[Unit]
    future_annotations: bool
    exports: tuple[str, ...] | None  # in the order in which a star import takes them
    computed_exports: bool


def statements_of(module: Module) -> Statements:
    """The statements of a module, read once for each content of a file."""
    return _statements(module.source, module.tree)


def forget() -> None:
    """Drop what was read of files: it is kept for a second look, and takes 5 KiB for each line of a program."""
    _statements.cache_clear()
    forget_trees()


@lru_cache(maxsize=4096)
def _statements(source: str, tree: ast.Module) -> Statements:
    future = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )
    units = [_unit(index, node, future, tree) for index, node in enumerate(tree.body)]
    if "gotee:" in source:
        _attach_comments(source, units)
    exports, computed = _exports(tree) if "__all__" in source else (None, False)
    return Statements(units, future, exports, computed)


def _unit(index: int, node: ast.stmt, future: bool, tree: ast.Module) -> Unit:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        aliases = list(imported_bindings(node))
        names = frozenset(name for name, _ in aliases if name != "*")
        return Unit(index, node, Uses(bodies=[Body("")]), names, aliases=aliases)
    parts, dead = live_parts(node)
    if dead:
        return Unit(index, node, Uses(bodies=[Body("")]), frozenset(), dead=True)
    uses = uses_of(node, future)
    binds = set(bound_names(parts))
    deletes = frozenset(
        child.id for child in own_nodes(parts) if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Del)
    )
    if "exec" in uses.mentions or any(ref.base == "exec" for ref in uses.refs):
        binds |= _bound_by_exec(node, tree)
    channels: frozenset[str] = frozenset()
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call) and makes_channel(node.value):
        channels = frozenset(binds)
    return Unit(index, node, uses, frozenset(binds), deletes & binds, channels=channels, body=uses.bodies[0])


def live_parts(node: ast.stmt) -> tuple[list[ast.AST], bool]:
    """The parts of a statement that may run inside, and whether there is nothing of effect among them."""
    if not isinstance(node, ast.If):
        return [node], False
    truth = static_truth(node.test)
    if truth is None:
        return [node], False
    rest = node.body if truth else node.orelse
    simple = not any(isinstance(child, ast.Call) for child in walk(node.test))
    return [node.test, *rest], simple and not rest


def _bound_by_exec(node: ast.stmt, tree: ast.Module) -> set[str]:
    """The names that code in a text binds, if this file says what the text is."""

    def outer(asked: ast.expr) -> list[object]:
        binders = [each for each in tree.body if isinstance(asked, ast.Name) and _assigns(each, asked.id)]
        return Evaluator(binders[0], asking).bound(asked.id) if len(binders) == 1 else [UNKNOWN]  # type: ignore[attr-defined]

    def builtin(asked: ast.expr) -> str | None:
        return asked.id if isinstance(asked, ast.Name) else None

    asking = Outer(outer, builtin, lambda call: [UNKNOWN], lambda name: [UNKNOWN])
    names: set[str] = set()
    for call in walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "exec" and call.args:
            for text in Evaluator(node, asking).values(call.args[0]):
                if isinstance(text, str) and uses_of_code(text) is not None:
                    names |= set(bound_names(ast.parse(text.strip()).body))
    return names


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, (ast.Assign, ast.AnnAssign)) and any(True for _ in bindings_of(node, name))


def _attach_comments(source: str, units: list[Unit]) -> None:
    for number, line in enumerate(source.splitlines(), 1):
        for module, name in _COMMENT.findall(line):
            own = [unit for unit in units if unit.first_line <= number <= unit.last_line]
            for unit in (own or [unit for unit in units if unit.first_line - 1 == number])[:1]:
                unit.includes.append((module, name, number))


def _exports(tree: ast.Module) -> tuple[tuple[str, ...] | None, bool]:
    """`__all__` if the file says it in plain lists of strings, and whether it says it in another way."""
    found: list[str] | None = None
    for node in tree.body:
        names = {child.id for child in walk(node) if isinstance(child, ast.Name)} if _may_export(node) else set()
        imported = isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == "__all__" for a in node.names)
        if imported:
            return None, True
        if "__all__" not in names:
            continue
        single = isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        grows = isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
        if not (single or grows or isinstance(node, ast.AnnAssign)):
            return None, True
        assert isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign))
        value = _strings(node.value) if node.value is not None else None
        if value is None:
            return None, True
        found = [*(found or ()), *value] if grows else value
    return (None if found is None else tuple(dict.fromkeys(found))), False


def _may_export(node: ast.stmt) -> bool:
    return not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Import))


def _strings(node: ast.expr) -> list[str] | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _strings(node.left), _strings(node.right)
        return None if left is None or right is None else [*left, *right]
    if not isinstance(node, (ast.List, ast.Tuple)):
        return None
    texts = [constant_text(element) for element in node.elts]
    return None if None in texts else [text for text in texts if text is not None]
