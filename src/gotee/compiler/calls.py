"""Where a program calls into the trusted world: each `gosecure` call with its place. Host world."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from gotee.compiler.entries import resolve, spellings
from gotee.compiler.partition import Entry
from gotee.compiler.program import Module, Program
from gotee.compiler.scopes import walk


class SecuredCall(NamedTuple):
    """One call: its module, the top-level definition (or `<module>`) that it stands in, and the entry if it is seen."""

    module: str
    caller: str
    node: ast.Call
    entry: Entry | None


def secured_calls(program: Program) -> list[SecuredCall]:
    """All of a program's `gosecure` calls, by module and line. Raises CompileError where an entry cannot be one."""
    spelled = spellings(program)
    found = [call for name, names in spelled.items() for call in _of_module(program, program.modules[name], names)]
    return sorted(found, key=lambda call: (call.module, call.node.lineno, call.node.col_offset))


def _of_module(program: Program, module: Module, names: set[str]) -> Iterator[SecuredCall]:
    for statement in module.tree.body:
        owner = getattr(statement, "name", "<module>")
        for node in walk(statement):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) in names:
                yield SecuredCall(module.name, owner, node, resolve(program, module, node.args[0]))
