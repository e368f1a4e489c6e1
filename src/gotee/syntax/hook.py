"""The import hook: the program's own modules go through the keyword rewrite. Host world.

Called by gotee/__init__, syntax.run and syntax.pytest_plugin.

A finder in front of Python's own asks the others for the module and, if it is a source file of the program,
only exchanges the loader. Everything else about the import is Python's.

Bytecode: a module that the rewrite leaves alone shares the ordinary `.pyc` with plain Python. A module in keyword
form is compiled anew in each process and no `.pyc` is written for it: under the ordinary name plain Python would
take it for the original's and import a file that it must refuse, and a later gotee would find it stale.
"""

from __future__ import annotations

import os
import sys
from _io import IncrementalNewlineDecoder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Buffer, Callable, Sequence  # type: ignore[attr-defined]
    from types import CodeType, ModuleType
    from typing import Any

# Never rewritten, wherever the program's root is: gotee itself, the standard library, installed packages.
_OWN_DIRECTORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_FOREIGN = (_OWN_DIRECTORY + os.sep, os.path.dirname(os.path.abspath(os.__file__)) + os.sep)
_INSTALLED = {"site-packages", "dist-packages"}


def install(root: str | os.PathLike[str]) -> Callable[[], None]:
    """Rewrite keyword form in modules under `root` that are imported from now on. Returns what undoes it.

    Modules are those that Python finds as source files; `sys.path` is not changed. Modules imported before
    stay as they are.
    """
    finder = KeywordFinder(root)
    # Before PathFinder and not first: pytest's and other tools' finders keep their precedence.
    place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
    sys.meta_path.insert(place, finder)

    def uninstall() -> None:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)

    return uninstall


def install_for_main() -> None:
    """Install the hook for the directory of the program that runs as `__main__`, if it is a file."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if not isinstance(file, str):
        return
    root = os.path.dirname(os.path.abspath(file))
    for _ in filter(None, (getattr(main, "__package__", None) or "").split(".")):
        root = os.path.dirname(root)  # `python -m package.module`: the directory that holds the package
    if not _finds(root):
        install(root)


def is_own_source(root: str | os.PathLike[str], path: str) -> bool:
    """Does the file belong to the program at `root`, and not to gotee, Python or an installed package?"""
    roots = {os.path.join(kind(root), "") for kind in (os.path.abspath, os.path.realpath)}
    path = os.path.abspath(path)
    return path.startswith(tuple(roots)) and not path.startswith(_FOREIGN) and _INSTALLED.isdisjoint(path.split(os.sep))


def _finds(root: str) -> bool:
    return any(isinstance(f, KeywordFinder) and is_own_source(f.root, os.path.join(root, "x")) for f in sys.meta_path)


class KeywordFinder:
    """The meta-path finder for one root directory."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.abspath(root)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the finders behind this one find, with our loader for a source file of the program."""
        spec = self._spec_of_others(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader and is_own_source(self.root, spec.loader.path):
            spec.loader = KeywordLoader(spec.loader.name, spec.loader.path)
        return spec

    def _spec_of_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        others = sys.meta_path[sys.meta_path.index(self) + 1 :] if self in sys.meta_path else [PathFinder]
        for finder in others:
            find_spec = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec(fullname, path, target) if find_spec is not None else None
            if spec is not None:
                return spec
        return None


class KeywordLoader(SourceFileLoader):
    """Python's loader for source files, with the rewrite before the compiler."""

    rewritten = False

    def source_to_code(  # type: ignore[override]  # typeshed has a static method where Python has a method
        self, data: Any, path: Any, *, _optimize: int = -1
    ) -> CodeType:
        """Compile the source, in keyword form or not. Raises CompileError like `rewrite`."""
        if not isinstance(data, bytes) or b"gotee" not in data:
            return self._compile(data, path, _optimize)
        try:
            from gotee.syntax._files import decode  # importlib's imports `tokenize` anew, which may be the program's

            source = IncrementalNewlineDecoder(None, translate=True).decode(decode(data).text)
        except (SyntaxError, UnicodeDecodeError, LookupError):
            return self._compile(data, path, _optimize)
        # Imported late: most programs hold no keyword form, and this is on the way of every import.
        from gotee.syntax.rewrite import rewrite, show_as_written

        text = rewrite(source, os.fsdecode(path))
        self.rewritten = text is not source
        if not self.rewritten:
            return self._compile(data, path, _optimize)
        try:
            return self._compile(text, path, _optimize)
        except SyntaxError as error:
            show_as_written(error, source)
            raise

    def _compile(self, data: Any, path: Any, optimize: int) -> CodeType:
        code: CodeType = super().source_to_code(data, path, _optimize=optimize)
        return code

    def set_data(self, path: str, data: Buffer, *, _mode: int = 0o666) -> None:
        """Write a `.pyc`, but none for a module in keyword form (see above)."""
        if not self.rewritten:
            super().set_data(path, data, _mode=_mode)
