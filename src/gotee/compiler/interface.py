"""The boundary of a program, entry by entry, as its source states it. Host world; images and a verb use it."""

from __future__ import annotations

import ast
from typing import NamedTuple

from gotee.compiler.partition import Partition
from gotee.compiler.scopes import walk


class Parameter(NamedTuple):
    """One parameter; `kind` as `inspect` names it, the annotation empty if there is none."""

    name: str
    annotation: str
    kind: str
    default: bool


class Function(NamedTuple):
    """An entry as a public API; `known` is false for a function of a package, whose source is not looked at."""

    module: str
    name: str
    known: bool
    parameters: tuple[Parameter, ...] = ()
    result: str = ""
    summary: str = ""
    line: int = 0
    asynchronous: bool = False

    @property
    def signature(self) -> str:
        """`module:name(parameters) -> result`."""
        if not self.known:
            return f"{self.module}:{self.name}(...)"
        return f"{self.module}:{self.name}({self._parameters()}){f' -> {self.result}' if self.result else ''}"

    def _parameters(self) -> str:
        texts: list[str] = []
        star = False
        for position, parameter in enumerate(self.parameters):
            text = f"{parameter.name}: {parameter.annotation}" if parameter.annotation else parameter.name
            text += " = ..." if parameter.default else ""
            if parameter.kind == "keyword-only" and not star:
                star = True
                texts.append("*")
            if parameter.kind == "var-positional":
                star = True
                text = f"*{text}"
            elif parameter.kind == "var-keyword":
                text = f"**{text}"
            texts.append(text)
            following = self.parameters[position + 1].kind if position + 1 < len(self.parameters) else ""
            if parameter.kind == "positional-only" and following != "positional-only":
                texts.append("/")
        return ", ".join(texts)

    @property
    def unannotated(self) -> list[str]:
        """What has no annotation: parameters, and `return`."""
        if not self.known:
            return []
        names = [parameter.name for parameter in self.parameters if not parameter.annotation]
        return [*names, *([] if self.result else ["return"])]

    @property
    def channels(self) -> list[str]:
        """Parameters whose annotation names a channel."""
        return [parameter.name for parameter in self.parameters if "Chan" in parameter.annotation]


def functions_of(partition: Partition) -> list[Function]:
    """Every entry, in the order of the image's table."""
    trees: dict[str, ast.Module] = {}
    found = []
    for module, name in partition.entries:
        if module in partition.modules and module not in trees:
            trees[module] = ast.parse(partition.modules[module]["source"])
        node = _definition(trees[module], name) if module in trees else None
        found.append(Function(module, name, False) if node is None else _function(module, node))
    return found


def interface_of(partition: Partition) -> list[str]:
    """One line an entry: `module:name(parameters) -> result`; `(...)` for a function of a package."""
    return [function.signature for function in functions_of(partition)]


def _definition(tree: ast.Module, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    found = None
    for node in walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            found = node
            if node in tree.body:
                break
    return found


def _function(module: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    defaults = len(positional) - len(given.defaults)
    found = [
        _parameter(a, "positional-only" if a in given.posonlyargs else "positional", number >= defaults)
        for number, a in enumerate(positional)
    ]
    if given.vararg:
        found.append(_parameter(given.vararg, "var-positional", False))
    found += [
        _parameter(argument, "keyword-only", default is not None)
        for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    if given.kwarg:
        found.append(_parameter(given.kwarg, "var-keyword", False))
    summary = (ast.get_docstring(node) or "").partition("\n")[0]
    result = "" if node.returns is None else _annotation(node.returns)
    asynchronous = isinstance(node, ast.AsyncFunctionDef)
    return Function(module, node.name, True, tuple(found), result, summary, node.lineno, asynchronous)


def _parameter(argument: ast.arg, kind: str, default: bool) -> Parameter:
    annotation = "" if argument.annotation is None else _annotation(argument.annotation)
    return Parameter(argument.arg, annotation, kind, default)


def _annotation(node: ast.expr) -> str:
    """As written; a text annotation without its quotes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.unparse(node)
