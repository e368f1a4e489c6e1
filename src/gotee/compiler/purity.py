"""Which statements do nothing at import but bind their names, so that leaving them out changes nothing. Host world.

Everything else is impure, and the effect rule (`closure`) decides. `impurity` names the part that may have an effect.
"""

from __future__ import annotations

import ast

from gotee.compiler import known
from gotee.compiler.effects import View
from gotee.compiler.facts import DEFINITIONS, Facts
from gotee.compiler.imports import External, Missing, Name, Value
from gotee.compiler.names import Ref
from gotee.compiler.program import Module
from gotee.compiler.scopes import Imported
from gotee.compiler.statements import Unit, live_parts

# What reads state of the process that programs change; calls of it are pure.
_CHANGING = ("os.environ", "os.getenv", "os.getcwd", "sys.argv", "sys.path", "decimal.getcontext", "logging.getLogger")


class Purity(Facts):
    """Answers for the modules of one program."""

    def impurity(self, module: Module, unit: Unit) -> ast.AST | None:
        """The first part of a statement that may have an effect when it runs, or None."""
        if unit.dead or unit.is_import:
            return None
        if "__path__" in unit.binds:
            return unit.node
        view = View(self, module, unit)
        for part in live_parts(unit.node)[0]:
            found = view.statement(part) if isinstance(part, ast.stmt) else view.expression(part)
            if found is not None:
                return found
        return None

    def order_matters(self, module: Module, unit: Unit) -> bool:
        """Whether a pure statement reads what others may have changed before it."""
        if isinstance(unit.node, (*DEFINITIONS, ast.ClassDef)):
            return any(
                isinstance(ref.base, str) and self._changes(module, ref) for ref in unit.uses.refs if ref.immediate
            )
        return any(ref.immediate and self._changes(module, ref) for ref in unit.uses.refs)

    def _changes(self, module: Module, ref: Ref) -> bool:
        for event in self._resolver.follow(module, ref):
            if isinstance(event, (Value, Missing)):
                return True
            if isinstance(event, Name) and not self._settled(event.module, event.name):
                return True
            if isinstance(event, External) and self._reads_state(event.dotted):
                return True
        return False

    def _reads_state(self, dotted: str) -> bool:
        """Whether what a name outside of the program is may have been changed before."""
        if dotted.startswith("builtins.") and not known.is_builtin(dotted.split(".")[1]):
            return True  # something puts it there
        return known.shares_state(dotted) or dotted.startswith(_CHANGING) or self.marks.is_replaced(dotted)

    def rebound(self, module: Module, name: str) -> bool:
        """Whether code that runs after its module, or outside of it, gives a global another value."""
        return name in self._resolver.table(module).written or self.marks.may_be_set(module.name, name)

    def import_order_matters(self, module: Module, imported: Imported) -> bool:
        """Whether what an import binds depends on when it runs."""
        events = self._resolver.imported(module, imported, (), set())
        return any(isinstance(event, Name) and self.rebound(event.module, event.name) for event in events)

    def _settled(self, module: Module, name: str) -> bool:
        table = self._resolver.table(module)
        binders = table.binders.get(name, [])
        if len(binders) > 1 or self.rebound(module, name):
            return False
        for binder in binders:
            node = table.statements.units[binder.unit].node
            if not isinstance(node, (*DEFINITIONS, ast.ClassDef, ast.Import, ast.ImportFrom)):
                return isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        return True

    def plain_value(self, module: Module, unit: Unit, node: ast.expr) -> bool:
        return View(self, module, unit).plain(node)
