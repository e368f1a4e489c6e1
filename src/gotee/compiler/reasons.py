"""Why something is inside, as a chain from it to an entry, or why it is outside. Host world."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable

from gotee.compiler.calls import secured_calls
from gotee.compiler.closure import Analysis
from gotee.compiler.graph import ALWAYS, Node
from gotee.compiler.statements import Unit
from gotee.errors import UsageError

_WORDS = {
    "whole": "the module {0} is used as an object, so all of it stays",
    "active": "importing the module {0} does something that matters",
    "raises": "importing {0} in a try must fail where it does in the program",
    "text": "the text of {0}'s file is read",
    "annotations": "something that stays reads annotations",
    "subclasses": "something that stays asks for __subclasses__()",
    "ext": "the package {0} is used",
    "loaded": "{0} has been imported",
    "exists": "the module {0} is imported",
    "rebound": "{0}:{1} is bound by a statement that stays",
    "always": "it touches state of the whole process",
}


def find(analysis: Analysis, name: str) -> tuple[str, str]:
    """The module and the global that `NAME` or `MODULE:NAME` means. Raises UsageError."""
    modules = analysis.graph.program.modules
    table = analysis.graph.resolver.table
    module, colon, wanted = name.rpartition(":")
    if colon:
        if module in modules and wanted in table(modules[module]).binders:
            return module, wanted
        if module not in modules:
            raise UsageError(f"the program has no module {module}{_meant(module, modules)}")
        raise UsageError(f"the module {module} binds no {wanted}{_meant(wanted, table(modules[module]).binders)}")
    main = analysis.graph.program.main.name
    found = [each for each in modules if wanted in table(modules[each]).binders]
    if main in found:
        return main, wanted
    if not found and wanted in modules:
        raise UsageError(f"{wanted} is a module; name what it holds: {wanted}:NAME")
    if not found:
        every = {each for module in modules for each in table(modules[module]).binders}
        raise UsageError(f"the name {wanted} is bound in no module of the program{_meant(wanted, every)}")
    if len(found) > 1:
        raise UsageError(f"the name {wanted} is bound in {', '.join(found)}; write MODULE:{wanted}")
    return found[0], wanted


def _meant(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def why(analysis: Analysis, module: str, name: str) -> list[str]:
    """The chain of reasons, one a line, from a definition to an entry; empty if it is outside."""
    kept = analysis.fixpoint.kept
    node = _kept_binder(analysis, module, name)
    lines: list[str] = []
    while node is not None:
        reason = kept[node]
        spelled = _spell(analysis, node)
        if reason.changes:
            spelled += f" stays: running it may change {_spell(analysis, reason.parent or node)}"
        if not lines or lines[-1] != spelled:
            lines.append(spelled)
        node = reason.parent
    return lines


def entry_calls(analysis: Analysis, spelled: str) -> list[str]:
    """Where an entry, `module:name`, is called with gosecure: `module:caller line 3`."""
    found = []
    for call in secured_calls(analysis.graph.program):
        if call.entry is not None and f"{call.entry.module}:{call.entry.name}" == spelled:
            caller = call.module if call.caller == "<module>" else f"{call.module}:{call.caller}"
            found.append(f"{caller} line {call.node.lineno}")
    return found


def why_not(analysis: Analysis, module: str, name: str) -> str:
    """Why a definition is outside, in a sentence; empty if it is inside."""
    if _kept_binder(analysis, module, name) is not None:
        return ""
    graph, fixpoint = analysis.graph, analysis.fixpoint
    for node in _binders(analysis, module, name):
        if node in graph.host_only:
            return f"only the host runs the statement that binds it: {graph.host_only[node]}"
        if module not in fixpoint.live:
            return f"nothing that runs inside imports {module}"
        if node in graph.impure:
            return "nothing that stays uses it, and its import-time code reaches nothing that stays"
    return "nothing that stays uses it, and defining it has no effect"


def _binders(analysis: Analysis, module: str, name: str) -> list[Node]:
    found: list[Node] = []
    for binder in analysis.graph.resolver.table(analysis.graph.program.modules[module]).binders[name]:
        kind = "alias" if binder.alias is not None else "unit"
        found.append((kind, module, binder.unit, *([] if binder.alias is None else [binder.alias])))
    return found


def _kept_binder(analysis: Analysis, module: str, name: str) -> Node | None:
    return next((node for node in _binders(analysis, module, name) if node in analysis.fixpoint.kept), None)


def _spell(analysis: Analysis, node: Node) -> str:
    if node == ALWAYS:
        return "state of the whole process"
    if node[0] == "name":
        return f"{node[1]}:{node[2]}"
    if node[0] in ("unit", "unit-body", "exec", "alias", "soft", "load"):
        module, unit = analysis.graph.unit_of(("unit", *node[1:]))
        return f"{module.name} line {unit.node.lineno}: {_head(unit)}"
    return _WORDS.get(node[0], str(node[0])).format(*node[1:])


def _head(unit: Unit) -> str:
    if isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return f"def {unit.node.name}"
    if isinstance(unit.node, ast.ClassDef):
        return f"class {unit.node.name}"
    text = ast.unparse(unit.node).partition("\n")[0]
    return text if len(text) <= 60 else text[:57] + "..."
