"""The edges of functions that refer to code by strings: imports by name, `eval`, `globals()`. Host world.

Each method answers whether it understood the use; if not, `externals` refuses what is dynamic.
"""

from __future__ import annotations

import ast
from typing import Any, TypeGuard

from gotee.compiler import known
from gotee.compiler.asked import Question
from gotee.compiler.dynamic import DYNAMIC, NAMESPACE_WRITES
from gotee.compiler.imports import MODULE_ATTRIBUTES, External, Value, imported_by_call
from gotee.compiler.names import Ref, Step, chain_of
from gotee.compiler.parameters import Wanted
from gotee.compiler.prefixes import Prefixes
from gotee.compiler.program import Module, absolute, parents
from gotee.compiler.running import Running, has_argument, spelled_out
from gotee.compiler.scopes import bindings_of, constant_text, walk
from gotee.compiler.statements import Unit
from gotee.compiler.texts import Texts
from gotee.compiler.values import OBJECT, UNKNOWN

Node = tuple[Any, ...]
_ALWAYS: Node = ("always",)
_READS = ("get", "pop", "setdefault", "__getitem__")


class Strings(Running):
    """Adds edges to one graph."""

    def use(self, module: Module, unit: Unit, node: Node, ref: Ref, dotted: str, steps: tuple[Step, ...]) -> bool:
        """The edges of one use of a name outside of the program, if it is one of these and is understood."""
        special = _SPECIAL.get(dotted)
        return special is not None and special(self, module, unit, node, ref, steps)

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
            if first in NAMESPACE_WRITES:
                graph.writes(node, module)
            if first in ("update", "__setitem__") and len(rest) == 2:
                return True
            name = constant_text(call.args[0]) if first in _READS and call.args else None
            after = rest[2:]
        if name is not None:
            inner = Ref(name, after, ref.node, ref.store, ref.immediate, in_function=ref.in_function)
            graph.reference(module, unit, node, inner)
        elif isinstance(first, ast.Subscript) and not ref.store and not isinstance(first.slice, ast.Slice):
            graph.asked.later(Question(node, module, unit, ref, module, first.slice))
        elif ref.store and len(rest) == 1:
            graph.writes(node, module)
        else:
            graph.value(unit, node, module)
        return True

    def _local_namespace(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        call = steps[0] if steps else None
        if ref.in_function or (isinstance(call, ast.Call) and call.args):
            return True
        return self._own_namespace(module, unit, node, ref, steps)

    def _import_top(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`__import__("a.b")` gives `a`."""
        return self._import_by_name(module, unit, node, ref, steps, top_only=True)

    def _import_by_name(
        self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...], top_only: bool = False
    ) -> bool:
        """`importlib.import_module` and `__import__`, with a name that is known or begins with a package's."""
        call = spelled_out(steps[0], "name") if steps else None
        if not steps and (mapped := self._mapped(module, unit, ref)) is not None:
            call, steps = mapped, (mapped,)
        if not isinstance(call, ast.Call) or not call.args:
            return False
        names = self._module_names(module, unit, node, ref, call)
        if names is not None:
            for name in names:
                self.imported(module, unit, node, ref, name, steps[1:], top_only)
                for taken in _taken(call):  # `__import__("package", fromlist=["module"])` loads that, too
                    if self._graph.program.find(f"{name}.{taken}") is not None:
                        self.imported(module, unit, node, ref, f"{name}.{taken}", ())
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

    def _looked_for(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`find_spec("package.module")` imports the package, and sees whether the module is there."""
        call = spelled_out(steps[0], "name", "fullname", "module_or_name") if steps else None
        if not has_argument(call):
            return False
        names = self._module_names(module, unit, node, ref, call)
        if names is None:
            return self._parameter(module, unit, node, ref, call.args[0], (), "importlib.util.find_spec")
        for name in names:
            for parent in parents(name):
                if self._graph.program.find(parent) is not None:
                    self._graph.link(node, ("active", parent))
            own = self._graph.program.find(name) is not None
            self._graph.need(node, ("exists", name) if own else ("ext", known.top(name)))
        return True

    def _from_spec(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`module_from_spec(find_spec("module"))`: all of the module's text may run once more."""
        call = spelled_out(steps[0], "spec") if steps else None
        found = self._spec(module, unit, node, ref, call.args[0]) if has_argument(call) else None
        if found is None:
            return False
        owner, where, looked = found
        names = self._module_names(owner, where, node, ref, looked)
        if names is None:
            return self._parameter(owner, where, node, ref, looked.args[0], (), "importlib.util.module_from_spec")
        for name in names:
            self.imported(module, unit, node, ref, name, ())
            self.again(unit, node, name)
        return True

    def _spec(
        self, module: Module, unit: Unit, node: Node, ref: Ref, given: ast.expr
    ) -> tuple[Module, Unit, ast.Call] | None:
        """The call of `find_spec` that an expression, or the variable that it is, comes from."""
        if isinstance(given, ast.Call):
            found = self._graph.purity.dotted(module, given.func) == "importlib.util.find_spec"
            looked = spelled_out(given, "name", "fullname")
            return (module, unit, looked) if found and has_argument(looked) else None
        if not isinstance(given, ast.Name):
            return None
        bound = sum(1 for _ in bindings_of(unit.node, given.id))
        values = [one.value for one in walk(unit.node) if isinstance(one, ast.Assign) and _is_target(one, given.id)]
        if bound:
            return self._spec(module, unit, node, ref, values[0]) if bound == len(values) == 1 else None
        holder = self._graph.purity.in_program(module, given)
        if holder is None or not isinstance(holder[1].node, ast.Assign) or not _is_target(holder[1].node, given.id):
            return None
        self._graph.parameters.rely(node, ref, [("set", holder[0].name, given.id)])
        return self._spec(*holder, node, ref, holder[1].node.value)

    def _mapped(self, module: Module, unit: Unit, ref: Ref) -> ast.Call | None:
        """`map(import_module, names)`, and `partial(import_module, name)`, as the call that it makes."""
        for call in walk(unit.node):
            if not isinstance(call, ast.Call) or len(call.args) < 2 or call.args[0] is not ref.node:
                continue
            function = self._graph.purity.dotted(module, call.func)
            if function == "functools.partial":
                return ast.copy_location(ast.Call(call.args[0], call.args[1:], call.keywords), call)
            if function == "builtins.map" and len(call.args) == 2:
                each = ast.Subscript(call.args[1], ast.Name("...", ast.Load()), ast.Load())
                return ast.copy_location(ast.Call(call.args[0], [each], []), call)
        return None

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
            found = self.texts(module, unit, node, ref, expression)
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

    def texts(self, module: Module, unit: Unit, node: Node, ref: Ref, expression: ast.expr) -> list[str] | None:
        relied: set[tuple[str, ...]] = set()
        texts = Texts(self._graph.purity, relied).known(module, unit, expression)
        if texts is not None:
            self._graph.parameters.rely(node, ref, relied)
        return texts

    def is_module(self, module: Module, expression: ast.expr) -> bool:
        """Whether an expression is `__package__` or a module."""
        if isinstance(expression, ast.Name) and expression.id == "__package__":
            return True
        reference = chain_of(expression)
        events = list(self._graph.resolver.follow(module, reference)) if reference is not None else []
        return any(isinstance(event, (Value, External)) and not event.steps for event in events)

    def _parameter(
        self, module: Module, unit: Unit, node: Node, ref: Ref, key: ast.expr, rest: tuple[Step, ...], used: str
    ) -> bool:
        if ref.store and used != "sys.modules":
            return False
        return self._graph.parameters.wait(Wanted(node, module, unit, ref, key, rest, *DYNAMIC[used]))

    def _module_names(self, module: Module, unit: Unit, node: Node, ref: Ref, call: ast.Call) -> list[str] | None:
        texts = self.texts(module, unit, node, ref, call.args[0])
        asked = call.args[4] if len(call.args) > 4 else next((k.value for k in call.keywords if k.arg == "level"), None)
        depth = asked.value if isinstance(asked, ast.Constant) else 0 if asked is None else None
        if not isinstance(depth, int):
            return None
        if texts is not None and depth:
            return [absolute(module, depth, text) for text in texts]  # `__import__("b", globals(), None, ["c"], 1)`
        if texts is None or not any(text.startswith(".") for text in texts):
            return texts
        package = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords), None)
        base = constant_text(package)
        if isinstance(package, ast.Name) and package.id in ("__name__", "__package__"):
            base = module.name if package.id == "__name__" else module.parent
        elif self._is_own_spec(package, module):
            base = module.name if package.attr == "name" else module.parent
        elif package is not None and base is None:
            bases = self.texts(module, unit, node, ref, package)
            base = bases[0] if bases is not None and len(bases) == 1 else None
        found = self._graph.program.find(base) if base is not None else None
        if found is None:
            return None
        levels = [len(text) - len(text.lstrip(".")) for text in texts]
        return [absolute(found, level, text[level:]) for level, text in zip(levels, texts, strict=True)]

    def _is_own_spec(self, expression: ast.expr | None, module: Module) -> TypeGuard[ast.Attribute]:
        """`__spec__.name` or `__spec__.parent`; a main file has no `__spec__` outside."""
        if not isinstance(expression, ast.Attribute) or expression.attr not in ("name", "parent"):
            return False
        plain = isinstance(expression.value, ast.Name) and expression.value.id == "__spec__"
        graph = self._graph
        return plain and module is not graph.program.main and not graph.resolver.binds(module, "__spec__")

    def _module_of(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`inspect.getmodule(x)`, of which only an attribute is asked that all modules have, or where x is defined."""
        call = steps[0] if steps else None
        if len(steps) > 1 and steps[1] in MODULE_ATTRIBUTES:
            return True
        where = ast.Attribute(call.args[0], "__module__", ast.Load()) if has_argument(call) else None
        names = self.texts(module, unit, node, ref, where) if where is not None else None
        for name in names or ():
            self.imported(module, unit, node, ref, name, steps[1:])
        return names is not None

    def _resolved(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`pkgutil.resolve_name("module:attribute")`, or with dots only."""
        call = spelled_out(steps[0], "name", "path") if steps else None
        names = self.texts(module, unit, node, ref, call.args[0]) if has_argument(call) else None
        for name in names or ():
            holder, colon, rest = name.partition(":")
            attributes = rest.split(".") if rest else []
            while not colon and "." in holder and self._graph.program.find(holder) is None:
                holder, _, last = holder.rpartition(".")
                attributes.insert(0, last)
            self.imported(module, unit, node, ref, holder, (*attributes, *steps[1:]))
        return names is not None

    def _configured(self, module: Module, unit: Unit, node: Node, ref: Ref, steps: tuple[Step, ...]) -> bool:
        """`dictConfig(...)` with a table whose classes and factories are written in it."""
        call = steps[0] if steps else None
        if not has_argument(call):
            return False
        relied: set[tuple[str, ...]] = set()
        tables = Texts(self._graph.purity, relied).values(module, unit, call.args[0])
        if not all(_names_its_classes(table) for table in tables):
            return False
        self._graph.parameters.rely(node, ref, {each for each in relied if each[0] != "nested"})
        self._graph.reach(node, _ALWAYS)
        self._graph.need(node, ("ext", "logging"))
        return True

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
                graph.loading.by_name[module.name, unit.index].append(loaded)
                if ref.guarded:
                    graph.loading.may_fail(node, loaded)
            else:
                graph.need(node, ("ext", parts[0]))
                graph.reach(node, ("loaded", loaded))
        unused = not rest and (
            imported_by_call(unit, graph.resolver.table(module), graph.program) is not None
            or any(isinstance(c, ast.Expr) and c.value is ref.node for c in walk(unit.node))
        )
        for target in () if unused else {name, parts[0]} if top_only else {name}:
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
        names = self.texts(module, unit, node, ref, key)
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


def _taken(call: ast.Call) -> list[str]:
    """The names that a call of `__import__` takes from the module, as far as they are written there."""
    given = call.args[3] if len(call.args) > 3 else next((k.value for k in call.keywords if k.arg == "fromlist"), None)
    elements = given.elts if isinstance(given, (ast.List, ast.Tuple)) else []
    return [text for each in elements if (text := constant_text(each))]


def _is_target(assignment: ast.Assign, name: str) -> bool:
    """Whether an assignment gives one name a value, and nothing else."""
    return [getattr(target, "id", "") for target in assignment.targets] == [name]


def _names_its_classes(configuration: object) -> bool:
    """Whether the classes and factories of a logging configuration are known."""
    if not isinstance(configuration, dict):
        return False
    for kind in ("formatters", "filters", "handlers"):
        tables = configuration.get(kind, {})
        for table in tables.values() if isinstance(tables, dict) else [UNKNOWN]:
            if not isinstance(table, dict):
                return False
            if not all(isinstance(table.get(key, ""), str) or table[key] is OBJECT for key in ("class", "()")):
                return False
    return True


_SPECIAL = {
    "pkgutil.resolve_name": Strings._resolved,
    "pydoc.locate": Strings._resolved,
    "importlib.util.find_spec": Strings._looked_for,
    "pkgutil.find_loader": Strings._looked_for,
    "pkgutil.get_loader": Strings._looked_for,
    "importlib.util.module_from_spec": Strings._from_spec,
    "inspect.getmodule": Strings._module_of,
    "runpy.run_module": Strings._run,
    "logging.config.dictConfig": Strings._configured,
    **{
        f"{module}.{name}": Strings._timed
        for module, names in {"timeit": ("timeit", "repeat", "Timer"), "cProfile": ("run", "runctx")}.items()
        for name in names
    },
    "builtins.globals": Strings._own_namespace,
    "builtins.locals": Strings._local_namespace,
    "builtins.vars": Strings._local_namespace,
    "builtins.dir": Strings._local_namespace,
    "builtins.eval": Strings._code,
    "builtins.exec": Strings._code,
    "builtins.__import__": Strings._import_top,
    "importlib.__import__": Strings._import_top,
    "importlib.import_module": Strings._import_by_name,
    "sys.modules": Strings._loaded_modules,
}
