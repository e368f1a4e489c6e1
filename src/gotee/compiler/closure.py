"""The partition: what of a program goes inside. Host world.

`analysis_of` takes a program's main file and finds its entries; `slice_of` takes one function. Both raise CompileError.
`remembered` keeps what they find.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gotee.compiler import known
from gotee.compiler.depth import deep
from gotee.compiler.diagnostics import error_at
from gotee.compiler.disk import Disk
from gotee.compiler.dynamic import LISTING, cure_of
from gotee.compiler.emit import Kept, emitted
from gotee.compiler.entries import find_entries
from gotee.compiler.files import texts_of
from gotee.compiler.fixpoint import Fixpoint
from gotee.compiler.graph import Graph, Node
from gotee.compiler.outside import packages_outside
from gotee.compiler.partition import Entry, Partition, no_collection
from gotee.compiler.program import Module, Program, parents
from gotee.compiler.statements import Unit
from gotee.compiler.unseen import refuse_unseen
from gotee.errors import CompileError


@dataclass(frozen=True)
class Analysis:
    """A partition with the graph and the fixed point that explain it."""

    partition: Partition
    graph: Graph
    fixpoint: Fixpoint

    def drop(self) -> None:
        """Take the graph apart: its parts refer to it, and the collector takes long to see that nobody else does."""
        vars(self.graph).clear()


def analysis_of(main: Path, root: Path | None = None, also: Iterable[str] = ()) -> Analysis:
    """The partition of the program whose main file this is, with what explains it. Raises CompileError.

    With `root`, the main file is a module in this folder, and `also` are others of the program.
    """
    with no_collection(), deep():
        program = Program(main, root, also=also)
        return analyse(program, find_entries(program))


def slice_of(root: Path, module: str, function: str) -> Analysis:
    """What one function of a module under `root` needs. Raises CompileError."""
    path = root.joinpath(*module.split("."))
    disk = Disk()
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if disk.is_file(file):
            with no_collection(), deep():
                return analyse(Program(file, root, disk), [Entry(module, function)])
    raise CompileError("GT306", f"there is no module {module} under {root}", cure="name a module as it is imported")


def analyse(program: Program, entries: list[Entry]) -> Analysis:
    """Build the graph, run the fixed point, check it, and emit. Raises CompileError."""
    graph = _graph_of(program, entries, set())
    if graph.stars.unsettled:
        graph = _graph_of(program, entries, graph.stars.unsettled)
    roots: list[Node] = []
    for entry in entries:
        module = program.find(entry.module)
        if module is None and program.find(known.top(entry.module)) is None:
            roots.append(("ext", known.top(entry.module)))  # a function of the standard library or of a package
            continue
        if module is None or not graph.resolver.binds(module, entry.name):
            raise CompileError(
                "GT306",
                f"module {entry.module} has no {entry.name}",
                cure="name a function at the top level of a module",
            )
        roots.append(graph.name(module, entry.name))
    fixpoint = Fixpoint(graph, roots)
    _refuse_host_only(graph, fixpoint)
    refuse_unseen(graph, fixpoint)
    _refuse_dynamic(graph, fixpoint)
    return Analysis(_result(graph, fixpoint, entries), graph, fixpoint)


def _graph_of(program: Program, entries: list[Entry], unsettled: set[str]) -> Graph:
    """The graph of a program of which it is known what changes `__all__` of which modules."""
    graph = Graph(program, unsettled)
    for entry in entries:
        if program.find(entry.module) is not None:
            graph.parameters.escape(entry.module, entry.name)
    graph.build()
    return graph


def _refuse_dynamic(graph: Graph, fixpoint: Fixpoint) -> None:
    vouched = _included_whole(graph, fixpoint)
    for node in fixpoint.kept:
        for dynamic in graph.dynamics.get(node, ()):
            if dynamic.when is not None and dynamic.when not in fixpoint.kept:
                continue
            module, _ = graph.unit_of(node)
            if module.name in vouched or known.is_compatibility(module.name, module.source):
                continue
            raise error_at(
                module, dynamic.node, dynamic.code, f"in trusted code: {dynamic.message}", cure_of(dynamic.code)
            )


def _included_whole(graph: Graph, fixpoint: Fixpoint) -> set[str]:
    """Modules that override comments include as a whole: their dynamic features are the author's word too."""
    units = [graph.unit_of(node)[1] for node in fixpoint.kept if node[0] in ("unit", "exec")]
    return {module for unit in units for module, name, _ in unit.includes if name == "*"}


def _refuse_host_only(graph: Graph, fixpoint: Fixpoint) -> None:
    for node, parent in fixpoint.wanted_host_only:
        module, unit = graph.unit_of(node)
        name = parent[2] if parent[0] == "name" else ", ".join(sorted(unit.binds))
        reader = _reader(fixpoint, parent)
        raise error_at(
            module,
            unit.node,
            "GT310",
            f"only the host runs this statement ({graph.host_only[node]}), but trusted code{reader} reads {name}",
            "bind what trusted code reads in a statement of its own, or pass it as an argument",
        )
    for node, reason in graph.host_only.items():
        target = fixpoint.touching.get(node)
        if target is None or node[1] not in fixpoint.live or node not in graph.impure:
            continue
        module, unit = graph.unit_of(node)
        if reason.guess:
            raise error_at(
                module,
                unit.node,
                "GT312",
                f"it is not seen whose method this statement calls: {reason}; another class has a method of that name, "
                f"and the statement may change {_spell(target)}, which trusted code uses",
                'make the object in this statement, or move what starts routines under `if __name__ == "__main__":`',
            )
        if reason.exits:
            raise error_at(
                module,
                unit.node,
                "GT311",
                f"this statement may end the process ({reason}) and may also change {_spell(target)}, "
                "which trusted code uses",
                'move what ends the process under `if __name__ == "__main__":`',
            )


