"""What a name means across the files of a program: follows imports, re-exports, stars and chains. Host world.

`Resolver.follow` turns one reference into a stream of events: a global of a module that it needs, a module used as
a value, an attribute that no statement binds, or a name outside the program with the steps that remain.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from gotee.compiler import known
from gotee.compiler.names import Ref, Step, chain_of
from gotee.compiler.program import Module, Program, absolute
from gotee.compiler.scopes import Imported, constant_text
from gotee.compiler.statements import Statements, Unit, statements_of

# Attributes that every module has; they need no statement.
MODULE_ATTRIBUTES = {
    "__name__",
    "__package__",
    "__file__",
    "__doc__",
    "__spec__",
    "__loader__",
    "__path__",
    "__cached__",
}


class Name(NamedTuple):
    """A global of a module of the program, and the steps of the reference that go beyond it."""

    module: Module
    name: str
    steps: tuple[Step, ...]

    @property
    def last(self) -> bool:
        return not self.steps


class Value(NamedTuple):
    """A module of the program, used as an object."""

    module: Module
    steps: tuple[Step, ...]


class Submodule(NamedTuple):
    """A module that is reached as an attribute of its package."""

    module: Module


class Missing(NamedTuple):
    """An attribute of a module of the program that no statement of it binds."""

    module: Module
    name: str


class External(NamedTuple):
    """Something outside of the program, `builtins` included."""

    dotted: str
    steps: tuple[Step, ...]


Event = Name | Value | Submodule | Missing | External


class Binder(NamedTuple):
    """A statement that binds a name: its number, the alias if it is an import, and what that imports."""

    unit: int
    alias: int | None
    imported: Imported | None


@dataclass
class Table:
    """Who binds what in one module. `late` are imports that a function makes for a `global`."""

    statements: Statements
    binders: dict[str, list[Binder]] = field(default_factory=dict)
    stars: list[tuple[int, Imported]] = field(default_factory=list)
    late: dict[str, list[Imported]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)  # globals that functions of the module rebind
    loads: set[str] = field(default_factory=set)  # `import a.b.c` loads a.b and a.b.c


class Resolver:
    """Answers what names mean in the modules of a program."""

    def __init__(self, program: Program, unsettled: Collection[str] = ()) -> None:
        self.program = program
        self._unsettled = unsettled  # modules whose `__all__` other code changes
        self._tables: dict[str, Table] = {}
        self._exported: dict[tuple[str, str], bool] = {}

    def table(self, module: Module) -> Table:
        """Who binds what in a module."""
        table = self._tables.get(module.name)
        if table is None:
            statements = statements_of(module)
            if module.name in self._unsettled:
                statements = replace(statements, exports=None, computed_exports=True)
            table = self._tables[module.name] = _table(statements, self.program)
        return table

    def binds(self, module: Module, name: str) -> bool:
        """Whether some statement of the module binds the name, a star import included."""
        return name in self.table(module).binders or any(True for _ in self.stars_with(module, name))

    def stars_with(self, module: Module, name: str) -> Iterator[tuple[int, Module]]:
        """The star imports of a module that bring a name, with the module that it comes from."""
        for unit, imported in self.table(module).stars:
            target = self.program.find(absolute(module, imported.level, imported.module))
            if target is not None and target is not module and self.exports(target, name):
                yield unit, target

    def stars_of(self, module: Module) -> list[tuple[int, Module]]:
        """The star imports of a module, with the module of the program from which names come, perhaps by others."""
        found: list[tuple[int, Module]] = []
        for unit, imported in self.table(module).stars:
            seen = {module.name}
            work = [self.program.find(absolute(module, imported.level, imported.module))]
            while work:
                target = work.pop()
                if target is not None and target.name not in seen:
                    seen.add(target.name)
                    found.append((unit, target))
                    stars = [inner for _, inner in self.table(target).stars]
                    work += [self.program.find(absolute(target, inner.level, inner.module)) for inner in stars]
        return found

    def external_stars(self, module: Module) -> list[tuple[int, str]]:
        """The star imports of a module from outside of the program."""
        stars = ((unit, absolute(module, i.level, i.module)) for unit, i in self.table(module).stars)
        return [(unit, name) for unit, name in stars if self.program.find(name) is None]

    def exports(self, module: Module, name: str) -> bool:
        """Whether `from module import *` may bind the name."""
        key = (module.name, name)
        if key not in self._exported:
            self._exported[key] = False  # star imports may go in circles
            self._exported[key] = self._exports(module, name)
        return self._exported[key]

    def _exports(self, module: Module, name: str) -> bool:
        statements = self.table(module).statements
        if statements.exports is not None:
            return name in statements.exports
        if name.startswith("_") and not statements.computed_exports:
            return False
        return self.binds(module, name) or (
            statements.computed_exports and self.program.find(f"{module.name}.{name}") is not None
        )

    # -- following ---------------------------------------------------------------------------------------

    def follow(self, module: Module, ref: Ref) -> Iterator[Event]:
        """What a reference in a module means; all that it may mean when there are several."""
        if isinstance(ref.base, str):
            yield from self.name(module, ref.base, ref.steps, set())
        else:
            yield from self.imported(module, ref.base, ref.steps, set())

    def name(self, module: Module, name: str, steps: tuple[Step, ...], seen: set[tuple[str, str]]) -> Iterator[Event]:
        """What a global name of a module means."""
        if (module.name, name) in seen:
            return
        seen.add((module.name, name))
        yield Name(module, name, steps)
        table = self.table(module)
        binders = table.binders.get(name, [])
        for binder in binders:
            if binder.imported is not None:
                yield from self.imported(module, binder.imported, steps, seen)
        for imported in table.late.get(name, []):
            yield from self.imported(module, imported, steps, seen)
        starred = False
        for _, target in self.stars_with(module, name):
            starred = True
            yield from self.attribute(target, name, steps, seen)
        if not binders and not starred:
            for _, outside in self.external_stars(module):
                yield from _external(f"{outside}.{name}", steps)
            yield from _external(f"builtins.{name}", steps)

    def imported(
        self, module: Module, imported: Imported, steps: tuple[Step, ...], seen: set[tuple[str, str]]
    ) -> Iterator[Event]:
        """What an import binds."""
        target = absolute(module, imported.level, imported.module)
        if imported.attr is None:
            yield from self.module(target, steps, seen, self.table(module).loads)
        elif imported.attr not in ("", "*"):
            source = self.program.find(target)
            if source is None:
                yield from _external(f"{target}.{imported.attr}", steps)
            else:
                yield from self.attribute(source, imported.attr, steps, seen, loaded={f"{target}.{imported.attr}"})

    def module(
        self, name: str, steps: tuple[Step, ...], seen: set[tuple[str, str]], loaded: Collection[str] = ()
    ) -> Iterator[Event]:
        """What the steps after a module lead to."""
        target = self.program.find(name)
        if target is None:
            yield from _external(name, steps)
        elif not steps or not isinstance(steps[0], str) or steps[0] == "__dict__":
            yield Value(target, steps)
        else:
            yield from self.attribute(target, steps[0], steps[1:], seen, loaded)

    def attribute(
        self,
        module: Module,
        name: str,
        steps: tuple[Step, ...],
        seen: set[tuple[str, str]],
        loaded: Collection[str] = (),
    ) -> Iterator[Event]:
        """What an attribute of a module of the program means."""
        bound = self.binds(module, name) or name in self.table(module).late
        inner = self.program.find(f"{module.name}.{name}") if module.package else None
        if bound:
            yield from self.name(module, name, steps, seen)
        if inner is not None:
            if inner.name not in loaded:
                yield Submodule(inner)
            yield from self.module(inner.name, steps, seen, loaded)
        if not bound and inner is None:
            yield Missing(module, name)


def _external(dotted: str, steps: tuple[Step, ...]) -> Iterator[External]:
    length = 0
    while length < len(steps) and isinstance(steps[length], str):
        length += 1
    yield External(known.canonical(".".join([dotted, *(str(step) for step in steps[:length])])), steps[length:])


def _table(statements: Statements, program: Program) -> Table:
    table = Table(statements)
    for unit in statements.units:
        if unit.is_import:
            for number, (name, imported) in enumerate(unit.aliases):
                _note_loaded(table, imported)
                if name == "*":
                    table.stars.append((unit.index, imported))
                else:
                    table.binders.setdefault(name, []).append(Binder(unit.index, number, imported))
            continue
        table.written |= unit.uses.writes
        brought: dict[str, list[Imported]] = {}
        for use in unit.uses.imports:
            _note_loaded(table, use.imported)
            if use.global_ and use.name == "*":
                table.stars.append((unit.index, use.imported))
            elif use.global_:
                brought.setdefault(use.name, []).append(use.imported)
        for name in sorted(unit.binds):
            table.binders.setdefault(name, []).append(Binder(unit.index, None, None))
        if (loaded := imported_by_call(unit, table, program)) is not None:
            brought.update({name: [loaded] for name in unit.binds})
        for name, several in brought.items():
            table.binders.setdefault(name, []).extend(Binder(unit.index, None, imported) for imported in several)
        for name, imported in unit.uses.late:
            table.late.setdefault(name, []).append(imported)
    return table


def imported_by_call(unit: Unit, table: Table, program: Program) -> Imported | None:
    """What `x = importlib.import_module("a.b")` and its like import, which are import statements in all but form.

    `sys.modules["a.b"]`, if that is the program's own; `__import__("a.b", fromlist=["c"])`, `__import__("a")`.
    """
    node = unit.node
    value = node.value if isinstance(node, ast.Assign) else None
    if not all(isinstance(target, ast.Name) for target in getattr(node, "targets", ())):
        return None
    if isinstance(value, ast.Subscript):
        name = constant_text(value.slice)
        own = name is not None and _means(value.value, table, "sys", "modules") and program.find(name) is not None
        return Imported(0, name, None) if name is not None and own else None
    text = constant_text(value.args[0]) if isinstance(value, ast.Call) and value.args else None
    if not isinstance(value, ast.Call) or not text:
        return None
    if _is_builtin_import(value.func, table):
        return _by_builtin(value, text)
    if not _means(value.func, table, "importlib", "import_module"):
        return None
    name = text.lstrip(".")
    within = value.args[1] if len(value.args) > 1 else None
    if len(name) == len(text):
        return Imported(0, text, None) if len(value.args) == 1 and not value.keywords else None
    relative = isinstance(within, ast.Name) and within.id == "__package__" and bool(name)
    return Imported(len(text) - len(name), name, None) if relative else None


def _means(node: ast.expr, table: Table, module: str, attribute: str) -> bool:
    """Whether an expression can be nothing but this attribute of this module of the standard library."""
    inner = node.value if isinstance(node, ast.Attribute) and node.attr == attribute else None
    if isinstance(inner, ast.Call) and len(inner.args) == 1 and not inner.keywords:
        return _is_builtin_import(inner.func, table) and constant_text(inner.args[0]) == module
    chain = chain_of(node)
    if chain is None or chain.base not in table.binders:
        return False
    made = {binder.imported for binder in table.binders[str(chain.base)]}
    whole = (Imported(0, module, None), (attribute,))
    return (*made, chain.steps) in (whole, (Imported(0, module, attribute), ()))


def _is_builtin_import(node: ast.expr, table: Table) -> bool:
    name = isinstance(node, ast.Name) and node.id == "__import__"
    return name and not table.stars and "__import__" not in table.binders and "__import__" not in table.late


def _by_builtin(call: ast.Call, text: str) -> Imported | None:
    """`__import__` with nothing but a name, or with names that are taken from the module and written there."""
    if len(call.args) != 1 or text.startswith("."):
        return None
    if not call.keywords:
        return None if "." in text else Imported(0, text, None)
    taken = call.keywords[0].value if [word.arg for word in call.keywords] == ["fromlist"] else None
    names = [constant_text(each) for each in taken.elts] if isinstance(taken, (ast.List, ast.Tuple)) else []
    return Imported(0, text, None) if names and all(name and name.isidentifier() for name in names) else None


def _note_loaded(table: Table, imported: Imported) -> None:
    if imported.attr in (None, "") and not imported.level:
        parts = imported.module.split(".")
        table.loads |= {".".join(parts[:length]) for length in range(2, len(parts) + 1)}
