"""The text of a module that goes inside: dropped statements are blanked, so lines stay where they are. Host world.

An import statement of which only some names are kept is written again on its first line; one that is kept only for what
loading it does becomes a call of `__import__`, which binds nothing.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Container

from gotee.compiler.graph import Graph, Node
from gotee.compiler.program import Module, absolute
from gotee.compiler.scopes import Imported, static_truth
from gotee.compiler.statements import Unit

_LINE = re.compile(rb"\r\n|\r|\n")


class Kept:
    """What the fixed point kept, as the writer asks for it."""

    def __init__(self, graph: Graph, nodes: Container[Node]) -> None:
        self.graph = graph
        self.nodes = nodes

    def __contains__(self, node: Node) -> bool:
        return node in self.nodes


def emitted(kept: Kept, module: Module) -> str:
    """The module's source without what is not kept."""
    units = kept.graph.resolver.table(module).statements.units
    if ("text", module.name) in kept and not any(("unit", module.name, u.index) in kept.graph.host_only for u in units):
        return module.source
    text = _Text(module.source)
    for position, unit in enumerate(units):
        first = position == 0
        if unit.is_import:
            _import(kept, module, unit, text)
        elif ("unit", module.name, unit.index) in kept:
            _live(unit.node, text)
        elif not _stays(kept, module, unit, first):
            text.replace(*_span(unit.node), "")
    return text.result()


def _stays(kept: Kept, module: Module, unit: Unit, first: bool) -> bool:
    """A docstring, when something reads it; a constant in the first line would become one and goes."""
    is_text = isinstance(unit.node, ast.Expr) and isinstance(unit.node.value, ast.Constant)
    wanted = ("doc", module.name) in kept or ("whole", module.name) in kept
    return first and is_text and (wanted or ("name", module.name, "__doc__") in kept)


def _span(node: ast.stmt) -> tuple[int, int, int, int]:
    line, column = node.lineno, node.col_offset
    for decorator in getattr(node, "decorator_list", []):
        if decorator.lineno <= line:
            line, column = decorator.lineno, 0
    return line, column, node.end_lineno or line, node.end_col_offset or 0


def _live(node: ast.stmt, text: _Text) -> None:
    """A kept `if` whose test is known: the part that never runs inside becomes `pass`."""
    truth = static_truth(node.test) if isinstance(node, ast.If) else None
    if truth is None or not isinstance(node, ast.If):
        return
    dead = node.orelse if truth else node.body
    if dead and not (truth and isinstance(dead[0], ast.If)):
        first, last = _span(dead[0]), _span(dead[-1])
        text.replace(first[0], first[1], last[2], last[3], "pass")


def _import(kept: Kept, module: Module, unit: Unit, text: _Text) -> None:
    node = unit.node
    assert isinstance(node, (ast.Import, ast.ImportFrom))
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return
    wanted = _wanted(kept, module, unit)
    if ("exec", module.name, unit.index) not in kept:
        new = ""
    elif not wanted:
        targets = [*_targets(kept, module, unit), *_loaded_by_star(kept, module, unit)]
        new = "; ".join(_loading(kept, module, imported) for imported in targets)
    elif wanted == [_alias(alias) for alias in node.names]:
        return
    elif isinstance(node, ast.Import):
        parts = []  # in the order of the program
        for alias, imported in zip(node.names, _targets(kept, module, unit), strict=True):
            stays = _alias(alias) in wanted
            parts.append(f"import {_alias(alias)}" if stays else _loading(kept, module, imported))
        new = "; ".join(parts)
    else:
        inner = [*_loaded_by_name(kept, module, unit, wanted), *_loaded_by_star(kept, module, unit)]
        loads = [_loading(kept, module, imported) for imported in inner]
        new = "; ".join([*loads, f"from {'.' * node.level}{node.module or ''} import {', '.join(wanted)}"])
    text.replace(*_span(node), new)


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _wanted(kept: Kept, module: Module, unit: Unit) -> list[str]:
    """The parts of an import statement whose names are kept, as they are written."""
    node = unit.node
    assert isinstance(node, (ast.Import, ast.ImportFrom))
    if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
        return _star(kept, module, unit)
    wanted = []
    number = 0
    for alias in node.names:
        bound = 2 if isinstance(node, ast.Import) and not alias.asname and "." in alias.name else 1
        if any(("alias", module.name, unit.index, number + extra) in kept for extra in range(bound)):
            wanted.append(_alias(alias))
        number += bound
    return wanted


def _star(kept: Kept, module: Module, unit: Unit) -> list[str]:
    """`*` where its names are not known or no `__all__` limits them; else the names that are kept."""
    imported = unit.aliases[0][1]
    target = kept.graph.program.find(absolute(module, imported.level, imported.module))
    everything = ("alias", module.name, unit.index, "*") in kept
    if target is None:
        return ["*"] if everything or ("exec", module.name, unit.index) in kept else []
    table = kept.graph.resolver.table(target)
    names = sorted(name for name in _star_names(kept, module, unit))
    if everything or kept.graph.stars.verbatim(target):
        return ["*"] if names or everything else []
    if table.statements.exports is None:
        return ["*"] if names else []
    return names


def _star_names(kept: Kept, module: Module, unit: Unit) -> list[str]:
    return kept.graph.star_names.get((module.name, unit.index), []) and [
        name
        for name in kept.graph.star_names[module.name, unit.index]
        if ("alias", module.name, unit.index, name) in kept
    ]


