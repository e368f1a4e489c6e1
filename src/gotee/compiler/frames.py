"""Globals of a module that code reaches through a frame: `sys._getframe(1).f_globals`. Host world; see `externals`.

What only asks for the name of the module, or for another attribute that every module has, is harmless.
"""

from __future__ import annotations

import ast

from gotee.compiler.imports import MODULE_ATTRIBUTES
from gotee.compiler.names import Step
from gotee.compiler.scopes import constant_text, walk


def reaches_globals(steps: tuple[Step, ...], attributes: set[str]) -> bool:
    """Whether steps lead to globals that are not known; `f_globals["__name__"]` only asks for the module's name."""
    for position, step in enumerate(steps):
        if isinstance(step, str) and step in attributes:
            after, *more = [*steps[position + 1 :], None]
            asked = after.slice if isinstance(after, ast.Subscript) else None
            if after == "get" and isinstance(more[0], ast.Call) and more[0].args:
                asked = more[0].args[0]
            if constant_text(asked) not in MODULE_ATTRIBUTES:
                return True
    return False


def only_asks_for_module(within: ast.AST, chain: ast.expr) -> bool:
    """Whether a chain that ends in `f_globals` goes into a name of which only such attributes are asked."""
    names = {
        target.id
        for node in walk(within)
        if isinstance(node, ast.Assign) and any(child is chain for child in walk(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if len(names) != 1:
        return False
    name = names.pop()
    uses = {id(n) for n in walk(within) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)}
    for node in walk(within):
        if isinstance(node, ast.Compare):
            uses -= {id(side) for side in (node.left, *node.comparators)}
        elif isinstance(node, (ast.If, ast.IfExp)):
            uses.discard(id(node.test))
        elif isinstance(node, ast.Subscript) and constant_text(node.slice) in MODULE_ATTRIBUTES:
            uses.discard(id(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            asks = bool(node.args) and constant_text(node.args[0]) in MODULE_ATTRIBUTES
            uses -= {id(node.func.value)} if asks else set()
    return not uses
