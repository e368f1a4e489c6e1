"""The records of what a piece of code uses: names, with what is done to them. Host world; filled by `collect`.

A reference is a global name, or a module that was imported inside a function, followed by steps: attributes, calls,
subscripts.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import NamedTuple

from gotee.compiler.scopes import (
    Imported,
)

Step = str | ast.Call | ast.Subscript


class Ref(NamedTuple):
    """One use of a name. `base` is a global's name, or what a function-level import bound."""

    base: str | Imported
    steps: tuple[Step, ...]
    node: ast.expr | ast.stmt
    store: bool = False
    immediate: bool = True
    soft: bool = False  # in an annotation that is not evaluated
    in_function: bool = False
    exempt: bool = False  # a decorator, a base class, an annotation: the object itself is not handed on
    guarded: bool = False  # in a `try`: that it fails is seen
    reads: int = 0  # the object is 1: only looked at, not changed or handed on; 2: nor are its elements


class ImportUse(NamedTuple):
    """One name that an import statement inside a function, a class or a block binds."""

    name: str
    imported: Imported
    node: ast.Import | ast.ImportFrom
    immediate: bool
    global_: bool  # the name is a global
    in_class: bool  # the name is an attribute of a class, and what it binds can be reached through that


@dataclass
class Uses:
    """Everything that one piece of code uses."""

    refs: list[Ref] = field(default_factory=list)
    writes: set[str] = field(default_factory=set)  # globals that functions rebind
    imports: list[ImportUse] = field(default_factory=list)  # inside functions and blocks
    late: list[tuple[str, Imported]] = field(default_factory=list)  # `global np; import numpy as np`
    mentions: set[str] = field(default_factory=set)  # attribute names and short strings
    sets: set[str] = field(default_factory=set)  # attributes that it sets; "*" if some name is computed
    tries: bool = False  # whether it calls a method of an object that it holds in a `try`
    bodies: list[Body] = field(default_factory=list)
    frames: list[tuple[ast.expr, tuple[Step, ...]]] = field(default_factory=list)  # chains of locals that name a frame


@dataclass
class Body:
    """What one function, or the import-time part of a statement (name ""), executes."""

    name: str
    calls: list[Ref] = field(default_factory=list)
    methods: list[tuple[str, ast.expr, bool]] = field(default_factory=list)  # name, call, receiver looks like a Chan
    exits: list[ast.AST] = field(default_factory=list)
    parameters: frozenset[str] = frozenset()
    calls_parameter: bool = False
    local_calls: set[str] = field(default_factory=set)
    node: ast.AST | None = None  # the function
    dispatches: bool = False  # whether it calls what it takes from a table or a loop
    lambdas: list[ast.AST] = field(default_factory=list)  # that it calls where they stand


def dotted_name(node: ast.expr) -> str | None:
    """`a.b.c` as it is written; None for what is not only names and attributes."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def chain_of(node: ast.expr) -> Ref | None:
    """An expression of a name and attributes, as a reference."""
    steps: list[Step] = []
    inner = node
    while isinstance(inner, ast.Attribute):
        steps.append(inner.attr)
        inner = inner.value
    return Ref(inner.id, tuple(reversed(steps)), node) if isinstance(inner, ast.Name) else None
