"""Find the entries: the functions that the program gives to `gosecure`. Host world.

A secured routine is a module-level function. What is seen not to be one is a CompileError with its place; a variable is
looked at when the program runs, against the image's fixed table.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from gotee.compiler.names import dotted_name
from gotee.compiler.partition import Entry
from gotee.compiler.program import Module, Program, import_base
from gotee.compiler.scopes import bindings_of, walk
from gotee.errors import CompileError


def find_entries(program: Program) -> list[Entry]:
    """All entries of a program, in a fixed order."""
    spelled = spellings(program)
    found = {entry for name, names in spelled.items() for entry in _entries_of(program, program.modules[name], names)}
    return sorted(found)


def _entries_of(program: Program, module: Module, names: set[str]) -> Iterator[Entry]:
    for node in walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        if dotted_name(node.func) in names:
            if not node.args:
                raise _error(module, node, "GT201", "gosecure() names no function", "write gosecure(f, x)")
            entry = resolve(program, module, node.args[0])
        else:
            entry = _handed_over(program, module, node, names)
        if entry is not None:
            yield entry


def _handed_over(program: Program, module: Module, call: ast.Call, names: set[str]) -> Entry | None:
    """The entry of `partial(gosecure, f)` or `pool.submit(gosecure, f)`."""
    first = call.args[0] if len(call.args) > 1 else None
    if first is None or dotted_name(first) not in names:
        return None
    try:
        return resolve(program, module, call.args[1])
    except CompileError:
        return None  # seen when it runs


def spellings(program: Program) -> dict[str, set[str]]:
    """How `gosecure` is spelled in each module that has it, through other modules of the program too."""
    found = {name: names for name, module in program.modules.items() if (names := _own_spellings(module))}
    while found:
        before = sum(map(len, found.values()))
        for module in list(program.modules.values()):
            names = set(_passed_on(module, found))
            if names:
                found.setdefault(module.name, set()).update(names)
        if sum(map(len, found.values())) == before:
            break
    return found


def _own_spellings(module: Module) -> set[str]:
    names: set[str] = set()
    for node in module.import_statements if "gotee" in module.source else ():
        if isinstance(node, ast.ImportFrom) and node.module == "gotee" and not node.level:
            names |= {alias.asname or "gosecure" for alias in node.names if alias.name in ("gosecure", "*")}
        elif isinstance(node, ast.Import):
            names |= {f"{alias.asname or alias.name}.gosecure" for alias in node.names if alias.name == "gotee"}
    return names


def _passed_on(module: Module, found: dict[str, set[str]]) -> Iterator[str]:
    """The spellings that a module has from others, and by assignment."""

    def plain(other: str) -> set[str]:
        return {name for name in found.get(other, ()) if "." not in name}  # no chains: imports may go in circles

    for node in module.import_statements:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from (f"{alias.asname or alias.name}.{name}" for name in plain(alias.name))
            continue
        base = import_base(module, node)
        there = plain(base)
        for alias in node.names:
            if alias.name == "*":
                yield from there
            elif alias.name in there:
                yield alias.asname or alias.name
            inner = plain(f"{base}.{alias.name}".lstrip("."))
            yield from (f"{alias.asname or alias.name}.{name}" for name in inner)
    own = found.get(module.name, ())
    for statement in module.tree.body if own else ():
        named = isinstance(statement, ast.Assign) and isinstance(statement.value, (ast.Name, ast.Attribute))
        if named and ast.unparse(statement.value) in own:  # type: ignore[attr-defined]
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))  # type: ignore[attr-defined]


def resolve(program: Program, module: Module, node: ast.expr, depth: int = 0) -> Entry | None:
    """The entry that an expression names; None if only the running program knows. Raises CompileError."""
    if isinstance(node, ast.Name):
        return _resolve_name(program, module, node.id, node, depth)
    if isinstance(node, ast.Attribute):
        for other in program.imports(module):
            if ast.unparse(node.value) in _names_of_module(module, other):
                return _resolve_name(program, other, node.attr, node, depth)
        if _is_method(module, node):
            raise _error(
                module,
                node,
                "GT208",
                f"{ast.unparse(node)} is a method and cannot be a secured routine",
                "write a module-level function that makes the object inside and calls it",
            )
        elsewhere = _module_elsewhere(program, module, ast.unparse(node.value))
        return Entry(elsewhere, node.attr) if elsewhere else None  # an attribute of an object: seen at run time
    if isinstance(node, ast.Lambda):
        raise _error(
            module,
            node,
            "GT202",
            "a lambda cannot be a secured routine: it has no name in a module",
            "write a function at the top level of a module",
        )
    if isinstance(node, ast.Call):
        raise _error(
            module,
            node,
            "GT203",
            "gosecure() takes a function, and this is the result of a call",
            "write gosecure(f, x) instead of gosecure(f(x))",
        )
    return None


def _resolve_name(program: Program, module: Module, name: str, node: ast.expr, depth: int = 0) -> Entry | None:
    """The entry that a name means at the top level of a module, through `from` imports; None if a variable."""
    for statement in _top_level(module.tree.body):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == name:
            if _yields(statement):
                raise _error(
                    module,
                    node,
                    "GT207",
                    f"{name} is a generator function, and a generator cannot cross",
                    "send its values over a channel that is passed in, or return a list",
                )
            return Entry(module.name, name)
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            raise _error(
                module,
                node,
                "GT204",
                f"{name} is a class and cannot be a secured routine",
                "write a module-level function that makes the object",
            )
        aliased = isinstance(statement, ast.Assign) and isinstance(statement.value, (ast.Name, ast.Attribute))
        if aliased and depth < 100 and _is_alias(module, statement, name):
            return resolve(program, module, statement.value, depth + 1)  # type: ignore[attr-defined]
        if isinstance(statement, ast.ImportFrom) and depth < 100:
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    base = import_base(module, statement)
                    source = program.modules.get(base)
                    if source is not None:
                        return _resolve_name(program, source, alias.name, node, depth + 1)
                    if not statement.level and program.find(base.partition(".")[0]) is None:
                        return Entry(base, alias.name)
    if depth == 0 and _defined_in_function(module, name):
        raise _error(
            module,
            node,
            "GT205",
            f"{name} is defined inside a function, so it cannot be a secured routine",
            "move it to the top level of its module and pass what it needs as arguments",
        )
    if depth == 0 and hasattr(builtins, name) and not _assigned(module, name):
        raise _error(
            module,
            node,
            "GT206",
            f"{name} is a builtin and cannot be a secured routine",
            "write a module-level function that calls it",
        )
    return None


def _is_alias(module: Module, statement: ast.stmt, name: str) -> bool:
    """Whether a statement, and nothing else in its module, gives a name what another name or chain is."""
    assert isinstance(statement, ast.Assign)
    bound = any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
    return bound and sum(1 for _ in bindings_of(module.tree, name)) == 1


def _yields(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function's own body yields; those inside it do not count."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
    return False


_LITERALS = (
    ast.Constant,
    ast.JoinedStr,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Set,
    ast.ListComp,
    ast.DictComp,
    ast.SetComp,
)


def _is_method(module: Module, node: ast.Attribute) -> bool:
    """Whether an attribute is plainly a method: of a class of this module, of an object that is made of one, or of a
    literal."""
    if isinstance(node.value, _LITERALS):
        return True
    methods = {
        each.name: {inner.name for inner in each.body if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef))}
        for each in walk(module.tree)
        if isinstance(each, ast.ClassDef)
    }
    if isinstance(node.value, ast.Call):
        return node.attr in methods.get(ast.unparse(node.value.func), ())
    if not isinstance(node.value, ast.Name):
        return False
    name = node.value.id
    if node.attr in methods.get(name, ()):
        return True
    if _is_literal(module, name):
        return True
    made = {
        target.id: ast.unparse(each.value.func)
        for each in walk(module.tree)
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    return node.attr in methods.get(made.get(name, ""), ())


def _is_literal(module: Module, name: str) -> bool:
    """Whether a module gives a name nothing but lists, texts, numbers and the like."""
    values: list[ast.AST | None] = []
    for each in walk(module.tree):
        targets = each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", None)]
        if isinstance(each, (ast.Assign, ast.AnnAssign)):
            values += [each.value for target in targets if isinstance(target, ast.Name) and target.id == name]
    bound = sum(1 for _ in bindings_of(module.tree, name))
    return bool(values) and len(values) == bound and all(isinstance(value, _LITERALS) for value in values)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those under `if` and `try` too."""
    for statement in body:
        yield statement
        for field in ("body", "orelse", "finalbody"):
            if isinstance(statement, (ast.If, ast.Try, ast.With)):
                yield from _top_level(getattr(statement, field, []))
        if isinstance(statement, ast.Try):
            for handler in statement.handlers:
                yield from _top_level(handler.body)


