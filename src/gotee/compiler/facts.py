"""What names and classes are known to be: outside of the program, plain values, classes without hooks. Host world."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from typing import Any

from gotee.compiler import known
from gotee.compiler.imports import External, Name, Resolver
from gotee.compiler.marks import Marks
from gotee.compiler.names import Ref, Step
from gotee.compiler.program import Module
from gotee.compiler.scopes import bound_names, walk
from gotee.compiler.statements import Unit

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MEMBER_HOOKS = {"__init__", "__new__", "_generate_next_value_", "_missing_", "__init_subclass__", "__set_name__"}
_CLASS_HOOKS = {"__init_subclass__", "__class_getitem__", "__mro_entries__", "__prepare__"}
_SCALARS = {"int", "str", "float", "bool", "len", "abs", "bytes", "chr", "ord", "hex", "bin", "oct", "repr", "range"}
_DISPLAYS = (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp)
_CONTAINERS = (ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp)


Node = tuple[Any, ...]


class Facts(ABC):
    """Answers for the modules of one program; what a plain value is, `purity` says."""

    def __init__(self, resolver: Resolver, marks: Marks) -> None:
        self._resolver = resolver
        self.marks = marks
        self._plain_names: dict[tuple[str, str, bool], bool] = {}
        self._plain_classes: dict[tuple[str, str], bool] = {}

    @abstractmethod
    def plain_value(self, module: Module, unit: Unit, node: ast.expr) -> bool:
        """Whether an expression of a statement is made of built-in values only."""

    def dotted(self, module: Module, node: ast.expr, local: frozenset[str] = frozenset()) -> str | None:
        """The one name outside of the program that an expression is, or None."""
        steps: list[Step] = []
        while isinstance(node, ast.Attribute):
            steps.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in local:
            return None
        events = list(self._resolver.follow(module, Ref(node.id, tuple(reversed(steps)), node)))
        outside = {event.dotted for event in events if isinstance(event, External) and not event.steps}
        others = any(not isinstance(event, (External, Name)) for event in events)
        bound = [event for event in events if isinstance(event, Name) and self._assigned(event.module, event.name)]
        return outside.pop() if len(outside) == 1 and not others and not bound else None

    def _assigned(self, module: Module, name: str) -> bool:
        table = self._resolver.table(module)
        return any(binder.imported is None for binder in table.binders.get(name, [])) or name in table.late

    def future_annotations(self, module: Module) -> bool:
        """Whether the annotations of a module are not evaluated."""
        return self._resolver.table(module).statements.future_annotations

    def is_written(self, module: Module, name: str) -> bool:
        """Whether a function of the module rebinds a global of it."""
        return name in self._resolver.table(module).written

    def in_program(self, module: Module, node: ast.expr) -> tuple[Module, Unit] | None:
        """The one statement of the program that binds what a name or a chain of modules means, or None."""
        found = self.all_in_program(module, node)
        return found[0][:2] if len(found) == 1 else None

    def all_in_program(self, module: Module, node: ast.expr) -> list[tuple[Module, Unit, str]]:
        """All statements of the program that bind what a name or a chain of modules means, and as what; or none."""
        steps: list[Step] = []
        while isinstance(node, ast.Attribute):
            steps.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return []
        found = []
        for event in self._resolver.follow(module, Ref(node.id, tuple(reversed(steps)), node)):
            if not isinstance(event, Name):
                return []
            table = self._resolver.table(event.module)
            for binder in table.binders.get(event.name, []):
                if binder.imported is None:
                    if not event.last:
                        return []
                    found.append((event.module, table.statements.units[binder.unit], event.name))
        return found

    def only_outside(self, event: Name) -> bool:
        """Whether a global is a module outside of the program that an import binds."""
        table = self._resolver.table(event.module)
        binders = table.binders.get(event.name, [])
        if event.name in table.late or event.name in table.written or not binders:
            return False
        return all(
            binder.imported is not None
            and binder.alias is not None
            and binder.imported.attr in (None, "")
            and not binder.imported.level
            and self._resolver.program.find(known.top(binder.imported.module)) is None
            for binder in binders
        )

    def constant(self, event: Name) -> bool:
        """A global that holds one immutable value for ever: reading it touches nothing."""
        table = self._resolver.table(event.module)
        binders = table.binders.get(event.name, [])
        changes = event.name in table.late or event.name in table.written
        if len(binders) != 1 or changes or binders[0].imported is not None:
            return False
        node = table.statements.units[binders[0].unit].node
        return isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)

    def plain_name(self, module: Module, name: str) -> bool:
        """Whether a global is bound to plain built-in values only."""
        return self._known_plain(module, name, True)

    def container(self, module: Module, name: str) -> bool:
        """Whether a global is bound to built-in values only, whatever other code may put into them."""
        return self._known_plain(module, name, False)

    def _known_plain(self, module: Module, name: str, contents: bool) -> bool:
        key = (module.name, name, contents)
        if key not in self._plain_names:
            self._plain_names[key] = False
            self._plain_names[key] = self._plain_name(module, name, contents)
        return self._plain_names[key]

    def _plain_name(self, module: Module, name: str, contents: bool) -> bool:
        events = list(self._resolver.name(module, name, (), set()))
        if any(not isinstance(event, Name) for event in events):
            return False
        found = False
        for event in events:
            assert isinstance(event, Name)
            table = self._resolver.table(event.module)
            if event.name in table.late or event.name in table.written:
                return False
            if self.marks.may_be_set(event.module.name, event.name):
                return False
            for binder in table.binders.get(event.name, []):
                if binder.imported is not None:
                    continue
                unit = table.statements.units[binder.unit]
                node = unit.node
                single = isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets)
                if not single and not (isinstance(node, ast.AnnAssign) and node.value is not None):
                    return False
                assert isinstance(node, (ast.Assign, ast.AnnAssign))
                if not contents and isinstance(node.value, _DISPLAYS):
                    found = True
                    continue
                if (
                    node.value is None
                    or _makes_iterator(node.value)
                    or not self.plain_value(event.module, unit, node.value)
                    or (contents and self._holds_others(event.module, event.name, node.value))
                ):
                    return False
                found = True
        return found

    def _holds_others(self, module: Module, name: str, value: ast.expr) -> bool:
        """Whether the program may put something else into a value that a global begins with."""
        target: Node = ("name", module.name, name)
        if target not in self.marks.changed and target not in self.marks.handed:
            return False
        if self._fixed(module, value, 0):
            return False
        nested = any(isinstance(child, _CONTAINERS) for child in walk(value) if child is not value)
        return target in self.marks.changed or nested

    def _fixed(self, module: Module, node: ast.expr, depth: int) -> bool:
        """Whether a plain value is one that nothing can change: numbers, texts, tuples of them."""
        if isinstance(node, (ast.Constant, ast.JoinedStr, ast.Compare)):
            return True
        if isinstance(node, ast.BinOp):
            return self._fixed(module, node.left, depth) and self._fixed(module, node.right, depth)
        if isinstance(node, ast.UnaryOp):
            return self._fixed(module, node.operand, depth)
        if isinstance(node, ast.BoolOp):
            return all(self._fixed(module, value, depth) for value in node.values)
        if isinstance(node, ast.IfExp):
            return self._fixed(module, node.body, depth) and self._fixed(module, node.orelse, depth)
        if isinstance(node, ast.Tuple):
            return all(self._fixed(module, element, depth) for element in node.elts)
        if isinstance(node, ast.Call):
            method = node.func if isinstance(node.func, ast.Attribute) else None
            if method is not None and isinstance(method.value, (ast.Constant, ast.JoinedStr)):
                return method.attr not in ("split", "rsplit")
            return (self.dotted(module, node.func) or "").removeprefix("builtins.") in _SCALARS
        if isinstance(node, (ast.Name, ast.Attribute)) and depth < 20:
            found = self.all_in_program(module, node)
            values = [(owner, getattr(unit.node, "value", None)) for owner, unit, _ in found]
            return bool(found) and all(
                value is not None and self._fixed(owner, value, depth + 1) for owner, value in values
            )
        return False

    def setters(self, attribute: str) -> list[tuple[Module, Unit, ast.AST | None]]:
        """Every statement that sets an attribute of a name; None for what is no plain assignment to one."""
        found: list[tuple[Module, Unit, ast.AST | None]] = []
        for module in self._resolver.program.modules.values():
            for unit in self._resolver.table(module).statements.units:
                bodies = [c for c in walk(unit.node) if isinstance(c, ast.ClassDef)]
                if any(name == attribute for body in bodies for name in bound_names(body.body)):
                    found.append((module, unit, None))
                if attribute not in unit.uses.sets:
                    continue
                stores = [c for c in walk(unit.node) if _sets(c, attribute)]
                holders = [c for c in walk(unit.node) if any(_sets(t, attribute) for t in ast.iter_child_nodes(c))]
                simple = [c for c in holders if isinstance(c, (ast.Assign, ast.AnnAssign))]
                found += [(module, unit, holder) for holder in simple]
                if len(simple) != len(stores) or not stores:
                    found.append((module, unit, None))
        return found

    def plain_class(self, module: Module, node: ast.expr) -> bool:
        """Whether deriving from a class has no effect."""
        if isinstance(node, ast.Subscript):
            return self.plain_class(module, node.value)
        outside = self.dotted(module, node)
        if outside is not None:
            return known.plain_base(outside) and not self.marks.is_replaced(outside)
        if self.marks.hooks_are_set():
            return False
        found = self.in_program(module, node)
        if found is None or not isinstance(found[1].node, ast.ClassDef):
            return False
        key = (found[0].name, found[1].node.name)
        if key not in self._plain_classes:
            self._plain_classes[key] = False
            self._plain_classes[key] = self._plain_definition(found[0], found[1].node)
        return self._plain_classes[key]

    def makes_members(self, module: Module, node: ast.ClassDef) -> bool:
        """Whether defining the class makes instances with the program's own methods: an enum with `__init__`."""
        own, enumerates = self._members(module, node, 0)
        return own and enumerates

    def _members(self, module: Module, node: ast.ClassDef, depth: int) -> tuple[bool, bool]:
        own = not _MEMBER_HOOKS.isdisjoint(bound_names(node.body))
        enumerates = False
        for base in node.bases if depth < 50 else ():
            outside = self.dotted(module, base)
            found = self.in_program(module, base) if outside is None else None
            if found is not None and isinstance(found[1].node, ast.ClassDef):
                more = self._members(found[0], found[1].node, depth + 1)
                own, enumerates = own or more[0], enumerates or more[1]
            enumerates = enumerates or (outside or "").startswith("enum.")
        return own, enumerates

    def _plain_definition(self, module: Module, node: ast.ClassDef) -> bool:
        if not _CLASS_HOOKS.isdisjoint(bound_names(node.body)):
            return False
        decorators = [self.dotted(module, decorator) or "" for decorator in node.decorator_list]
        return all(each.startswith("dataclasses.") for each in decorators) and self._plain_heads(module, node)

    def _plain_heads(self, module: Module, node: ast.ClassDef) -> bool:
        for keyword in node.keywords:
            if keyword.arg != "metaclass" or not known.plain_metaclass(self.dotted(module, keyword.value) or ""):
                return False
        return all(self.plain_class(module, base) for base in node.bases)


def _sets(node: ast.AST, attribute: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == attribute and not isinstance(node.ctx, ast.Load)


def _makes_iterator(node: ast.expr) -> bool:
    """Whether a value is used up by reading it."""
    names = {child.id for child in walk(node) if isinstance(child, ast.Name)}
    return bool(names & {"zip", "enumerate", "reversed"})
