"""Write a partition as a tree of files, and check it: names, imports, entries. Host world."""

from __future__ import annotations

import ast
import builtins
import json
import shutil
import subprocess
import symtable
import sys
from pathlib import Path
from typing import Any

from gotee.compiler.closure import Analysis
from gotee.compiler.partition import Partition
from gotee.compiler.scopes import static_truth
from gotee.errors import CompileError, GoteeError
from gotee.syntax._files import as_utf8

_SECONDS = 120
_DRIVER = r"""
import json, os, sys
root, paths, names = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
sys.path[:0] = [root]
sys.path += paths
sys.dont_write_bytecode = True
for name in names:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        failure = ""
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        try:
            module = __import__(name.partition(":")[0], None, None, ["*"] if "." in name else [])
            if ":" in name:
                getattr(sys.modules[name.partition(":")[0]], name.partition(":")[2])
        except BaseException as error:
            failure = type(error).__name__ + ": " + str(error)[:300]
        os.write(write, failure.encode(errors="replace"))
        os._exit(0)
    os.close(write)
    parts = []
    while part := os.read(read, 65536):
        parts.append(part)
    os.close(read)
    os.waitpid(child, 0)
    print(json.dumps([name, b"".join(parts).decode(errors="replace")]), flush=True)
"""


def write_tree(partition: Partition, out: Path) -> None:
    """Write the modules and the data files of a partition under a folder, which is made if it is not there."""
    try:
        for module in partition.modules.values():
            path = out / Path(str(module["file"])).relative_to(partition.root)
            if path.suffix != ".py":
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(as_utf8(str(module["source"])))
        for file in partition.data:
            target = out / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(partition.root / file, target)
    except OSError as error:
        raise GoteeError(f"cannot write the slice to {str(out)!r}: {error.strerror or error}") from None


def verify(analysis: Analysis, out: Path) -> None:
    """Check an emitted tree. Raises CompileError GT320 (a name is lost), GT321 (an import fails that did not)."""
    unbound_names(analysis)
    imports_work(analysis.partition, out)


def unbound_names(analysis: Analysis) -> None:
    """Each name that kept code reads is bound if it was. Raises CompileError GT320."""
    for name, module in analysis.partition.modules.items():
        original = analysis.graph.program.modules[name]
        source = str(module["source"])
        used, bound = global_names(source)
        lost = used - bound - set(vars(builtins))
        if lost:
            lost &= global_names(ast.unparse(_Running().visit(ast.parse(source))))[0]
        if lost:
            _, was_bound = global_names(original.source)
            for missing in sorted(lost & was_bound):
                if ("name", name, missing) in analysis.fixpoint.kept and not analysis.graph.resolver.table(
                    original
                ).binders.get(missing):
                    continue
                raise CompileError(
                    "GT320",
                    f"the partition lost {missing}, which {name} uses",
                    filename=str(original.file),
                    cure="this is a defect of gotee; name what is lost in `# gotee: include=MODULE:NAME`",
                )


class _Running(ast.NodeTransformer):
    """Leaves out what never runs, but symtable counts: annotations of variables in functions, `if TYPE_CHECKING`."""

    def __init__(self) -> None:
        self._in_function = False

    def _scope(self, node: ast.AST, function: bool) -> ast.AST:
        before, self._in_function = self._in_function, function
        self.generic_visit(node)
        self._in_function = before
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._scope(node, True)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._scope(node, True)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._scope(node, False)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if self._in_function:
            node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        truth = static_truth(node.test)
        if truth is not None:
            unused = node.orelse if truth else node.body
            unused[:] = [] if truth else [ast.copy_location(ast.Pass(), node)]
        return node


def global_names(source: str) -> tuple[set[str], set[str]]:
    """The names that code uses as globals, and those that its top level binds, as Python's compiler sees them.

    >>> global_names("import a\\ndef f(x): return a + x + b") == ({"a", "b"}, {"a", "f"})
    True
    """
    used: set[str] = set()
    bound: set[str] = set()
    top = symtable.symtable(source, "module", "exec")
    for symbol in top.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            bound.add(symbol.get_name())
        if symbol.is_referenced():
            used.add(symbol.get_name())
    tables = top.get_children()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                used.add(symbol.get_name())
    return used, bound


def imports_work(partition: Partition, out: Path) -> None:
    """Each module, imported by itself, and each entry, as in the program. Raises CompileError GT321."""
    names = [name for name in sorted(partition.modules) if not _hidden(partition, name)]
    names += [f"{entry.module}:{entry.name}" for entry in partition.entries]
    failed = {name: failure for name, failure in _import_each(out, names).items() if failure}
    if not failed:
        return
    before = _import_each(partition.root, sorted(failed))
    for name, failure in failed.items():
        if failure.partition(":")[0] != before.get(name, "").partition(":")[0]:
            raise CompileError(
                "GT321",
                f"{name} of the slice fails to import: {failure}",
                filename=str(partition.modules[name.partition(":")[0]]["file"]),
                cure=_cure(failure),
            )


def _hidden(partition: Partition, name: str) -> bool:
    """Whether a module lies in a folder that the program puts before another one that has a module of its name."""
    plain = partition.root.joinpath(*name.split("."))
    there = [place for place in (plain / "__init__.py", plain.with_suffix(".py")) if place.is_file()]
    return bool(there) and Path(str(partition.modules[name]["file"])) not in there


def _cure(failure: str) -> str:
    if failure.startswith("ModuleNotFoundError"):
        return "write the folder in which the module lies as a path of `__file__` and constants, where sys.path is set"
    return "this is a defect of gotee; name what is lost in a comment, `# gotee: include=MODULE:NAME`"


def _import_each(root: Path, names: list[str]) -> dict[str, str]:
    """How importing each of these ends, each in a process of its own; the message of the failure, or empty."""
    paths = [path for path in sys.path if path and Path(path).is_dir()]
    words = [str(root.resolve()), json.dumps(paths), json.dumps(names)]
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", _DRIVER, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CompileError(
            "GT321",
            "importing the slice does not end",
            cure='guard what runs the program with `if __name__ == "__main__":`',
        ) from None
    results: dict[str, Any] = dict(json.loads(line) for line in done.stdout.splitlines())
    return {name: str(results.get(name, "the process ended")) for name in names}
