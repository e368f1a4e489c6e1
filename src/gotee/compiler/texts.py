"""Strings that are known before the program runs, whatever names and tables they go through. Host world."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import NamedTuple

from gotee.compiler.facts import Facts
from gotee.compiler.program import Module
from gotee.compiler.scopes import bindings_of, walk
from gotee.compiler.statements import Unit
from gotee.compiler.values import OBJECT, UNKNOWN, Evaluator, Outer

_DEPTH = 12
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Parameter = Callable[[Module, Unit, str], list[object]]


def _not_followed(module: Module, unit: Unit, name: str) -> list[object]:
    return [UNKNOWN]


class Texts(NamedTuple):
    """Evaluates expressions of one program.

    What an answer relies on is added to `relied`:
    ("set", module, name): no other code sets this global;
    ("name", module, name): nor changes its object;
    ("nested", module, name): nor gets its elements;
    ("attribute", name): no other code sets an attribute of this name;
    ("stored", name): none sets it by a computed name, or through `__dict__`.
    """

    facts: Facts
    relied: set[tuple[str, ...]]
    parameter: Parameter = _not_followed
    depth: int = 0

    def known(self, module: Module, unit: Unit, node: ast.expr) -> list[str] | None:
        """All strings that an expression of a statement can be, or None if that is not known."""
        values = [value for value in self.values(module, unit, node) if value is not None]
        texts = [value for value in values if isinstance(value, str)]
        return texts if texts and len(texts) == len(values) else None

    def values(self, module: Module, unit: Unit, node: ast.expr) -> list[object]:
        """All values of an expression of a statement."""
        return self._evaluator(module, unit, unit.node).values(node)

    def elements(self, module: Module, unit: Unit, node: ast.expr) -> list[object]:
        """All values that iterating over an expression of a statement gives."""
        return self._evaluator(module, unit, unit.node).elements(node)

    def _evaluator(self, module: Module, unit: Unit, within: ast.AST, arguments: Outer | None = None) -> Evaluator:
        def builtin(node: ast.expr) -> str | None:
            dotted = self.facts.dotted(module, node)
            return dotted.removeprefix("builtins.") if dotted is not None and dotted.startswith("builtins.") else None

        outer = Outer(
            name=lambda node: self._deeper()._global(module, unit, node),
            builtin=builtin,
            call=lambda node: self._deeper()._result(module, unit, within, node),
            parameter=lambda name: self.parameter(module, unit, name),
        )
        return Evaluator(within, outer if arguments is None else outer._replace(parameter=arguments.parameter))

    def _deeper(self) -> Texts:
        return self._replace(depth=self.depth + 1)

    def _global(self, module: Module, within: Unit, node: ast.expr) -> list[object]:
        if self.depth > _DEPTH:
            return [UNKNOWN]
        if isinstance(node, ast.Name) and node.id == "__name__":
            return [module.name]
        if self.parameter is not _not_followed and isinstance(node, ast.Attribute) and _of_self(within.node, node):
            return self._instance_attribute(node.attr)
        if self.facts.dotted(module, node) is not None:
            return [OBJECT]
        if isinstance(node, ast.Attribute) and node.attr == "__module__":
            home = self._defined_in(module, node.value)
            if home is not None:
                return [home]
        found = self.facts.all_in_program(module, node)
        if not found:
            return self._class_attribute(module, node) if isinstance(node, ast.Attribute) else [UNKNOWN]
        values: list[object] = []
        for owner, unit, name in found:
            if self.facts.is_written(owner, name):
                return [UNKNOWN]
            if isinstance(unit.node, (*_FUNCTIONS, ast.ClassDef)):
                values.append(OBJECT)
            else:
                evaluator = self._evaluator(owner, unit, unit.node)
                bound = evaluator.bound(name)
                values += bound
                tables = any(isinstance(value, (tuple, dict)) for value in bound)
                self.relied.add(("name" if tables else "set", owner.name, name))
                if evaluator.nested:
                    self.relied.add(("nested", owner.name, name))
        return values

    def _defined_in(self, module: Module, node: ast.expr) -> str | None:
        """The module whose function or class an expression is."""
        found = self.facts.in_program(module, node)
        if found is None or not isinstance(found[1].node, (*_FUNCTIONS, ast.ClassDef)):
            return None
        self.relied.update({("attribute", "__module__"), ("set", found[0].name, found[1].node.name)})
        return found[0].name

    def _instance_attribute(self, name: str) -> list[object]:
        """`self.backend`: all that the program's code gives attributes of this name. Asked when all of it is read."""
        found: list[object] = []
        for owner, unit, holder in self.facts.setters(name):
            if not isinstance(holder, (ast.Assign, ast.AnnAssign)) or holder.value is None:
                return [UNKNOWN]
            targets = holder.targets if isinstance(holder, ast.Assign) else [holder.target]
            if any(not isinstance(target, (ast.Attribute, ast.Name)) for target in targets):
                return [UNKNOWN]
            found += self._evaluator(owner, unit, unit.node).values(holder.value)
        self.relied.add(("stored", name))
        return found or [UNKNOWN]

    def _class_attribute(self, module: Module, node: ast.Attribute) -> list[object]:
        """`Config.backend`, which the class's body gives a value once."""
        found = self.facts.in_program(module, node.value)
        if found is None or not isinstance(found[1].node, ast.ClassDef) or found[1].node.decorator_list:
            return [UNKNOWN]
        body = found[1].node.body
        binders = [child for child in body if any(True for _ in bindings_of(child, node.attr))]
        if len(binders) != 1 or not isinstance(binders[0], (ast.Assign, ast.AnnAssign)):
            return [UNKNOWN]
        self.relied.add(("attribute", node.attr))
        return self._evaluator(found[0], found[1], binders[0]).bound(node.attr)

    def _result(self, module: Module, unit: Unit, within: ast.AST, call: ast.Call) -> list[object]:
        """What a function of the program returns, if that is made of its arguments and constants."""
        found = self.facts.in_program(module, call.func) if self.depth <= _DEPTH else None
        if found is None or not isinstance(found[1].node, ast.FunctionDef) or found[1].node.decorator_list:
            return [UNKNOWN]
        owner, definition = found
        function = found[1].node
        inside = list(walk(function))
        if any(isinstance(child, (ast.Yield, ast.YieldFrom)) for child in inside):
            return [UNKNOWN]
        self.relied.add(("set", owner.name, function.name))
        caller = self._evaluator(module, unit, within)

        def parameter(name: str) -> list[object]:
            given = argument_of(function, call, name)
            if given is None:
                return [UNKNOWN]
            return (caller if given in _arguments(call) else self._evaluator(owner, definition, given)).values(given)

        outer = Outer(lambda n: [UNKNOWN], lambda n: None, lambda n: [UNKNOWN], parameter)
        evaluator = self._evaluator(owner, definition, function, outer)
        returns = [child for child in inside if isinstance(child, ast.Return)]
        return [value for child in returns for value in evaluator.values(child.value)]


