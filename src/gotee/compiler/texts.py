"""Strings that are known before the program runs: constants, and names that only ever hold constants. Host world."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gotee.compiler.facts import Facts
from gotee.compiler.program import Module
from gotee.compiler.scopes import constant_text
from gotee.compiler.statements import Unit


def known_texts(
    facts: Facts, module: Module, unit: Unit, node: ast.expr, relied: set[tuple[str, str, str]]
) -> list[str] | None:
    """All strings that an expression of a statement can be, or None if that is not known.

    Globals on which the answer relies are added to `relied`: it holds if no other module sets them.
    """
    text = constant_text(node)
    if text is not None:
        return [text]
    if isinstance(node, ast.IfExp):
        first, second = (known_texts(facts, module, unit, part, relied) for part in (node.body, node.orelse))
        return None if first is None or second is None else first + second
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return None
    if isinstance(node, ast.Name) and node.id == "__name__":
        return [module.name]
    if isinstance(node, ast.Name) and _is_bound_in(unit.node, node.id):
        return _texts_bound_in(unit.node, node.id)
    found = facts.in_program(module, node)
    if found is None or facts.is_written(found[0], node.id if isinstance(node, ast.Name) else node.attr):
        return None
    if not isinstance(found[1].node, (ast.Assign, ast.AnnAssign, ast.For)):
        return None
    name = node.id if isinstance(node, ast.Name) else node.attr
    relied.add(("name", found[0].name, name))
    return _texts_bound_in(found[1].node, name) if _is_bound_in(found[1].node, name) else None


def _is_bound_in(node: ast.AST, name: str) -> bool:
    return any(True for _ in _bindings(node, name))


def _bindings(node: ast.AST, name: str) -> Iterator[ast.AST]:
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            binds = child.id == name and not isinstance(child.ctx, ast.Load)
        elif isinstance(child, ast.arg):
            binds = child.arg == name
        elif isinstance(child, (ast.Global, ast.Nonlocal)):
            binds = name in child.names
        elif isinstance(child, ast.alias):
            binds = (child.asname or child.name) == name
        else:
            named = (ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.FunctionDef, ast.ClassDef)
            binds = isinstance(child, named) and child.name == name
        if binds:
            yield child


def _texts_bound_in(node: ast.AST, name: str) -> list[str] | None:
    """The strings that the assignments and loops of a statement give a name, if those are all that bind it."""
    texts: list[str] = []
    understood = 0
    for child in ast.walk(node):
        values = _given(child, name)
        if values is not None:
            understood += 1
            for value in values:
                text = constant_text(value)
                if text is None:
                    return None
                texts.append(text)
    return texts if understood == sum(1 for _ in _bindings(node, name)) else None


def _given(node: ast.AST, name: str) -> list[ast.expr] | None:
    """The values that an assignment or a loop gives a name; None if it is not understood, or about other names."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and _is_name(node.targets[0], name):
        return [node.value]
    if isinstance(node, ast.AnnAssign) and _is_name(node.target, name) and node.value is not None:
        return [node.value]
    if isinstance(node, (ast.For, ast.comprehension)) and _is_name(node.target, name):
        return list(node.iter.elts) if isinstance(node.iter, (ast.Tuple, ast.List, ast.Set)) else None
    return None


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
