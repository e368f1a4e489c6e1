"""The edges of names outside of the program: shared state, and functions that refer to code by strings. Host world."""

from __future__ import annotations

import ast
from importlib import metadata
from typing import TYPE_CHECKING, Any

from gotee.compiler import known
from gotee.compiler.collect import uses_of_code
from gotee.compiler.dynamic import DATA_READERS, DYNAMIC, GLOBALS_ATTRIBUTES
from gotee.compiler.files import only_folder, writes_file
from gotee.compiler.imports import External, Value
from gotee.compiler.names import Ref, Step, chain_of
from gotee.compiler.parameters import Wanted
from gotee.compiler.prefixes import Prefixes
from gotee.compiler.program import Module, absolute
from gotee.compiler.scopes import constant_text
from gotee.compiler.statements import Unit
from gotee.compiler.texts import known_texts

if TYPE_CHECKING:
    from gotee.compiler.graph import Graph

Node = tuple[Any, ...]
_ALWAYS: Node = ("always",)
_READS = ("get", "pop", "setdefault", "__getitem__")
_WRITES = ("update", "setdefault", "__setitem__", "pop", "clear", "__delitem__")
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
        special = _SPECIAL.get(dotted)
        if special is not None and special(self, module, unit, node, ref, steps):
            return
        if dotted in DYNAMIC and not self._harmless(module, dotted, ref, steps):
            code, message = DYNAMIC[dotted]
            self._graph.dynamic(node, code, ref.node, message)
        if any(step in GLOBALS_ATTRIBUTES for step in steps if isinstance(step, str)):
            self._graph.dynamic(node, "GT305", ref.node, "it reaches the globals of a module that is not known")
        if dotted.startswith("enum.") and dotted.endswith("._convert_"):
            self._graph.value(None, node, module)  # looks through the globals of the module for members
        if dotted == "enum.global_enum":
            self._graph.reach(node, ("writer", module.name))
        if dotted.startswith(DATA_READERS):
            self._data(module, node, steps)
        self._state(unit, node, ref, dotted, steps)

    def bare(self, node: Node, dotted: str) -> None:
        """An import binds a name of it."""
        graph = self._graph
        graph.need(node, ("ext", known.top(dotted)))

    def file(self, module: Module, unit: Unit, node: Node) -> None:
        """A use of `__file__`: its folder is looked at, or, if it may be opened, the file keeps its text."""
        self._graph.data_users[node].add(module.name)
        if not only_folder(unit.node):
            self._graph.need(node, ("text", module.name))

    def _state(self, unit: Unit, node: Node, ref: Ref, dotted: str, steps: tuple[Step, ...]) -> None:
        graph = self._graph
        called = any(isinstance(step, ast.Call) for step in steps)
        package = known.top(dotted)
        if package == "gotee":
            return
        if package == "builtins":
            opens = dotted == "builtins.open" and steps and isinstance(steps[0], ast.Call) and writes_file(steps[0])
            if opens or (ref.store and dotted != "builtins"):
                graph.reach(node, _ALWAYS)
            if dotted == "builtins":
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
        elif known.touches_nothing(dotted):
            if not steps and not ref.exempt:
                graph.reach(node, ("ext", package))
        else:
            graph.reach(node, ("ext", package))
            if direct:
                graph.reach(node, _ALWAYS)

    def _data(self, module: Module, node: Node, steps: tuple[Step, ...]) -> None:
        self._graph.data_users[node].add(module.name)
        if steps and isinstance(steps[0], ast.Call):
            for argument in steps[0].args:
                text = constant_text(argument)
                if text is not None and (target := self._graph.program.find(text)) is not None:
                    self._graph.data_users[node].add(target.name)
                    self._graph.link(node, ("active", target.name))

    def _harmless(self, module: Module, dotted: str, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """Pickled data that is made on the spot refers to what exists."""
        if dotted != "pickle.loads" or not steps or not isinstance(steps[0], ast.Call) or not steps[0].args:
            return False
        made = steps[0].args[0]
        if not isinstance(made, ast.Call) or not isinstance(made.func, (ast.Name, ast.Attribute)):
            return False
        return self._graph.purity.dotted(module, made.func) == "pickle.dumps"

    # -- by string ---------------------------------------------------------------------------------------

    def _own_namespace(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`globals()`, and `locals()`, `vars()`, `dir()` at the top level of a module."""
        if not steps or not isinstance(steps[0], ast.Call):
            return False
        rest = steps[1:]
        graph = self._graph
        first = rest[0] if rest else None
        name = constant_text(first.slice) if isinstance(first, ast.Subscript) else None
        after = rest[1:]
        if isinstance(first, str) and len(rest) > 1 and isinstance(rest[1], ast.Call):
            call = rest[1]
            if first in _WRITES:
                graph.reach(node, ("writer", module.name))
            if first in ("update", "__setitem__") and len(rest) == 2:
                return True
            name = constant_text(call.args[0]) if first in _READS and call.args else None
            after = rest[2:]
        if name is not None:
            inner = Ref(name, after, ref.node, ref.store, ref.immediate, in_function=ref.in_function)
            graph.reference(module, unit, node, inner)
        elif ref.store and len(rest) == 1:
            graph.reach(node, ("writer", module.name))
        else:
            graph.value(unit, node, module)
        return True

    def _local_namespace(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        call = steps[0] if steps else None
        if ref.in_function or (isinstance(call, ast.Call) and call.args):
            return True
        return self._own_namespace(module, unit, node, ref, steps)

    def _code(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`eval` and `exec` of a constant text; one that is no Python raises SyntaxError inside as outside."""
        call = steps[0] if steps else None
        if not isinstance(call, ast.Call) or not call.args:
            return False
        texts = self._texts(module, unit, node, ref, call.args[0])
        for uses in map(uses_of_code, texts or ()):
            if uses is not None:
                moved = {"node": ref.node, "immediate": ref.immediate, "in_function": ref.in_function}
                uses.refs[:] = [used._replace(**moved) for used in uses.refs]  # type: ignore[arg-type]
                self._graph.uses(module, unit, node, uses, only_immediate_reach=False)
        self._graph.reach(node, ("writer", module.name))
        return texts is not None

    def _import_by_name(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`importlib.import_module` and `__import__`, with a name that is known or begins with a package's."""
        call = steps[0] if steps else None
        if not isinstance(call, ast.Call) or not call.args:
            return False
        names = self._module_names(module, unit, node, ref, call)
        if names is not None:
            for name in names:
                self.imported(module, unit, node, ref, name, steps[1:], ref.base == "__import__")
            return True
        package = self._package(module, unit, node, ref, call)
        if package is None:
            return self._parameter(module, unit, node, ref, call.args[0], steps[1:], "importlib.import_module")
        if self._graph.program.find(known.top(package)) is None:
            self._graph.need(node, ("ext", known.top(package)))
            return True
        for inner in self._graph.program.below(package):
            self._graph.value(None, node, inner)
        return True

    def _package(self, module: Module, unit: Unit, node: Node, ref: Ref, call: ast.Call) -> str | None:
        """The package of the module that `import_module(...)` loads, if its name is not known but that is."""

        def text(expression: ast.expr) -> str | None:
            if isinstance(expression, ast.Name) and expression.id == "__package__":
                return module.parent
            named = expression.value if isinstance(expression, ast.Attribute) else None
            if named is not None and expression.attr == "__name__":  # type: ignore[attr-defined]
                events = self._graph.resolver.follow(module, reference) if (reference := chain_of(named)) else ()
                modules = {event.module.name for event in events if isinstance(event, Value)}
                return modules.pop() if len(modules) == 1 else None
            found = self._texts(module, unit, node, ref, expression)
            return found[0] if found is not None and len(found) == 1 else None

        prefixes = Prefixes(text, lambda expression: self._graph.purity.dotted(module, expression))
        prefix = prefixes.of_module(call.args[0], unit.node)
        if prefix is None or not prefix.startswith("."):
            return None if prefix is None else prefix.rpartition(".")[0]
        anchor = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords), None)
        base = text(anchor) if anchor is not None else None
        holder = self._graph.program.find(base) if base is not None else None
        if holder is None or not holder.package:
            return None
        rest = prefix.lstrip(".")
        return absolute(holder, len(prefix) - len(rest), rest.rpartition(".")[0])

    def _texts(self, module: Module, unit: Unit, node: Node, ref: Ref, expression: ast.expr) -> list[str] | None:
        relied: set[tuple[str, str, str]] = set()
        texts = known_texts(self._graph.purity, module, unit, expression, relied)
        if texts is not None:
            self._graph.parameters.rely(node, ref, relied)
        return texts

    def _parameter(
        self, module: Module, unit: Unit, node: Node, ref: Ref, key: ast.expr, rest: tuple[Step, ...], used: str
    ) -> bool:
        if not isinstance(key, ast.Name) or ref.store:
            return False
        return self._graph.parameters.wait(Wanted(node, module, unit, ref, key.id, rest, *DYNAMIC[used]))

    def _module_names(self, module: Module, unit: Unit, node: Node, ref: Ref, call: ast.Call) -> list[str] | None:
        texts = self._texts(module, unit, node, ref, call.args[0])
        if texts is None or not any(text.startswith(".") for text in texts):
            return texts
        package = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords), None)
        base = constant_text(package)
        if isinstance(package, ast.Name) and package.id in ("__name__", "__package__"):
            base = module.name if package.id == "__name__" else module.parent
        found = self._graph.program.find(base) if base is not None else None
        if found is None:
            return None
        levels = [len(text) - len(text.lstrip(".")) for text in texts]
        return [absolute(found, level, text[level:]) for level, text in zip(levels, texts, strict=True)]

    def imported(
        self,
        module: Module,
        unit: Unit,
        node: Node,
        ref: Ref,
        name: str,
        rest: tuple[Step, ...],
        top_only: bool = False,
    ) -> None:
        """The edges of loading a module whose name is known, and of the steps after it."""
        graph = self._graph
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            loaded = ".".join(parts[:length])
            if graph.program.find(loaded) is not None:
                graph.link(node, ("active", loaded))
            else:
                graph.need(node, ("ext", parts[0]))
                graph.reach(node, ("loaded", loaded))
        for target in {name, parts[0]} if top_only else {name}:
            for event in list(graph.resolver.module(target, rest, set())):
                if event != External(name, ()):
                    graph.event(module, unit, node, ref, event)

    def _loaded_modules(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`sys.modules`, with a name that is known."""
        if ref.store:
            self._graph.reach(node, _ALWAYS)
        first = steps[0] if steps else None
        key: ast.expr | None = first.slice if isinstance(first, ast.Subscript) else None
        rest = steps[1:]
        if isinstance(first, str) and first in _READS and len(steps) > 1 and isinstance(steps[1], ast.Call):
            key, rest = (steps[1].args or [None])[0], steps[2:]  # type: ignore[list-item]
        if key is None:
            return False
        names = self._texts(module, unit, node, ref, key)
        if names is None:
            return self._parameter(module, unit, node, ref, key, rest, "sys.modules")
        for name in names:
            if name != "__main__" and (rest or not ref.store):
                self._loaded(module, unit, node, ref, name, rest)
        return True

    def _loaded(self, module: Module, unit: Unit, node: Node, ref: Ref, name: str, rest: tuple[Step, ...]) -> None:
        graph = self._graph
        if graph.program.find(name) is None:
            graph.need(node, ("ext", known.top(name)))
            graph.need(node, ("loaded", name))
            graph.reach(node, ("ext", known.top(name)))
        else:
            self.imported(module, unit, node, ref, name, rest)


_SPECIAL = {
    "builtins.globals": Externals._own_namespace,
    "builtins.locals": Externals._local_namespace,
    "builtins.vars": Externals._local_namespace,
    "builtins.dir": Externals._local_namespace,
    "builtins.eval": Externals._code,
    "builtins.exec": Externals._code,
    "builtins.__import__": Externals._import_by_name,
    "importlib.__import__": Externals._import_by_name,
    "importlib.import_module": Externals._import_by_name,
    "sys.modules": Externals._loaded_modules,
}


def distribution_needs(package: str) -> set[str]:
    """The top-level packages that a third-party package declares it needs."""
    by_package = metadata.packages_distributions()
    needed = set()
    for distribution in by_package.get(package, []):
        for requirement in metadata.requires(distribution) or []:
            project = requirement.split(";")[0].split("[")[0].strip(" ()<>=!~0123456789.,*").lower().replace("_", "-")
            needed |= {name for name, owners in by_package.items() if project in [o.lower() for o in owners]}
    return needed