def _loaded_by_name(kept: Kept, module: Module, unit: Unit, wanted: list[str]) -> list[Imported]:
    """The modules that `from package import a, b` loads, in order, if one of them is loaded though its name goes."""
    assert isinstance(unit.node, ast.ImportFrom)
    loaded, dropped = [], False
    for alias, (_, imported) in zip(unit.node.names, unit.aliases, strict=True):
        package = kept.graph.program.find(absolute(module, imported.level, imported.module))
        inner = f"{package.name}.{imported.attr}" if package is not None else ""
        if package is None or kept.graph.program.find(inner) is None or ("exists", inner) not in kept:
            continue
        if not _bound_to_other(kept, package, str(imported.attr)):
            loaded.append(imported)
            dropped = dropped or _alias(alias) not in wanted
    return loaded if dropped else []


def _bound_to_other(kept: Kept, package: Module, name: str) -> bool:
    """Whether a package binds a name itself, other than to its module of that name."""
    for binder in kept.graph.resolver.table(package).binders.get(name, []):
        if binder.imported is None:
            return True
        level, source, attr, _ = binder.imported
        if f"{absolute(package, level, source)}.{attr}" != f"{package.name}.{name}":
            return True
    return False


def _loaded_by_star(kept: Kept, module: Module, unit: Unit) -> list[Imported]:
    """The modules that a star import loads besides its package, in order."""
    name, imported = unit.aliases[0]
    target = kept.graph.program.find(absolute(module, imported.level, imported.module)) if name == "*" else None
    return [imported._replace(attr=inner) for inner in kept.graph.stars.loaded(target)] if target else []


def _targets(kept: Kept, module: Module, unit: Unit) -> list[Imported]:
    node = unit.node
    if isinstance(node, ast.ImportFrom):
        return [imported for _, imported in unit.aliases]
    assert isinstance(node, ast.Import)
    return [Imported(0, alias.name, None) for alias in node.names]


def _loading(kept: Kept, module: Module, imported: Imported) -> str:
    """Code that loads what an import loads and binds nothing."""
    target = absolute(module, imported.level, imported.module)
    if imported.attr not in (None, "", "*"):
        inner = f"{target}.{imported.attr}"
        own = kept.graph.program.find(inner)
        parent = kept.graph.program.find(target)
        if own is not None and parent is not None and ("exists", inner) in kept:
            target = inner
        elif parent is None:
            return f'__import__("{target}", None, None, ["{imported.attr}"])'
    return f'__import__("{target}")'


class _Text:
    """A source text in which ranges are replaced, by line (from 1) and byte column as `ast` counts them."""

    def __init__(self, source: str) -> None:
        self._data = source.encode("utf-8", "surrogatepass")
        self._starts = [0, *(match.end() for match in _LINE.finditer(self._data))]
        self._edits: list[tuple[int, int, bytes]] = []

    def replace(self, line: int, column: int, end_line: int, end_column: int, new: str) -> None:
        """Put `new` in the place of a range, whose line ends stay."""
        self._edits.append((self._starts[line - 1] + column, self._starts[end_line - 1] + end_column, new.encode()))

    def result(self) -> str:
        """The text with all replacements."""
        pieces, position = [], 0
        blanked_lines = self._blank_lines()
        for start, end, new in sorted(self._edits):
            pieces.append(self._data[position:start])
            breaks = b"".join(_LINE.findall(self._data[start:end]))
            line = bisect_right(self._starts, start) - 1
            shared = self._shares_line(start, end)
            kept = new or (b"0" if shared and line not in blanked_lines else b"")
            pieces.append(breaks + kept if self._goes_on(end) else kept + breaks)
            position = end
        pieces.append(self._data[position:])
        lines = b"".join(pieces).decode("utf-8", "surrogatepass")
        return _tidy(lines, blanked_lines)

    def _blank_lines(self) -> set[int]:
        """Lines on which every statement goes: joining semicolons go too."""
        gone: set[int] = set()
        for start, end, new in self._edits:
            if not new and self._shares_line(start, end):
                line = bisect_right(self._starts, start) - 1
                begin = self._starts[line]
                finish = self._starts[line + 1] if line + 1 < len(self._starts) else len(self._data)
                rest = bytearray(self._data[begin:finish])
                for other_start, other_end, other_new in self._edits:
                    if begin <= other_start and other_end <= finish and not other_new:
                        rest[other_start - begin : other_end - begin] = b" " * (other_end - other_start)
                if not bytes(rest).split(b"#")[0].strip(b"; \t\r\n\f"):
                    gone.add(line)
        return gone

    def _shares_line(self, start: int, end: int) -> bool:
        begin = self._starts[bisect_right(self._starts, start) - 1]
        return self._goes_on(end) or self._data[begin:start].rstrip().endswith(b";")

    def _goes_on(self, end: int) -> bool:
        """Whether another statement follows on the line."""
        line_end = _LINE.search(self._data, end)
        after = self._data[end : line_end.start() if line_end else len(self._data)].lstrip()
        return after.startswith(b";")


def _tidy(text: str, lines: set[int]) -> str:
    """Lines of which only semicolons are left."""
    if not lines:
        return text
    parts = re.split(r"(\r\n|\r|\n)", text)
    for number in lines:
        parts[2 * number] = "" if not parts[2 * number].split("#")[0].strip("; \t\f") else parts[2 * number]
    return "".join(parts)
