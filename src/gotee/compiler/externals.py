"""The edges of names outside of the program: shared state, packages, files. Host world."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gotee.compiler import known
from gotee.compiler.dynamic import ANNOTATION_READERS, DATA_READERS, DYNAMIC, GLOBALS_ATTRIBUTES
from gotee.compiler.files import only_folder, writes_file
from gotee.compiler.frames import only_asks_for_module, reaches_globals
from gotee.compiler.imports import External
from gotee.compiler.names import Ref, Step, Uses
from gotee.compiler.program import Module
from gotee.compiler.statements import Unit

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]
_ALWAYS: Node = ("always",)
_WATCHING = ("sys.meta_path", "sys.path_hooks", "builtins.__import__", "sys.addaudithook")
_SEES_ALL = {f"{module}.{name}" for module in ("sys", "threading") for name in ("settrace", "setprofile")} | {
    "threading.settrace_all_threads", "threading.setprofile_all_threads", "sys.monitoring.register_callback",
}  # fmt: skip
_UNKNOWN_GLOBALS = "it reaches the globals of a module that is not known"
_FILE_CHANGES = {"write_text", "write_bytes", "mkdir", "touch", "unlink", "rename", "symlink_to", "rmdir", "chmod"}


class Externals:
    """Adds edges to one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def use(self, module: Module, unit: Unit, node: Node, ref: Ref, event: External) -> None:
        """The edges of one use of a name outside of the program."""
        dotted, steps = event
        if dotted.startswith("sys.modules."):
            dotted, steps = "sys.modules", (*dotted.split(".")[2:], *steps)
        if dotted.startswith("builtins.__builtins__"):
            dotted = "builtins"
        if self._graph.strings.use(module, unit, node, ref, dotted, steps):
            return
        self._graph.marks.outside(node, dotted, ref, unit.uses, bool(steps) and isinstance(steps[0], ast.Call))
        if dotted.endswith(".__subclasses__"):
            asked = dotted.removesuffix(".__subclasses__")
            if asked == "builtins.type" and steps and isinstance(steps[0], ast.Call) and steps[0].args:
                asked = self._graph.purity.dotted(module, steps[0].args[0]) or ""
            self._graph.link(node, ("derived", asked))
            self._graph.need(node, ("asked", asked))
        if dotted.startswith(_WATCHING) and (steps or ref.store):
            self._graph.need(node, ("watched",))
        if ref.store and dotted == "typing.TYPE_CHECKING":
            self._graph.dynamic(node, "GT305", ref.node, "it makes what `if TYPE_CHECKING` guards run")
        if dotted in _SEES_ALL and not _is_reset(steps):
            self._graph.dynamic(node, "GT305", ref.node, "it sees all code that runs, of which less runs inside")
        if dotted.rpartition(".")[2] in ANNOTATION_READERS:
            self._graph.need(node, ("annotations",))
        if dotted in DYNAMIC and not self._harmless(module, unit, dotted, ref, steps):
            code, message = DYNAMIC[dotted]
            self._graph.dynamic(node, code, ref.node, message)
        if reaches_globals(steps, GLOBALS_ATTRIBUTES):
            self._graph.dynamic(node, "GT305", ref.node, _UNKNOWN_GLOBALS)
        if dotted.startswith("enum.") and dotted.endswith("._convert_"):
            self._graph.value(None, node, module)  # looks through the globals of the module for members
        if dotted == "enum.global_enum":
            self._graph.reach(node, ("writer", module.name))
        if dotted.startswith(DATA_READERS):
            self._data(module, unit, node, ref, dotted, steps)
        self._state(module, unit, node, ref, dotted, steps)

    def frames(self, unit: Unit, node: Node, uses: Uses) -> None:
        """The edges of frames that locals hold: `error.__traceback__.tb_frame.f_globals`."""
        for where, steps in uses.frames:
            if "f_locals" in steps:
                self._graph.reach(node, _ALWAYS)
            asked = steps[-1] == "f_globals" and only_asks_for_module(unit.node, where)
            if reaches_globals(steps, {"f_globals", "f_builtins"}) and not asked:
                self._graph.dynamic(node, "GT305", where, _UNKNOWN_GLOBALS)

    def bare(self, node: Node, dotted: str) -> None:
        """An import binds a name of it."""
        graph = self._graph
        graph.need(node, ("ext", known.top(dotted)))

    def file(self, module: Module, unit: Unit, node: Node) -> None:
        """A use of `__file__`: its folder is looked at, or, if it may be opened, the file keeps its text."""
        self._graph.data_users[node].add(module.name)
        if not only_folder(unit.node):
            self._graph.need(node, ("text", module.name))

    def named_files(self) -> None:
        """`HERE / "other.py"`: the file of a module, which is looked at or read; it keeps its text."""
        graph = self._graph
        owners = {owner for owners in graph.data_users.values() for owner in owners}
        folders = sorted({graph.program.modules[owner].file.parent for owner in owners})
        for module in list(graph.program.modules.values()) if folders else ():
            for unit in graph.resolver.table(module).statements.units:
                node: Node = ("unit", module.name, unit.index)
                for text in sorted(text for text in unit.uses.mentions if text.endswith(".py")):
                    for file in (file for folder in folders for file in self._files_named(folder, text, unit.uses)):
                        named = graph.program.name_of(file)
                        if named is not None and graph.program.find(named) is not None:
                            graph.need(node, ("exists", named))
                            graph.need(node, ("text", named))

    def _files_named(self, folder: Path, text: str, uses: Uses) -> list[Path]:
        disk = self._graph.program.disk
        direct = [folder / text] if disk.is_file(folder / text) else []
        return direct + [f for f in disk.modules_named(folder, uses.mentions) if f.as_posix().endswith(f"/{text}")]

    def _state(self, module: Module, unit: Unit, node: Node, ref: Ref, dotted: str, steps: tuple[Step, ...]) -> None:
        graph = self._graph
        called = any(isinstance(step, ast.Call) for step in steps)
        package = known.top(dotted)
        if package == "gotee":
            return
        if package == "builtins":
            opens = dotted == "builtins.open" and steps and isinstance(steps[0], ast.Call) and writes_file(steps[0])
            if opens or (ref.store and dotted != "builtins"):
                graph.reach(node, _ALWAYS)
            if dotted == "builtins" or dotted.startswith("builtins.__dict__"):
                graph.reach(node, _ALWAYS)
            return
        graph.need(node, ("ext", package))
        parts = dotted.split(".")
        for length in range(2, len(parts) + 1):
            graph.need(node, ("loaded", ".".join(parts[:length])))
        changes_files = any(step in _FILE_CHANGES for step in steps if isinstance(step, str))
        direct = isinstance(unit.node, ast.Expr) and ref.immediate and called
        if ref.store or known.shares_state(dotted) or changes_files:
            graph.reach(node, _ALWAYS)
        elif known.registers(dotted):
            if not self._own_class(module, unit, ref, steps):
                graph.reach(node, _ALWAYS)  # `Number.register(str)`: any text is one then
        elif known.touches_nothing(dotted):
            if not steps and not ref.exempt:
                graph.reach(node, ("ext", package))
        else:
            graph.reach(node, ("ext", package))
            if direct:
                graph.reach(node, _ALWAYS)

    def _own_class(self, module: Module, unit: Unit, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """Whether what is registered is a class that the program defines: who has none of it does not notice."""
        if not steps:
            return isinstance(unit.node, ast.ClassDef) and ref.node in unit.node.decorator_list
        given = steps[0].args if isinstance(steps[0], ast.Call) else []
        found = self._graph.purity.all_in_program(module, given[0]) if len(given) == 1 else []
        return bool(found) and all(isinstance(bound.node, ast.ClassDef) for _, bound, _ in found)

    def _data(self, module: Module, unit: Unit, node: Node, ref: Ref, dotted: str, steps: tuple[Step, ...]) -> None:
        """Files of a package are read: of this one, of a module that is handed over, or of one that is named."""
        graph = self._graph
        graph.data_users[node].add(module.name)
        call = steps[0] if steps else None
        given = call.args[0] if isinstance(call, ast.Call) and call.args else None
        if dotted.endswith(".as_file") or given is None or graph.strings.is_module(module, given):
            return
        names = graph.strings.texts(module, unit, node, ref, given)
        if names is None:
            graph.dynamic(node, "GT301", ref.node, "the package whose files are read is not known")
        for name in names or ():
            if (target := graph.program.find(name)) is not None:
                graph.data_users[node].add(target.name)
                graph.link(node, ("active", target.name))

    def _harmless(self, module: Module, unit: Unit, dotted: str, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """Pickled data that is made on the spot refers to what exists."""
        if dotted == "types.FunctionType":  # `isinstance(x, FunctionType)`: the type, not a function made by hand
            assigned = isinstance(unit.node, (ast.Assign, ast.AnnAssign)) and unit.node.value is ref.node
            return not assigned and not (steps and isinstance(steps[0], ast.Call))
        if dotted != "pickle.loads" or not steps or not isinstance(steps[0], ast.Call) or not steps[0].args:
            return False
        made = steps[0].args[0]
        if not isinstance(made, ast.Call) or not isinstance(made.func, (ast.Name, ast.Attribute)):
            return False
        return self._graph.purity.dotted(module, made.func) == "pickle.dumps"


def _is_reset(steps: tuple[Step, ...]) -> bool:
    """`sys.settrace(None)`."""
    given = steps[0].args[:1] if steps and isinstance(steps[0], ast.Call) else []
    return bool(given) and isinstance(given[0], ast.Constant) and given[0].value is None


def distribution_needs(package: str) -> set[str]:
    """The top-level packages that a third-party package declares it needs."""
    from importlib import metadata

    by_package = metadata.packages_distributions()
    needed = set()
    for distribution in by_package.get(package, []):
        for requirement in metadata.requires(distribution) or []:
            project = requirement.split(";")[0].split("[")[0].strip(" ()<>=!~0123456789.,*").lower().replace("_", "-")
            needed |= {name for name, owners in by_package.items() if project in [o.lower() for o in owners]}
    return needed
