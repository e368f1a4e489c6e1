"""What a program does with its two worlds that its writer may not have meant. Host world; `gotee check` prints it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from gotee.boundary.policy import Policy
from gotee.compiler.calls import SecuredCall, secured_calls
from gotee.compiler.closure import Analysis, analysis_of
from gotee.compiler.findings import ERROR, Finding, found, silenced, unknown_ignores
from gotee.compiler.interface import functions_of
from gotee.compiler.names import dotted_name
from gotee.compiler.partition import no_collection
from gotee.compiler.program import Module, import_base
from gotee.compiler.refusable import refusals
from gotee.compiler.scopes import makes_channel, walk
from gotee.compiler.secrets import secrets_in
from gotee.compiler.statements import Unit, forget
from gotee.compiler.unbound import unbound_calls
from gotee.errors import CompileError
from gotee.image.settings import find, matching

Global = tuple[str, str]  # module, name
_MUTATORS = {
    "append",
    "add",
    "extend",
    "insert",
    "update",
    "pop",
    "popitem",
    "remove",
    "discard",
    "clear",
    "setdefault",
}
_MUTATORS |= {"sort", "reverse", "appendleft", "extendleft", "rotate", "write", "__setitem__", "intersection_update"}
_NO_VALUES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def check(main: Path) -> list[Finding]:
    """All findings, by place; what the compiler refuses is the only one of its program."""
    with no_collection():
        findings = _findings(main)
        forget()
        return findings


def _findings(main: Path) -> list[Finding]:
    try:
        analysis = analysis_of(main)
    except CompileError as error:
        return [Finding(error.code, ERROR, error)]
    modules = analysis.graph.program.modules
    calls = secured_calls(analysis.graph.program)
    findings = [
        *_entries(analysis),
        *_globals(analysis),
        *(each for module in modules.values() for each in _secrets(module)),
        *(each for module in modules.values() for each in _trusted_channels(module, calls)),
        *(each for module in modules.values() for each in unknown_ignores(module)),
        *_policy(analysis, main),
        *_unbound(analysis, calls),
    ]
    by_file = {str(module.file): module for module in modules.values()}
    analysis.drop()
    loud = [each for each in findings if not silenced(each, by_file.get(each.error.filename or ""))]
    return sorted(loud, key=lambda each: (each.error.filename or "", each.error.lineno or 0, each.code))


def _policy(analysis: Analysis, main: Path) -> Iterator[Finding]:
    """GT407 and GT408, by the policy of the program's project."""
    settings = find(main)
    home = (settings.file or main.resolve()).parent
    root = analysis.partition.root
    included = {file.relative_to(home).as_posix() for pattern in settings.include for file in matching(root, pattern)}
    included |= {(root / path).relative_to(home).as_posix() for path in analysis.partition.data}
    yield from refusals(analysis, Policy(settings.ocalls), home, included.__contains__)


def _unbound(analysis: Analysis, calls: list[SecuredCall]) -> Iterator[Finding]:
    for module, node, name, near in unbound_calls(analysis.graph.program, calls):
        cure = f"did you mean {near}?" if near else "name a function at the top level of a module"
        yield found(module, node, "GT409", f"nothing binds {name}, which gosecure is to call", cure)


# -- entries ----------------------------------------------------------------------------------------------


def _entries(analysis: Analysis) -> Iterator[Finding]:
    modules = analysis.graph.program.modules
    for function in functions_of(analysis.partition):
        if function.unannotated and function.module in modules:
            module = modules[function.module]
            node = next((n for n in walk(module.tree) if getattr(n, "name", None) == function.name), module.tree)
            missing = ", ".join("its result" if name == "return" else name for name in function.unannotated)
            yield found(
                module,
                _head(node),
                "GT402",
                f"the entry {function.name} has no annotation for {missing}: whatever can cross will be let in",
                "annotate it: decoding is validation, and the annotations are what is checked",
            )


def _head(node: ast.AST) -> ast.AST:
    """Only the first line of a definition is marked."""
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    end = column + len(f"def {getattr(node, 'name', '')}")
    return ast.Constant(None, lineno=line, col_offset=column, end_lineno=line, end_col_offset=end)


# -- globals of two worlds --------------------------------------------------------------------------------


def _globals(analysis: Analysis) -> Iterator[Finding]:
    """GT401 and GT405: module-level names that both worlds have a copy of."""
    inside: dict[Global, tuple[Module, ast.expr]] = {}
    changed: dict[Global, tuple[Module, ast.expr]] = {}
    outside: dict[Global, tuple[Module, ast.expr]] = {}
    names = _variables(analysis)
    modules = analysis.graph.program.modules
    aliases = {name: _aliases(analysis, module) for name, module in modules.items()}
    for module, unit, kept in _units(analysis):
        for node, name, store in _uses(unit.node, module, aliases[module.name]):
            if name in names and unit.index not in names[name]:
                place = inside if kept else outside
                place.setdefault(name, (module, node))
                if store and not kept:
                    changed.setdefault(name, (module, node))
    channels = _channels(analysis) & set(names)
    for name in sorted(channels & set(inside) & set(outside)):
        yield found(
            *inside[name],
            "GT405",
            f"{name[1]} is a channel of {name[0]} that both worlds use: there are two, one in each world",
            "make the channel in a function, and pass it to the secured routine",
        )
    for name in sorted((set(inside) & set(changed)) - channels):
        other, node = changed[name]
        yield found(
            *inside[name],
            "GT401",
            f"trusted code reads {name[1]} of {name[0]}, which untrusted code changes "
            f"({other.file.name}:{getattr(node, 'lineno', 0)}): each world has its own copy",
            "pass the value as an argument, or change it in a secured routine",
        )


