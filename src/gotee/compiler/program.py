"""Read a program: its main file and the modules beside it that it imports, anywhere in its code. Host world."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gotee.syntax._files import read_source
from gotee.syntax.rewrite import rewrite


@dataclass(frozen=True)
class Module:
    """One module of the program. `name` is its name inside: the main file goes by its stem."""

    name: str
    file: Path
    source: str
    package: bool
    tree: ast.Module

    @property
    def parent(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.package else self.name.rpartition(".")[0]


class Program:
    """The main file, and its own modules by name: those found under the directory of the main file."""

    def __init__(self, main: Path) -> None:
        self.root = main.resolve().parent
        self.main = self._read(main.stem, main.resolve(), package=False)
        self.modules = {self.main.name: self.main}
        unread = [self.main]
        while unread:
            for name in imported_names(unread.pop()):
                found = self._find(name)
                if found is not None:
                    unread.append(found)

    def imports(self, module: Module) -> list[Module]:
        """The program's own modules that one of them imports, packages on the way included."""
        return [self.modules[name] for name in imported_names(module) if name in self.modules]

    def _find(self, name: str) -> Module | None:
        if name in self.modules:
            return None
        path = self.root.joinpath(*name.split("."))
        for file, package in ((path / "__init__.py", True), (path.with_suffix(".py"), False)):
            if file.is_file():
                module = self.modules[name] = self._read(name, file, package)
                return module
        return None

    def _read(self, name: str, file: Path, package: bool) -> Module:
        source = rewrite(read_source(str(file)).text, str(file))
        return Module(name, file, source, package, ast.parse(source, str(file)))


def imported_names(module: Module) -> Iterator[str]:
    """Every module name that an import statement anywhere in the module may mean."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = import_base(module, node)
            if base:
                yield from _with_parents(base)
            for alias in node.names:
                yield f"{base}.{alias.name}" if base else alias.name


def import_base(module: Module, node: ast.ImportFrom) -> str:
    """The module that `from ... import` names, made absolute."""
    if not node.level:
        return node.module or ""
    package = module.parent.split(".")
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])
