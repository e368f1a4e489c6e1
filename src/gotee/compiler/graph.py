"""The graph of a program: what each statement needs to run, and what it may touch. Host world.

Nodes are tuples whose first word says the kind:
  unit M i      statement i of module M runs         exec M i      import statement i runs
  unit-body M i the functions in it                  load M i      what running import statement i loads
  alias M i k   its k-th name is bound               name M x      the global x of M has its value
  active M      importing M does something that matters            exists M      M can be imported
  whole M       every global of M                    writer M      something may write any global of M
  raises M      importing M must fail where it does  soft M i      annotations of statement i that are not evaluated
  ext T         package T outside of the program     loaded D      its submodule D has been loaded
  always        state of the whole process           text M        M's file has its own text
  written M     what sets globals of M by computed names     watched   that something is imported is seen
  derived D     classes of the program that derive from D, which is outside of it
  asked D       somebody asks D, which is outside, for its subclasses
  exposed M     what M as an object leads to         reached M     the same of M as an attribute of such an object
`needs` says what a kept node keeps; `touchers` says who may change it: (by reverse reachability) a statement that
reaches something kept.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

from gotee.compiler import known
from gotee.compiler.asked import Asked
from gotee.compiler.bystring import Strings
from gotee.compiler.classimports import ClassImports
from gotee.compiler.derived import decorated_outside, derives, same_globals
from gotee.compiler.dynamic import ANNOTATION_READERS, GLOBALS_ATTRIBUTES, NAMESPACE_WRITES, SOURCE_READERS, overridden
from gotee.compiler.exposed import expose
from gotee.compiler.externals import Externals
from gotee.compiler.facts import DEFINITIONS
from gotee.compiler.files import only_folder
from gotee.compiler.hostonly import HostOnly, Reason
from gotee.compiler.imports import MODULE_ATTRIBUTES, Event, External, Missing, Name, Resolver, Submodule, Value
from gotee.compiler.loading import Loading
from gotee.compiler.marks import Marks
from gotee.compiler.names import Ref, Step, Uses
from gotee.compiler.parameters import Parameters
from gotee.compiler.program import Module, Program, absolute, parents
from gotee.compiler.purity import Purity
from gotee.compiler.scopes import Imported, own_nodes
from gotee.compiler.settle import settle
from gotee.compiler.stars import Stars
from gotee.compiler.statements import Unit

Node = tuple[Any, ...]
ALWAYS: Node = ("always",)
ANNOTATIONS: Node = ("annotations",)
SUBCLASSES: Node = ("subclasses",)


class Dynamic(NamedTuple):
    """A feature that the compiler cannot look through."""

    code: str
    node: ast.AST
    message: str
    when: Node | None = None  # only if this is kept too


class Graph:
    """All nodes and edges of a program's modules; modules are read as they are met."""

    def __init__(self, program: Program, unsettled: Collection[str] = ()) -> None:
        self.program = program
        self.resolver = Resolver(program, unsettled)
        self.marks = Marks()
        self.purity = Purity(self.resolver, self.marks)
        self.host = HostOnly(self.resolver)
        self.needs: dict[Node, list[Node]] = defaultdict(list)
        self.touchers: dict[Node, list[Node]] = defaultdict(list)
        self.impure: dict[Node, ast.AST] = {}
        self.sensitive: set[Node] = set()  # pure, but what it computes depends on when it runs
        self.host_only: dict[Node, Reason] = {}
        self.dynamics: dict[Node, list[Dynamic]] = defaultdict(list)
        self.classes: dict[str, list[Node]] = defaultdict(list)
        self.without_bases: list[Node] = []  # classes, of which `object.__subclasses__()` tells
        self.star_names: dict[tuple[str, int], list[str]] = defaultdict(list)  # star import -> names asked of it
        self.data_users: dict[Node, set[str]] = defaultdict(set)  # who reads files of which modules
        self._names: set[Node] = set()
        self._tried: list[tuple[Node, Name]] = []  # calls in a `try`
        self._constant_reads: list[tuple[Node, Node]] = []
        self._built: set[str] = set()
        self._valued: set[str] = set()  # modules that are used as objects
        self._edges: set[tuple[Node, Node]] = set()
        self.externals = Externals(self)
        self.strings = Strings(self)
        self.loading = Loading(self)
        self.stars = Stars(self)
        self.parameters = Parameters()
        self.asked = Asked(self)
        self.class_imports = ClassImports(self)

    # -- edges -------------------------------------------------------------------------------------------

    def need(self, node: Node, other: Node) -> None:
        """If `node` is kept, so is `other`."""
        self.needs[node].append(other)

    def reach(self, node: Node, other: Node) -> None:
        """`node` may change what `other` is."""
        if (node, other) not in self._edges:
            self._edges.add((node, other))
            self.touchers[other].append(node)

    def link(self, node: Node, other: Node) -> None:
        """Both."""
        self.need(node, other)
        self.reach(node, other)

    def unit_of(self, node: Node) -> tuple[Module, Unit]:
        """The statement of a unit, exec, alias or soft node."""
        module = self.program.modules[node[1]]
        return module, self.resolver.table(module).statements.units[node[2]]

    # -- modules -----------------------------------------------------------------------------------------

    def build(self) -> None:
        """Build every module of the program, those found on the way too."""
        for file in self.program.disk.modules_like_standard(self.program.root):
            self.program.find(file.stem)  # the standard library may import it
        while left := [module for module in self.program.modules.values() if module.name not in self._built]:
            for module in left:
                self._built.add(module.name)
                self._module(module)
            if len(self._built) == len(self.program.modules):
                self.asked.resolve()
                self.class_imports.resolve()
                self.parameters.resolve(self)
        for module in self.program.modules.values():
            if module.parent != module.name or "." in module.name:
                self._inside_package(module)
        for node, called in self._tried:
            self.loading.trying(node, called.module, called.name)
        self.externals.named_files()
        expose(self, self._valued)
        self.stars.brought(self._names)
        for node, target in self._constant_reads:
            if target in self.marks.stored or target[1] in self.marks.written:
                self.reach(node, target)
        settle(self)

    def _inside_package(self, module: Module) -> None:
        """A package used as an object leads to its modules too."""
        package = module.name.rpartition(".")[0]
        if package in self.program.modules:
            self.need(("exposed", package), ("whole", module.name))
            self.need(("exposed", package), ("exposed", module.name))
            self.need(("exposed", package), ("active", module.name))
            self.reach(("writer", package), ("writer", module.name))

    def _module(self, module: Module) -> None:
        exists: Node = ("exists", module.name)
        for parent in parents(module.name):
            if self.program.find(parent) is not None:
                self.need(exists, ("exists", parent))
        self.need(("active", module.name), exists)
        self.need(("text", module.name), ("whole", module.name))
        if known.is_compatibility(module.name, module.source):
            self.need(exists, ("text", module.name))
            self.need(exists, ("active", module.name))
        for unit in self.resolver.table(module).statements.units:
            if unit.is_import:
                self.loading.statement(module, unit)
            elif not unit.dead:
                self._unit(module, unit)

    def _unit(self, module: Module, unit: Unit) -> None:
        node: Node = ("unit", module.name, unit.index)
        self.need(node, ("exists", module.name))
        self.marks.uses(unit.uses)
        reason = self.host.reason(module, unit)
        if reason is not None:
            self.host_only[node] = reason
        if isinstance(unit.node, ast.ClassDef):
            derives(self, module, unit.node, node)
        for name in unit.binds:
            self.reach(node, ALWAYS if name == "__path__" else self.name(module, name))
        if any(isinstance(child, (ast.Raise, ast.Assert)) for child in own_nodes([unit.node])):
            self.reach(node, ("exists", module.name))  # if the module is imported inside, it fails as it does outside
        starts = isinstance(unit.node, (*DEFINITIONS, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Expr)) and (
            self.host.function_reason(module, unit) is not None or decorated_outside(self, module, unit)
        )
        if "__code__" in unit.uses.sets and not (overridden(unit, unit.node) or same_globals(self, module, unit)):
            message = "the globals that a function uses with another's code are not known"
            self.dynamics[node].append(Dynamic("GT302", unit.node, message))
        self.uses(module, unit, node, unit.uses, only_immediate_reach=starts)
        for target, name, _ in unit.includes:
            self.include(node, target, name)

    def include(self, node: Node, target: str, name: str) -> None:
        module = self.program.find(target)
        if module is None:
            return
        self.link(node, ("active", target))
        if name == "*":
            self.link(node, ("whole", target))
            self.need(node, ("exposed", target))
            self.reach(node, ("writer", target))
        else:
            self.link(node, self.name(module, name))

    # -- names -------------------------------------------------------------------------------------------

    def name(self, module: Module, name: str) -> Node:
        """The node of a global, with its edges to all statements that bind it."""
        node: Node = ("name", module.name, name)
        if node in self._names:
            return node
        self._names.add(node)
        table = self.resolver.table(module)
        for binder in table.binders.get(name, []):
            if binder.alias is not None:
                self.link(node, ("alias", module.name, binder.unit, binder.alias))
            else:
                self.link(node, ("unit", module.name, binder.unit))
        for unit, target in self.resolver.stars_with(module, name):
            self.stars.name(module, unit, target, name, node)
        for unit_number, outside in self.resolver.external_stars(module):
            if name not in table.binders or known.may_export(outside, name):
                kind = "exec" if table.statements.units[unit_number].is_import else "unit"
                self.need(node, (kind, module.name, unit_number))
        self.reach(("writer", module.name), node)
        self.reach(node, ("written", module.name))
        self.need(("whole", module.name), node)
        return node

    # -- uses --------------------------------------------------------------------------------------------

    def uses(self, module: Module, unit: Unit, node: Node, uses: Uses, only_immediate_reach: bool) -> None:
        """The edges of everything that a statement uses."""
        quiet: Node = ("unit-body", *node[1:]) if only_immediate_reach else node
        if only_immediate_reach:
            self.need(node, quiet)
        for ref in uses.refs:
            if ref.soft:
                self.reference(module, unit, ("soft", *node[1:]), ref)
                if any(isinstance(step, ast.Call) for step in ref.steps):
                    self.reach(node, ("soft", *node[1:]))  # what evaluates it runs code
            else:
                self.reference(module, unit, node if ref.immediate else quiet, ref)
        for name in uses.writes:
            self.link(quiet, self.name(module, name))
        for use in uses.imports:
            user = node if use.immediate else quiet
            self.loading.loads(module, use.imported, user, user)
            if not use.immediate:
                self._loads_when_called(module, use.imported, user)
            self.loading.bound(module, use.imported, user)
            if use.in_class:
                self.class_imports.later(module, unit, user, use)
            if use.name == "*":
                self.stars.in_block(module, use.imported, user)
        self.externals.frames(unit, quiet, uses)
        self.strings.methods(module, unit, quiet, uses)
        self._mentions(quiet, uses)

    def _loads_when_called(self, module: Module, imported: Imported, node: Node) -> None:
        target = absolute(module, imported.level, imported.module)
        for name in (target, f"{target}.{imported.attr}"):
            if self.program.find(name) is not None:
                self.need(node, ("active", name))

    def _mentions(self, node: Node, uses: Uses) -> None:
        if "__subclasses__" in uses.mentions:
            self.need(node, SUBCLASSES)
        if uses.mentions & ANNOTATION_READERS or any(
            isinstance(ref.base, str) and ref.base in ANNOTATION_READERS for ref in uses.refs
        ):
            self.need(node, ANNOTATIONS)
        for text in uses.mentions:
            if "." in text or ":" in text:
                self._spelled(node, text)

    def _spelled(self, node: Node, text: str) -> None:
        """A string that spells a dotted name of the program counts as its use."""
        parts = text.removeprefix("ext://").replace(":", ".").split(".")
        if not all(part.isidentifier() for part in parts) or self.program.find(parts[0]) is None:
            return
        for length in range(len(parts) - 1, 0, -1):
            module = self.program.find(".".join(parts[:length]))
            if module is not None:
                if self.resolver.binds(module, parts[length]):
                    self.link(node, self.name(module, parts[length]))
                    self.link(node, ("active", module.name))
                return

    def reference(self, module: Module, unit: Unit, node: Node, ref: Ref) -> None:
        """The edges of one reference."""
        for event in list(self.resolver.follow(module, ref)):
            self.event(module, unit, node, ref, event)
        if not (ref.steps or ref.immediate) and ref.base in GLOBALS_ATTRIBUTES:
            return
        if ref.base in ("__spec__", "__loader__") and not _asks_for_name(ref.steps):
            self.data_users[node].add(module.name)
            if ref.steps[:1] != ("get_data",):
                self.need(node, ("text", module.name))
        if isinstance(ref.base, str) and ref.base == "__file__":
            self.externals.file(module, unit, node)
        if ref.base == "__path__" and ref.steps:
            self.reach(node, ALWAYS)  # what can be imported from the package
        if isinstance(ref.base, str) and ref.base == "__annotations__":
            self.value(None, node, module)

    def event(self, module: Module, unit: Unit, node: Node, ref: Ref, event: Event) -> None:
        """The edges of one thing that a reference may mean."""
        if isinstance(event, Name):
            target = self.name(event.module, event.name)
            if event.name == "__all__":
                self.stars.exports(module, unit, ref, event)
            self.parameters.note(module, unit, event, ref.store)
            self.marks.name(target, ref, event.last)
            if ref.store and event.last:
                self.reach(node, target)
                self.reach(target, node)  # what is read there later may be what this puts there
                return
            self._load(node, event, target)
            if (ref.guarded or unit.uses.tries) and any(isinstance(step, ast.Call) for step in event.steps):
                self._tried.append((node, event))
        elif isinstance(event, Value):
            if event.steps or ref.steps or not self.asked.understood(module, unit, node, ref, event.module):
                self.value(unit, node, event.module)
            if NAMESPACE_WRITES.intersection(step for step in event.steps if isinstance(step, str)):
                self.writes(node, event.module)
        elif isinstance(event, Submodule):
            self.link(node, ("active", event.module.name))
        elif isinstance(event, Missing):
            self.missing(module, node, event, ref)
        elif isinstance(event, External):
            self.externals.use(module, unit, node, ref, event)

    def _load(self, node: Node, event: Name, target: Node) -> None:
        self.need(node, target)
        bound = self.resolver.binds(event.module, event.name) or event.name in self.resolver.table(event.module).late
        if event.steps and self.purity.only_outside(event):
            self._constant_reads.append((node, target))  # what it leads to, `externals` knows
        elif bound and (event.steps or not self.purity.constant(event)):
            self.reach(node, target)
        else:
            self._constant_reads.append((node, target))
        for step in event.steps:
            if isinstance(step, str) and step in GLOBALS_ATTRIBUTES:
                self.value(None, node, event.module)

    def value(self, unit: Unit | None, node: Node, module: Module) -> None:
        """A module used as an object: any of its names may be read or written."""
        self.link(node, ("whole", module.name))
        self.link(node, ("active", module.name))
        self.link(node, ("exposed", module.name))
        self._valued.add(module.name)
        self.marks.valued.add(module.name)
        if unit is not None and "*" in unit.uses.sets:
            self.writes(node, module)
        self.reach(node, ("writer", module.name))
        for special in ("__getattr__", "__dir__"):
            if self.resolver.binds(module, special):
                self.need(node, self.name(module, special))
        if unit is not None and unit.uses.mentions & SOURCE_READERS:
            self.need(node, ("text", module.name))

    def writes(self, node: Node, module: Module) -> None:
        """A statement sets globals of a module by computed names: what is read there may be what it puts there."""
        self.reach(node, ("writer", module.name))
        self.reach(("written", module.name), node)
        self.marks.written.add(module.name)

    def missing(self, module: Module, node: Node, event: Missing, ref: Ref | None) -> None:
        owner = event.module
        if event.name in MODULE_ATTRIBUTES:
            if event.name == "__doc__":
                self.need(node, ("doc", owner.name))
            elif event.name in ("__path__", "__spec__", "__file__", "__loader__"):
                self.data_users[node].add(owner.name)
                if event.name == "__file__" and not only_folder(self.unit_of(node)[1].node):
                    self.need(node, ("text", owner.name))
            return
        if event.name.startswith("__"):
            self.value(None, node, owner)
        self.link(node, self.name(owner, event.name))
        self.reach(node, ("writer", owner.name))
        self.link(node, ("active", owner.name))
        if self.resolver.binds(owner, "__getattr__"):
            self.link(node, self.name(owner, "__getattr__"))

    def dynamic(self, node: Node, code: str, where: ast.AST, message: str, when: Node | None = None) -> None:
        """Note a feature that cannot be resolved; it may reach anything."""
        _, unit = self.unit_of(node)
        if when is None:
            self.reach(node, ALWAYS)
        if not overridden(unit, where):
            self.dynamics[node].append(Dynamic(code, where, message, when))


def _asks_for_name(steps: tuple[Step, ...]) -> bool:
    """`__spec__.name` and `__spec__.parent` say nothing of the file."""
    return bool(steps) and steps[0] in ("name", "parent")
