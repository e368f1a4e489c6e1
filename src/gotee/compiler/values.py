"""The constant values that an expression can have, found without running it: strings, and tables of them. Host world.

`Evaluator.values` gives every value that an expression may have, as far as its parts are constants: names that only
hold constants, entries of tables, loops over them, and methods of strings. Lists and sets count as tuples.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from gotee.compiler.reading import is_read, reading_ids
from gotee.compiler.scopes import bindings_of, walk

MOST = 256  # values of one expression; with more it counts as unknown


class _Sentinel:
    """A value that is not known."""


UNKNOWN: Final = _Sentinel()
OBJECT: Final = _Sentinel()  # a function, a class or a module, which the program names

_TEXT_METHODS = {
    "lower", "upper", "strip", "lstrip", "rstrip", "replace", "format", "join", "title", "capitalize", "removeprefix",
    "removesuffix", "partition", "rpartition", "split", "rsplit", "casefold",
}  # fmt: skip
_MUTABLE = (ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp)
_SAME_ELEMENTS = {"sorted", "list", "tuple", "set", "frozenset", "reversed", "iter"}


class Outer(NamedTuple):
    """What an evaluator asks about names that its statement does not bind."""

    name: Callable[[ast.expr], list[object]]  # a global, or a chain
    builtin: Callable[[ast.expr], str | None]  # the builtin that an expression is
    call: Callable[[ast.Call], list[object]]  # the result of a function of the program
    parameter: Callable[[str], list[object]]  # a parameter of the statement, if it is a function


class Evaluator:
    """Evaluates the expressions of one statement."""

    def __init__(self, within: ast.AST, outer: Outer) -> None:
        self._within = within
        self._outer = outer
        self.nested = False  # whether a list, set or table inside of another one was met
        self._busy: set[str] = set()
        self._reading: set[int] | None = None

    def values(self, node: ast.AST | None) -> list[object]:
        """All values that an expression may have; those that are not known are UNKNOWN.

        >>> nothing = Outer(*[lambda asked: [UNKNOWN]] * 4)
        >>> statement = ast.parse("for n in ('a', 'b'): f'plug_{n}'").body[0]
        >>> Evaluator(statement, nothing).values(statement.body[0].value)
        ['plug_a', 'plug_b']
        """
        found = _limited(self._values(node))
        return found if found is not None else [UNKNOWN]

    def bound(self, name: str) -> list[object]:
        """All values that the statement gives a name that it binds."""
        if name in self._busy:
            return [UNKNOWN]
        self._busy.add(name)
        try:
            return self._bound(name)
        finally:
            self._busy.discard(name)

    def _values(self, node: ast.AST | None) -> Iterator[object]:
        if isinstance(node, ast.Constant):
            yield node.value
        elif isinstance(node, ast.Name):
            yield from self.bound(node.id) if _binds(self._within, node.id) else self._outer.name(node)
        elif isinstance(node, ast.Attribute):
            yield from self._outer.name(node)
        elif isinstance(node, ast.Lambda):
            yield OBJECT
        elif isinstance(node, ast.IfExp):
            yield from self.values(node.body)
            yield from self.values(node.orelse)
        elif isinstance(node, ast.BoolOp):
            for position, value in enumerate(node.values):
                last = position == len(node.values) - 1
                keeps = isinstance(node.op, ast.Or)
                yield from (v for v in self.values(value) if last or v in (UNKNOWN, OBJECT) or bool(v) is keeps)
        elif isinstance(node, ast.NamedExpr):
            yield from self.values(node.value)
        elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            yield from self._products([self._element(element) for element in node.elts])
        elif isinstance(node, ast.Dict):
            yield self._table(node)
        elif isinstance(node, ast.BinOp):
            yield from self._operation(node)
        elif isinstance(node, ast.JoinedStr):
            parts = [self._part(value) for value in node.values]
            yield from (_joined(part) for part in self._products(parts))
        elif isinstance(node, ast.Subscript):
            yield from self._subscript(node)
        elif isinstance(node, ast.Call):
            yield from self._call(node)
        else:
            yield UNKNOWN

    def _element(self, node: ast.expr) -> list[object]:
        self.nested = self.nested or isinstance(node, _MUTABLE)
        return [UNKNOWN] if isinstance(node, ast.Starred) else self.values(node)

    def _part(self, node: ast.expr) -> list[object]:
        if not isinstance(node, ast.FormattedValue):
            return self.values(node)
        return self.values(node.value) if node.format_spec is None and node.conversion in (-1, 115) else [UNKNOWN]

    def _table(self, node: ast.Dict) -> object:
        table: dict[object, object] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            self.nested = self.nested or isinstance(value, _MUTABLE)
            keys, values = ([UNKNOWN] if key is None else self.values(key)), self.values(value)
            if key is None or len(keys) != 1 or len(values) != 1:
                return UNKNOWN
            try:
                table[_Sentinel() if keys[0] in (UNKNOWN, OBJECT) else keys[0]] = values[0]
            except TypeError:
                return UNKNOWN
        return table

    def _products(self, parts: list[list[object]]) -> Iterator[tuple[object, ...]]:
        yield from itertools.islice(itertools.product(*parts), MOST + 1)

    def _operation(self, node: ast.BinOp) -> Iterator[object]:
        for left, right in self._products([self.values(node.left), self.values(node.right)]):
            same = isinstance(left, (str, tuple)) and type(left) is type(right)
            if isinstance(node.op, ast.Add) and same:
                yield left + right  # type: ignore[operator]
            elif isinstance(node.op, ast.Mod) and isinstance(left, str) and _is_known(right):
                yield _result(lambda left=left, right=right: left % right)  # type: ignore[misc]
            elif isinstance(node.op, ast.BitOr) and isinstance(left, dict) and isinstance(right, dict):
                yield left | right
            else:
                yield UNKNOWN

    def _subscript(self, node: ast.Subscript) -> Iterator[object]:
        for container in self.values(node.value):
            for key in [UNKNOWN] if isinstance(node.slice, ast.Slice) else self.values(node.slice):
                yield from _items(container, key)

    # -- calls -------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Iterator[object]:
        function = node.func
        builtin = self._outer.builtin(function)
        if builtin in _SAME_ELEMENTS and len(node.args) == 1:
            yield from (_as_tuple(value) for value in self.values(node.args[0]))
        elif builtin == "str" and len(node.args) == 1 and not node.keywords:
            yield from (value if isinstance(value, str) else UNKNOWN for value in self.values(node.args[0]))
        elif builtin == "compile" and node.args:
            yield from self.values(node.args[0])
        elif builtin == "dict" and not node.args and all(word.arg for word in node.keywords):
            table = ast.Dict([ast.Constant(word.arg) for word in node.keywords], [w.value for w in node.keywords])
            yield self._table(table)
        elif builtin == "enumerate" and node.args:
            yield tuple((UNKNOWN, element) for element in self.elements(node.args[0]))
        elif builtin == "zip" and node.args and not node.keywords:
            yield tuple(self._products([self.elements(argument) for argument in node.args]))
        elif isinstance(function, ast.Attribute) and not any(word.arg is None for word in node.keywords):
            yield from self._method(node, function)
        else:
            yield from self._outer.call(node)

    def _method(self, node: ast.Call, function: ast.Attribute) -> Iterator[object]:
        owners = self.values(function.value)
        if any(owner in (UNKNOWN, OBJECT) for owner in owners):
            yield from self._outer.call(node)
            return
        names = [str(word.arg) for word in node.keywords]
        given = [self._element(argument) for argument in [*node.args, *(word.value for word in node.keywords)]]
        for owner, *arguments in self._products([owners, *given]):
            split = len(arguments) - len(names)
            named = dict(zip(names, arguments[split:], strict=True))
            yield from _called(owner, function.attr, arguments[:split], named)

    # -- names -------------------------------------------------------------------------------------------

    def _bound(self, name: str) -> list[object]:
        found: list[object] = []
        understood = 0
        for node in walk(self._within):
            given = self._given(node, name)
            if given is not None:
                understood += 1
                found += given
        if understood != sum(1 for _ in bindings_of(self._within, name)) or len(found) > MOST:
            return [UNKNOWN]
        mutable = any(isinstance(value, (dict, tuple)) for value in found)
        return [UNKNOWN] if mutable and self._changes(name) else found

    def _given(self, node: ast.AST, name: str) -> list[object] | None:
        """The values that a part of the statement gives a name; None if it does not bind it, or is not understood."""
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            return self._unpacked(node.targets[0], name, lambda: self.values(node.value))
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            return self._unpacked(node.target, name, lambda: self.values(node.value))
        if isinstance(node, ast.NamedExpr):
            return self._unpacked(node.target, name, lambda: self.values(node.value))
        if isinstance(node, (ast.For, ast.comprehension)):
            return self._unpacked(node.target, name, lambda: self.elements(node.iter))
        if isinstance(node, ast.arg) and node.arg == name:
            return self._outer.parameter(name)
        return None

    def _unpacked(self, target: ast.expr, name: str, values: Callable[[], list[object]]) -> list[object] | None:
        if isinstance(target, ast.Name):
            return values() if target.id == name else None
        if not isinstance(target, (ast.Tuple, ast.List)) or not _binds(target, name):
            return None
        for position, part in enumerate(target.elts):
            if _binds(part, name):
                inner = [_at(value, position, len(target.elts)) for value in values()]
                return self._unpacked(part, name, lambda inner=inner: inner)  # type: ignore[misc]
        return None

    def elements(self, node: ast.expr) -> list[object]:
        """All values that iterating over an expression may give."""
        found: list[object] = []
        for value in self.values(node):
            elements = _as_tuple(value)
            found += elements if isinstance(elements, tuple) else [UNKNOWN]
        return found

    def _changes(self, name: str) -> bool:
        """Whether the statement may change what a name of it holds."""
        if self._reading is None:
            self._reading = reading_ids(self._within)
        return not is_read(self._within, name, self._reading)


def _limited(values: Iterator[object]) -> list[object] | None:
    found = list(itertools.islice(values, MOST + 1))
    return found if len(found) <= MOST else None


def _binds(node: ast.AST, name: str) -> bool:
    return any(True for _ in bindings_of(node, name))


def _is_known(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_known(part) for part in value)
    return isinstance(value, (str, int, float, bytes, type(None)))


def _joined(parts: tuple[object, ...]) -> object:
    return "".join(str(part) for part in parts) if all(isinstance(part, (str, int)) for part in parts) else UNKNOWN


def _result(work: Callable[[], object]) -> object:
    try:
        return work()
    except Exception:  # it raises in the program, too
        return UNKNOWN


def _as_tuple(value: object) -> object:
    if isinstance(value, (tuple, str)):
        return tuple(value)
    return tuple(value) if isinstance(value, dict) else UNKNOWN


def _at(value: object, position: int, length: int) -> object:
    return value[position] if isinstance(value, tuple) and len(value) == length else UNKNOWN


def _items(container: object, key: object) -> list[object]:
    """What a subscript gives; every entry if the key is not known."""
    if isinstance(container, dict):
        if _is_known(key) and not any(isinstance(known, _Sentinel) for known in container):
            return [container[key]] if key in container else []
        return list(container.values())
    if isinstance(container, (tuple, str)):
        if isinstance(key, int):
            return [container[key]] if -len(container) <= key < len(container) else []
        return list(container)
    return [UNKNOWN]


def _called(owner: object, method: str, given: list[object], named: dict[str, object]) -> list[object]:
    if isinstance(owner, str) and method in _TEXT_METHODS and all(map(_is_known, [*given, *named.values()])):
        made = _result(lambda: getattr(owner, method)(*given, **named))
        return [tuple(made) if isinstance(made, list) else made]
    if isinstance(owner, dict):
        if method == "items":
            return [tuple((UNKNOWN if isinstance(k, _Sentinel) else k, v) for k, v in owner.items())]
        if method in ("keys", "values"):
            return [tuple(owner.values() if method == "values" else owner)]
        if method == "get" and given:
            return [*_items(owner, given[0]), *(given[1:] or [None])]
        if method == "copy":
            return [owner]
    return [UNKNOWN]
