"""The boundary of a program, entry by entry, as its source states it. Host world; images use it."""

from __future__ import annotations

import ast

from gotee.compiler.closure import Partition


def interface_of(partition: Partition) -> list[str]:
    """One line an entry: `module:name(parameters) -> result`; `(...)` for a function of a package."""
    trees: dict[str, ast.Module] = {}
    lines = []
    for module, name in partition.entries:
        if module in partition.modules and module not in trees:
            trees[module] = ast.parse(partition.modules[module]["source"])
        function = _function(trees[module], name) if module in trees else None
        lines.append(f"{module}:{name}{_signature(function)}")
    return lines


def _function(tree: ast.Module, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    found = None
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            found = node
    return found


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef | None) -> str:
    if function is None:
        return "(...)"
    result = f" -> {ast.unparse(function.returns)}" if function.returns is not None else ""
    return f"({ast.unparse(function.args)}){result}"