def _defined_in_function(module: Module, name: str) -> bool:
    functions = [node for node in walk(module.tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return any(
        inner is not outer and isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)) and inner.name == name
        for outer in functions
        for inner in walk(outer)
    )


def _assigned(module: Module, name: str) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.arg) and node.arg == name)
        for node in walk(module.tree)
    )


def _names_of_module(module: Module, other: Module) -> set[str]:
    """How a module is spelled in another one that imports it."""
    names = set()
    for node in walk(module.tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name for alias in node.names if alias.name == other.name}
        elif isinstance(node, ast.ImportFrom):
            base = import_base(module, node)
            for alias in node.names:
                if f"{base}.{alias.name}".lstrip(".") == other.name:
                    names.add(alias.asname or alias.name)
    return names


def _module_elsewhere(program: Program, module: Module, spelled: str) -> str | None:
    """The module outside of the program that a spelling means in one of its modules."""
    for node in _top_level(module.tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if (alias.asname or alias.name) == spelled and program.find(alias.name.partition(".")[0]) is None:
                    return alias.name
    return None


def _error(module: Module, node: ast.expr, code: str, message: str, cure: str) -> CompileError:
    lines = module.source.splitlines()
    line = lines[node.lineno - 1] if node.lineno <= len(lines) else ""
    column = len(line.encode()[: node.col_offset].decode(errors="replace"))
    width = 1
    if node.end_lineno == node.lineno and node.end_col_offset is not None:
        width = max(node.end_col_offset - node.col_offset, 1)
    return CompileError(
        code,
        message,
        filename=str(module.file),
        lineno=node.lineno,
        column=column,
        line=line,
        width=width,
        cure=cure,
    )