def _of_self(definition: ast.AST, node: ast.Attribute) -> bool:
    """Whether an expression is an attribute that only methods of a plain class give its instances: `self.backend`."""
    owner = node.value
    if not isinstance(definition, ast.ClassDef) or definition.bases or definition.keywords or definition.decorator_list:
        return False
    methods = [c for c in definition.body if isinstance(c, _FUNCTIONS) and not c.decorator_list and c.args.args]
    return isinstance(owner, ast.Name) and any(
        method.args.args[0].arg == owner.id and any(child is node for child in walk(method)) for method in methods
    )


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(word.value for word in call.keywords)]


def argument_of(function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call, name: str) -> ast.expr | None:
    """What a call gives a parameter: an argument or the default; None if that is not plain."""
    given = function.args
    if any(isinstance(argument, ast.Starred) for argument in call.args) or any(not word.arg for word in call.keywords):
        return None
    positional = [*given.posonlyargs, *given.args]
    names = [argument.arg for argument in positional]
    for word in call.keywords:
        if word.arg == name and name in [*names, *(argument.arg for argument in given.kwonlyargs)]:
            return word.value
    if name in names:
        position = names.index(name)
        if position < len(call.args):
            return call.args[position]
        default = position - (len(names) - len(given.defaults))
        return given.defaults[default] if default >= 0 else None
    for argument, value in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        if argument.arg == name:
            return value
    return None
