"""What the code of a program does to names, seen as a whole: rebinds, changes, hands on, replaces. Host world.

Filled while the graph is built; purity asks when all modules are in it.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from gotee.compiler.names import Ref, Uses

Node = tuple[Any, ...]
HOOKS = {
    "__init_subclass__", "__set_name__", "__class_getitem__", "__mro_entries__", "__prepare__", "__subclasshook__",
    "__instancecheck__", "__subclasscheck__", "__getattr__", "__getattribute__", "__call__", "__or__", "__ror__",
}  # fmt: skip
_REDIRECTS = ("contextlib.redirect_stdout", "contextlib.redirect_stderr", "os.dup2")
_PRINTING = {"builtins.print", "pprint.*", "dis.*", "traceback.*"}
_FLAGS = {"flags", "clear_flags"}  # of decimal's context: arithmetic sets them
_LISTING = {"loggerDict", "getChildren"}


class Marks:
    """The marks of one program's names."""

    def __init__(self) -> None:
        self.stored: set[Node] = set()  # globals that are set as attributes of their module
        self.changed: set[Node] = set()  # globals whose object is changed, or handed on to what may change it
        self.handed: set[Node] = set()  # globals whose elements are handed on
        self.attributes: set[str] = set()  # attributes that are set somewhere; "*" if some name is computed
        self.codecs = False  # whether it has codecs or error handlers of its own
        self.descriptors = False  # whether it makes descriptors that run code when they are read from a class
        self.replaced: set[str] = set()  # names outside of the program that it sets
        self.written: set[str] = set()  # modules some global of which is set by a computed name
        self.valued: set[str] = set()  # modules that are used as objects
        self.calls: dict[str, list[Node]] = defaultdict(list)  # names outside of the program -> who calls them
        self.namespaces = False  # whether it uses `__dict__` of something
        self._is_replaced: dict[str, bool] = {}

    def uses(self, uses: Uses) -> None:
        """Note what a piece of code sets."""
        self.attributes |= uses.sets
        self.namespaces = self.namespaces or "__dict__" in uses.mentions
        self.descriptors = self.descriptors or "__get__" in uses.mentions
        if not _LISTING.isdisjoint(uses.mentions):
            self._replace("logging.getLogger")  # that a logger exists is seen
        if not _FLAGS.isdisjoint(uses.mentions):
            self._replace("decimal.*")

    def name(self, target: Node, ref: Ref, last: bool) -> None:
        """Note one use of a global of the program."""
        if ref.store and last:
            self.stored.add(target)
        elif not ref.reads:
            self.changed.add(target)
        elif ref.reads == 1:
            self.handed.add(target)

    def outside(self, node: Node, dotted: str, ref: Ref, uses: Uses, called: bool) -> None:
        """Note one use of a name outside of the program."""
        self.codecs = self.codecs or dotted in ("codecs.register", "codecs.register_error")
        if called:
            self.calls[dotted].append(node)
            self.descriptors = self.descriptors or dotted == "builtins.property"
        if ref.store:
            self._replace(dotted)
        elif dotted in _REDIRECTS:
            self._replace("sys.stdout")
        elif not called and not ref.exempt and not ref.reads and dotted in sys.stdlib_module_names:
            self._replace(f"{dotted}.*" if "*" in uses.sets or not ref.steps else dotted)

    def _replace(self, dotted: str) -> None:
        self.replaced.add(dotted)
        self._is_replaced.clear()
        if dotted in ("sys.stdout", "sys.stderr", "sys.*"):
            self.replaced |= _PRINTING

    def is_replaced(self, dotted: str) -> bool:
        """Whether the program may put something else in the place of what a name outside of it means."""
        if not self.replaced:
            return False
        if dotted not in self._is_replaced:
            self._is_replaced[dotted] = any(_overlaps(dotted, each) for each in self.replaced)
        return self._is_replaced[dotted]

    def holds(self, relied: Collection[str]) -> bool:
        """Whether what `texts` relied on is so."""
        kind, *rest = relied
        if kind == "stored":
            return "*" not in self.attributes and not self.namespaces
        if kind == "attribute":
            return not {rest[0], "*"} & self.attributes
        target: Node = ("name", *rest)
        if target in self.stored or rest[0] in self.written:
            return False
        return kind == "set" or not (target in self.changed or (kind == "nested" and target in self.handed))

    def may_be_set(self, module: str, name: str) -> bool:
        """Whether code outside of its module, or by a computed name, may give a global another value."""
        return ("name", module, name) in self.stored or module in self.written or module in self.valued

    def hooks_are_set(self) -> bool:
        """Whether the program sets hooks of classes from outside of their bodies."""
        return bool(self.attributes & HOOKS)


def _overlaps(dotted: str, replaced: str) -> bool:
    if replaced.endswith(".*"):
        return dotted.startswith(replaced[:-1])
    return dotted == replaced or dotted.startswith(replaced + ".") or replaced.startswith(dotted + ".")