def _reader(fixpoint: Fixpoint, node: Node) -> str:
    while node[0] not in ("unit", "unit-body"):
        parent = fixpoint.kept[node].parent if node in fixpoint.kept else None
        if parent is None:
            return ""
        node = parent
    module, unit = fixpoint.graph.unit_of(("unit", *node[1:]))
    return f" ({module.file.name}:{unit.node.lineno})"


def _spell(node: Node) -> str:
    return f"{node[1]}:{node[2]}" if node[0] == "name" else " ".join(str(part) for part in node)


def _result(graph: Graph, fixpoint: Fixpoint, entries: list[Entry]) -> Partition:
    program = graph.program
    kept = Kept(graph, fixpoint.kept)
    modules: dict[str, dict[str, Any]] = {}
    for name in sorted({node[1] for node in fixpoint.kept if node[0] == "exists"} | _listed(graph, fixpoint)):
        module = program.modules[name]
        modules[name] = {"source": emitted(kept, module), "file": str(module.file), "package": module.package}
    return Partition(
        name=program.main.name,
        modules=modules,
        entries=entries,
        definitions=_definitions(graph, fixpoint),
        host_only=_host_only(graph, fixpoint),
        overrides=_overrides(graph, fixpoint),
        data=_data(graph, fixpoint),
        outside=packages_outside({node[1] for node in fixpoint.kept if node[0] == "ext"}),
        root=program.root,
    )


def _definitions(graph: Graph, fixpoint: Fixpoint) -> list[str]:
    found = []
    for node in fixpoint.kept:
        if node[0] == "unit":
            module, unit = graph.unit_of(node)
            found += [f"{module.name}:{name}" for name in unit.binds if name not in _imported(unit)]
    return sorted(set(found))


def _imported(unit: Unit) -> set[str]:
    return {use.name for use in unit.uses.imports if use.global_}


def _host_only(graph: Graph, fixpoint: Fixpoint) -> list[str]:
    found = []
    for node, reason in graph.host_only.items():
        if ("exists", node[1]) in fixpoint.kept:
            module, unit = graph.unit_of(node)
            found.append(f"{_place(graph, module)}:{unit.node.lineno}: {reason}")
    return found


def _overrides(graph: Graph, fixpoint: Fixpoint) -> list[str]:
    found = []
    for node in fixpoint.kept:
        if node[0] in ("unit", "exec"):
            module, unit = graph.unit_of(node)
            found += [f"{_place(graph, module)}:{line}: {target}:{name}" for target, name, line in unit.includes]
    for module in graph.program.modules.values():
        if ("exists", module.name) in fixpoint.kept and known.is_compatibility(module.name, module.source):
            found.append(f"{_place(graph, module)}: known to import from the standard library only")
    return sorted(found)


def _place(graph: Graph, module: Module) -> str:
    return module.file.relative_to(graph.program.root).as_posix()


def _listed(graph: Graph, fixpoint: Fixpoint) -> set[str]:
    """The modules that lie where trusted code lists files: they are there, whatever stays of them."""
    units = [graph.unit_of(node)[1] for node in fixpoint.kept if node[0] == "unit"]
    if all(LISTING.isdisjoint(unit.uses.mentions) for unit in units):
        return set()
    program = graph.program
    files: set[Path] = set()
    for owner in {owner for node, owners in graph.data_users.items() if node in fixpoint.kept for owner in owners}:
        module = program.modules[owner]
        folder = module.file if module.namespace else module.file.parent
        plain = folder in (program.root, program.home)
        files |= set(program.disk.modules_in(folder) if plain else program.disk.modules_below(folder))
        if plain:
            files |= set(program.disk.modules_named(folder, texts_of(unit.node for unit in units)))
    found: set[str] = set()
    for name in filter(None, map(program.name_of, sorted(files))):
        found |= {name, *(parent for parent in parents(name) if program.find(parent) is not None)}
    return found


def _data(graph: Graph, fixpoint: Fixpoint) -> list[str]:
    """Files that are not modules: of a package that trusted code reads files of; at the root, those that it names."""
    owners = {owner for node, owners in graph.data_users.items() if node in fixpoint.kept for owner in owners}
    found: set[Path] = set()
    root = graph.program.root
    for owner in owners:
        module = graph.program.modules[owner]
        folder = module.file if module.namespace else module.file.parent
        if folder not in (root, graph.program.home):
            found |= set(graph.program.disk.data_below(folder))
    for folder in {graph.program.modules[owner].file.parent for owner in owners} & {root, graph.program.home}:
        texts = texts_of(graph.unit_of(node)[1].node for node in fixpoint.kept if node[0] == "unit")
        found |= set(graph.program.disk.data_named(folder, texts))
    return sorted(file.relative_to(root).as_posix() for file in found)
