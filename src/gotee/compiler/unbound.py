"""`gosecure` calls of a name that nothing binds: a slip of the pen that Python would tell only when it gets there.

Host world; `gotee check` asks.
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Iterable, Iterator

from gotee.compiler.calls import SecuredCall
from gotee.compiler.program import Module, Program, import_base
from gotee.compiler.scopes import walk

_MAKES_NAMES = {"exec", "eval", "globals", "locals", "vars", "setattr", "__dict__", "__getattr__"}


def unbound_calls(program: Program, calls: list[SecuredCall]) -> Iterator[tuple[Module, ast.expr, str, str]]:
    """Module, place, what is bound nowhere, and the name that may have been meant."""
    for call in calls:
        module, first = program.modules[call.module], call.node.args[0]
        if call.entry is None and isinstance(first, ast.Name):
            known = _bound(module)
            if known is not None and first.id not in known and not hasattr(builtins, first.id):
                functions = [each for each in known if _is_function(module, each)]
                yield module, first, first.id, _near(first.id, functions)
        elif call.entry is None and isinstance(first, ast.Attribute):
            other = _module_meant(program, module, first.value)
            known = None if other is None else _bound(other)
            name = f"{other.name}.{first.attr}" if other is not None else ""
            if known is not None and first.attr not in known and program.find(name) is None:
                yield module, first, name, _near(first.attr, known)


def _near(word: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1)), "")


def _is_function(module: Module, name: str) -> bool:
    return any(getattr(each, "name", None) == name for each in module.tree.body)


def _bound(module: Module) -> set[str] | None:
    """Every name that a module binds anywhere; None if names may come from elsewhere."""
    found: set[str] = set()
    for node in walk(module.tree):
        if isinstance(node, ast.Name):
            if node.id in _MAKES_NAMES:
                return None
            if not isinstance(node.ctx, ast.Load):
                found.add(node.id)
        elif isinstance(node, ast.Attribute) and node.attr in _MAKES_NAMES:
            return None
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name == "*":
                    return None
                found.add(alias.asname or alias.name.partition(".")[0])
        else:
            found |= _names_of(node)
    return None if "__getattr__" in found else found


def _names_of(node: ast.AST) -> set[str]:
    """What one node binds: definitions, parameters, exceptions, patterns, `global`."""
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return set(node.names)
    names = (getattr(node, field, None) for field in ("name", "arg", "rest"))
    return {name for name in names if isinstance(name, str) and not isinstance(node, (ast.alias, ast.keyword))}


def _module_meant(program: Program, module: Module, node: ast.expr) -> Module | None:
    """The program's module that `import a.b` or `from a import b` gave this name."""
    text = ast.unparse(node)
    for statement in walk(module.tree):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                if (alias.asname or alias.name) == text:
                    return program.modules.get(alias.name)
        elif isinstance(statement, ast.ImportFrom):
            base = import_base(module, statement)
            for alias in statement.names:
                if (alias.asname or alias.name) == text:
                    return program.modules.get(f"{base}.{alias.name}" if base else alias.name)
    return None
