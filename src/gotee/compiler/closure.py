"""What goes inside: the modules of the entries and every module of the program that those import. Host world.

Top-level statements that start routines or end the process are host-only: they are blanked, so that lines stay where
they are. (The issue's next compiler works statement by statement; this one keeps the rest of each module.)
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gotee.compiler.entries import Entry, find_entries
from gotee.compiler.program import Module, Program

_STARTERS = {"go", "gosecure", "select", "exit", "quit"}
_OPERATIONS = {"gosecure", "go", "select", "send", "recv", "recv_ok", "result", "exit", "_exit", "run"}


@dataclass(frozen=True)
class Partition:
    """The trusted part of a program."""

    name: str
    modules: dict[str, dict[str, Any]]
    entries: list[Entry]

    def as_image(self) -> dict[str, Any]:
        """The plain data that the enclave's first code reads."""
        return {"name": self.name, "modules": self.modules, "entries": [list(entry) for entry in self.entries]}


def partition(main: Path) -> Partition:
    """The trusted part of the program whose main file this is. Raises CompileError."""
    program = Program(main)
    entries = find_entries(program)
    wanted = [program.modules[entry.module] for entry in entries]
    inside: dict[str, Module] = {}
    while wanted:
        module = wanted.pop()
        if module.name not in inside:
            inside[module.name] = module
            wanted += program.imports(module)
            wanted += [program.modules[name] for name in _parents(module.name) if name in program.modules]
    modules = {
        name: {
            "source": blank_host_only(inside[name]),
            "file": str(inside[name].file),
            "package": inside[name].package,
        }
        for name in sorted(inside)
    }
    for name in sorted(parent for module in inside for parent in _parents(module)):
        folder = str(program.root.joinpath(*name.split(".")))
        modules.setdefault(name, {"source": "", "file": folder, "package": True})  # a package without __init__.py
    return Partition(program.main.name, modules, entries)


def _parents(name: str) -> list[str]:
    """The packages that importing a module imports too.

    >>> _parents("a.b.c")
    ['a', 'a.b']
    """
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def blank_host_only(module: Module) -> str:
    """The module's source without the statements that only the host may run."""
    reaching = _functions_that_start(module)
    lines = module.source.splitlines(keepends=True)
    for statement in module.tree.body:
        if _is_main_block(statement) or _starts(statement, reaching):
            for number in range(statement.lineno - 1, statement.end_lineno or statement.lineno):
                lines[number] = "\n"
    return "".join(lines)


def _is_main_block(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test) and not statement.orelse


def _starts(statement: ast.stmt, reaching: set[str]) -> bool:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
        return False
    return any(_calls_one_of(node, reaching) for node in ast.walk(statement))


def _calls_one_of(node: ast.AST, reaching: set[str]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in reaching
    return isinstance(node.func, ast.Attribute) and node.func.attr in _OPERATIONS


def _functions_that_start(module: Module) -> set[str]:
    """Names that start routines or end the process when called, through functions of the module."""
    functions = [node for node in module.tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    reaching = set(_STARTERS)
    grown = True
    while grown:
        grown = False
        for function in functions:
            if function.name not in reaching and any(_calls_one_of(node, reaching) for node in ast.walk(function)):
                reaching.add(function.name)
                grown = True
    return reaching
