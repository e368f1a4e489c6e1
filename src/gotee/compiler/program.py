"""Read a program: its main file and the modules beside it that it imports, anywhere in its code. Host world."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from gotee.compiler.disk import Disk
from gotee.compiler.paths import added_paths
from gotee.compiler.private import with_private_names
from gotee.compiler.reading import with_own_names
from gotee.compiler.scopes import BLOCKS, without_own_meaning
from gotee.errors import CompileError
from gotee.syntax.rewrite import rewrite

_MOST_RISES = 3  # folders above the main file's that it may add to sys.path


@dataclass(frozen=True, eq=False)
class Module:
    """One module of the program. `name` is its name inside: the main file goes by its stem.

    A package without `__init__.py` is a module without source whose `file` is its folder.
    """

    name: str
    file: Path
    source: str
    package: bool
    tree: ast.Module
    encoding: str = "utf-8"

    @property
    def parent(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.package else self.name.rpartition(".")[0]

    @cached_property
    def import_statements(self) -> list[ast.Import | ast.ImportFrom]:
        """All import statements of the file, in functions too."""
        return import_statements(self.tree)

    @property
    def namespace(self) -> bool:
        """Whether this is a package without `__init__.py`."""
        return self.package and self.file.suffix != ".py"


class Program:
    """The main module, and the program's own modules by name: those found under the root folder.

    `main` is the main file; with `root` given, it may lie in a package under `root`. Without, it is a script, unless
    its imports are those of a module in a package (`python -m package.main`). `also` are names of other modules of the
    program, which it need not import. Raises CompileError.
    """

    def __init__(
        self, main: Path, root: Path | None = None, disk: Disk | None = None, also: Iterable[str] = ()
    ) -> None:
        self.disk = disk or Disk()
        main = self.disk.resolved(main)
        self.home = main.parent  # where the main file lies
        self.root = self._above_packages(main) if root is None else self.disk.resolved(root)
        self._rises = _MOST_RISES if root is None else 0
        self.modules: dict[str, Module] = {}
        self._absent: set[str] = set()
        shared = self.root.name in ("site-packages", "dist-packages")  # where packages of others lie beside it
        self._only = main.relative_to(self.root).parts[0].removesuffix(".py") if shared else None
        self._folders: list[Path] = [self.root]  # where modules are found
        self._inside: dict[str, list[Path]] = {}  # where else modules of a package are found
        self._before: dict[str, list[Path]] = {}  # where they are found before its own folder
        self._widened = False  # whether such folders were met since the last look
        parts = main.relative_to(self.root).with_suffix("").parts
        package = main.name == "__init__.py" and len(parts) > 1
        name = ".".join(parts[:-1] if package else parts)
        for parent in parents(name):
            self.find(parent)
        self.main = self.modules[name] = self._read(name, main, package)
        for other in also:
            for needed in (*parents(other), other):
                self.find(needed)
        self._read_all()

    def find(self, name: str) -> Module | None:
        """The program's own module of this name, read when first asked for; None if it is not the program's."""
        if name in self.modules or name in self._absent:
            return self.modules.get(name)
        module = self._search(name)
        if module is None:
            self._absent.add(name)
        else:
            self.modules[name] = module
            self._look_elsewhere(module)
        return module

    def imports(self, module: Module) -> list[Module]:
        """The program's own modules that one of them imports, packages on the way included."""
        return [self.modules[name] for name in imported_names(module) if name in self.modules]

    def below(self, package: str) -> list[Module]:
        """All modules of a package of the program, those of its packages too."""
        found = self.find(package)
        if found is None or not found.package:
            return []
        folder = found.file.parent if found.file.suffix == ".py" else found.file
        names = []
        for file in self.disk.modules_below(folder):
            parts = file.relative_to(folder).with_suffix("").parts
            names.append(".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)]))
        return [module for module in map(self.find, names) if module is not None]

    def _above_packages(self, main: Path) -> Path:
        """The folder that a main file's imports start from: its own, or the one that its package lies in."""
        folder, top = main.parent, ""
        while self.disk.is_file(folder / "__init__.py") and folder.parent != folder:
            folder, top = folder.parent, folder.name
        named = self._read(main.stem, main, False)
        statements = named.import_statements
        levels = max((node.level for node in statements if isinstance(node, ast.ImportFrom)), default=0)
        if levels:
            return min(folder, main.parents[min(levels, len(main.parents) - 1)], key=lambda path: len(path.parts))
        own = any(known == top for node in statements for known in _tops(node))
        return folder if top and (own or main.name == "__main__.py") else main.parent

    def _read_all(self) -> None:
        wanted: set[str] = set()
        unread = list(self.modules.values())
        while unread:
            module = unread.pop()
            new = {name: None for name in imported_names(module) if name not in self.modules}
            self._look_elsewhere(module)
            if self._widened:
                self._widened = False
                self._absent.clear()
                new.update(dict.fromkeys(sorted(wanted)))
            wanted.update(new)
            before = set(self.modules)
            for name in new:
                self.find(name)
            unread += [self.modules[name] for name in self.modules if name not in before]

    def _look_elsewhere(self, module: Module) -> None:
        """Take the folders that a module adds to where modules are found."""
        if "sys" not in module.source and "__path__" not in module.source:
            return
        for added in added_paths(module.tree, module.file):
            there = self.disk.is_folder(added.folder)
            folder = self.disk.resolved(added.folder) if there else added.folder
            if there and added.package is None and self._is_above(folder):
                self.root = folder
            if there and folder.is_relative_to(self.root):
                name = module.name if isinstance(added.package, ast.Name) and added.package.id == "__path__" else None
                name = name or (ast.unparse(added.package) if added.package is not None else None)
                inside = self._before if added.first else self._inside
                folders = self._folders if name is None else inside.setdefault(name, [])
                if added.folder not in folders:
                    folders.insert(0 if added.first else len(folders), added.folder)
                    self._widened = True

    def _is_above(self, folder: Path) -> bool:
        """Whether the main file lies in a folder of the program: `app/main.py` that adds the folder of `app`."""
        levels = len(self.home.parts) - len(folder.parts)
        return self.root.is_relative_to(folder) and 0 < levels <= self._rises and folder != Path.home()

    def name_of(self, file: Path) -> str | None:
        """The name by which a file is a module of the program, or None."""
        for folder in dict.fromkeys([*self._folders, self.root]):
            if file.is_relative_to(folder):
                parts = file.relative_to(folder).with_suffix("").parts
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                found = self.find(name) if name else None
                if found is not None and found.file == file:
                    return name
        return None

    def _search(self, name: str) -> Module | None:
        parts = name.split(".")
        if not all(_names_a_file(part) for part in parts) or parts[0] in sys.builtin_module_names:
            return None
        if self._only is not None and parts[0] != self._only:
            return None
        paths = self._places(name)
        for path in paths:
            for file, package in ((path / "__init__.py", True), (path.with_suffix(".py"), False)):
                if self.disk.is_file(file):
                    return self._read(name, file, package)
        for path in paths:
            if parts[0] not in sys.stdlib_module_names and self.disk.is_folder(path) and self.disk.has_modules(path):
                return Module(name, path, "", True, ast.parse(""))
        return None

    def _places(self, name: str) -> list[Path]:
        """Where a module may be: in its package, or, at the top, in the folders of the program."""
        package, _, last = name.rpartition(".")
        if not package:
            return [folder / last for folder in self._folders]
        holder = self.find(package)
        if holder is None:
            return []
        folder = holder.file.parent if holder.file.suffix == ".py" else holder.file
        own = [folder] if holder.package else []
        places = [*self._before.get(package, []), *own, *self._inside.get(package, [])]
        return [place / last for place in places]

    def _read(self, name: str, file: Path, package: bool) -> Module:
        text = self.disk.read(file)
        try:
            source, tree = _parsed(text.text, str(file))
        except SyntaxError as error:
            raise CompileError(
                "GT107",
                f"the file is not valid Python: {error.msg}",
                filename=str(file),
                lineno=error.lineno,
                column=error.offset - 1 if error.offset and error.text else None,
                line=error.text,
                width=_width(error),
                cure="run it with Python first",
            ) from None
        except (RecursionError, MemoryError):  # the second is the parser's own limit
            raise CompileError(
                "GT107",
                "an expression, or a chain of elif, is deeper than Python itself reads",
                filename=str(file),
                cure="run it with Python first",
            ) from None
        return Module(name, file, source, package, tree, text.encoding)


def _names_a_file(part: str) -> bool:
    """Whether a part of a module's name may be a file's; `import_module("plug-in")` takes others than identifiers."""
    return bool(part) and len(part) < 200 and not any(letter in part for letter in "/\\\0*\n")


def _width(error: SyntaxError) -> int:
    """How much of the line is marked: up to its end if the error goes on behind it."""
    if not error.offset or not error.text:
        return 1
    rest = len(error.text.rstrip()) - error.offset + 1
    end = error.end_offset if error.end_lineno == error.lineno else None
    return max(min(end - error.offset if end else rest, rest), 1)


@lru_cache(maxsize=4096)
def _parsed(text: str, filename: str) -> tuple[str, ast.Module]:
    """A file as plain Python, with its tree. Valid Python has no keyword forms: parsing it is faster than a search."""
    source = text
    try:
        tree = ast.parse(source)
    except (SyntaxError, RecursionError, MemoryError):
        source = rewrite(text, filename)
        tree = ast.parse(source)
    return source, with_own_names(without_own_meaning(with_private_names(tree, source), source), source)


def forget_trees() -> None:
    """Drop the trees that are kept for a second look."""
    _parsed.cache_clear()


def parents(name: str) -> list[str]:
    """The packages that importing a module imports too.

    >>> parents("a.b.c")
    ['a', 'a.b']
    """
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def imported_names(module: Module) -> Iterator[str]:
    """Every module name that an import statement anywhere in the module may mean."""
    for node in module.import_statements:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from (*parents(alias.name), alias.name)
        else:
            base = import_base(module, node)
            if base:
                yield from (*parents(base), base)
            for alias in node.names:
                yield f"{base}.{alias.name}" if base else alias.name


def _tops(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The first parts of the names that an absolute import statement starts from."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return [name.partition(".")[0] for name in names]


def import_statements(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """All import statements of a file, in functions too; expressions are not looked at."""
    found: list[ast.Import | ast.ImportFrom] = []
    stack: list[ast.AST] = list(tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.append(node)
        for name in BLOCKS.get(node.__class__, ()):
            stack += getattr(node, name, ())
    return found


def import_base(module: Module, node: ast.ImportFrom) -> str:
    """The module that `from ... import` names, made absolute."""
    return absolute(module, node.level, node.module or "")


def absolute(module: Module, level: int, name: str) -> str:
    """A module name, relative by `level` dots, made absolute."""
    if not level:
        return name
    package = module.parent.split(".") if module.parent else []
    package = package[: max(len(package) - level + 1, 0)]
    return ".".join([*package, *([name] if name else [])])
