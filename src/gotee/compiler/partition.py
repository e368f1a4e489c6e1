"""What the compiler makes of a program: its trusted part, as plain data. Host world."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gotee.compiler.outside import Outside


@contextmanager
def no_collection() -> Iterator[None]:
    """Nothing that a compiler makes is garbage before it ends; looking for some takes half of its time, or more."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Entry(NamedTuple):
    """A function of the fixed table; its place in the table is its number at the boundary."""

    module: str
    name: str


@dataclass(frozen=True)
class Partition:
    """The trusted part of a program.

    `definitions` are `module:Name`; `host_only` are the statements that only the host runs, `file:line: reason`;
    `overrides` are the override comments that count, `file:line: module:Name`; `data` are files that trusted code
    reads, relative to the program's folder.
    """

    name: str
    modules: dict[str, dict[str, Any]]
    entries: list[Entry]
    definitions: list[str] = field(default_factory=list)
    host_only: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    outside: Outside = field(default_factory=Outside)
    root: Path = Path()

    def as_image(self) -> dict[str, Any]:
        """The plain data that the enclave's first code reads."""
        return {"name": self.name, "modules": self.modules, "entries": [list(entry) for entry in self.entries]}