def _units(analysis: Analysis) -> Iterator[tuple[Module, Unit, bool]]:
    for module in analysis.graph.program.modules.values():
        for unit in analysis.graph.resolver.table(module).statements.units:
            if not unit.is_import:
                yield module, unit, ("unit", module.name, unit.index) in analysis.fixpoint.kept


def _variables(analysis: Analysis) -> dict[Global, set[int]]:
    """Module-level names that hold values, with the statements that bind them."""
    names: dict[Global, set[int]] = defaultdict(set)
    for module, unit, _ in _units(analysis):
        if not isinstance(unit.node, _NO_VALUES):
            for name in unit.binds:
                names[module.name, name].add(unit.index)
    return names


def _channels(analysis: Analysis) -> set[Global]:
    return {
        (module.name, name)
        for module, unit, _ in _units(analysis)
        for name in (unit.binds if _value_is_channel(unit.node) else unit.channels)
    }


def _value_is_channel(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    return isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(value, ast.Call) and makes_channel(value)


def _aliases(analysis: Analysis, module: Module) -> tuple[dict[str, Global], dict[str, str]]:
    """Names that `from` imports bind to globals of other modules, and names of whole modules."""
    values: dict[str, Global] = {}
    whole: dict[str, str] = {}
    known = analysis.graph.program.modules
    for node in walk(module.tree):
        if isinstance(node, ast.Import):
            whole |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in known}
        elif isinstance(node, ast.ImportFrom):
            base = import_base(module, node)
            for alias in node.names:
                inner = f"{base}.{alias.name}" if base else alias.name
                if inner in known:
                    whole[alias.asname or alias.name] = inner
                elif base in known:
                    values[alias.asname or alias.name] = (base, alias.name)
    return values, whole


def _uses(
    statement: ast.stmt, module: Module, aliases: tuple[dict[str, Global], dict[str, str]]
) -> Iterator[tuple[ast.expr, Global, bool]]:
    """Uses of globals in a statement, each with whether it changes the value."""
    values, whole = aliases
    local = _locals(statement)
    stores = _stores(statement)
    for node in walk(statement):
        name: Global | None = None
        if isinstance(node, ast.Name) and node.id not in local:
            name = values.get(node.id, (module.name, node.id))
        elif isinstance(node, ast.Attribute) and (owner := dotted_name(node.value)) in whole:
            name = (whole[owner], node.attr)
        if name is not None and isinstance(node, (ast.Name, ast.Attribute)):
            yield node, name, id(node) in stores or not isinstance(node.ctx, ast.Load)


def _locals(statement: ast.stmt) -> set[str]:
    """Names that are local to a function: parameters, and what it binds without `global`."""
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return set()
    declared = {name for node in walk(statement) if isinstance(node, ast.Global) for name in node.names}
    bound = {n.id for n in walk(statement) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    bound |= {node.arg for node in walk(statement) if isinstance(node, ast.arg)}
    return bound - declared


def _stores(statement: ast.stmt) -> set[int]:
    """Expressions whose value is changed in place: `x[...] = y`, `x.y = z`, `x.append(y)`, `del x[...]`."""
    found_ids: set[int] = set()
    for node in walk(statement):
        if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
            found_ids.add(id(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
            found_ids.add(id(node.func.value))
    return found_ids


# -- channels between secured routines ------------------------------------------------------------------------


def _trusted_channels(module: Module, calls: list[SecuredCall]) -> Iterator[Finding]:
    """GT404: a channel of a function that is only handed to secured routines, to several."""
    secured = {id(call.node) for call in calls if call.module == module.name}
    for function in walk(module.tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        made = {
            target.id: node.value
            for node in walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and makes_channel(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for name, value in made.items():
            uses = [
                n for n in walk(function) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
            ]
            given = {id(a) for n in walk(function) if id(n) in secured for a in _arguments(n)}
            if len(uses) > 1 and all(id(use) in given for use in uses):
                yield found(
                    module,
                    value,
                    "GT404",
                    f"both ends of {name} are in secured routines, but it is made outside: the host sees its values",
                    "make the channel inside, in a secured routine that starts the others with go",
                )


def _arguments(node: ast.AST) -> list[ast.expr]:
    assert isinstance(node, ast.Call)
    return [*node.args[1:], *(keyword.value for keyword in node.keywords)]


# -- secrets --------------------------------------------------------------------------------------------------


def _secrets(module: Module) -> Iterator[Finding]:
    for node, what in secrets_in(module.tree):
        yield found(
            module,
            node,
            "GT403",
            f"{what} looks like a secret: whoever has the image can read it",
            "make it inside, or send it in after the enclave's evidence was verified",
        )
