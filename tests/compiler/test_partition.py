"""The partition as a whole: names as Python's compiler sees them, order inside, checks after emission, size."""

from __future__ import annotations

import ast
import dataclasses
import gc
import os
import re
import subprocess
import symtable
import sys
import typing
from collections.abc import Set
from pathlib import Path

import pytest

from gotee.compiler import closure, collect, emit, scopes, verify
from gotee.compiler.closure import slice_of
from gotee.errors import CompileError

MODULES = [closure, collect, emit, verify, ast, subprocess]
EVERY_FORM = """
async def forms(a, /, b=1, *c, d, e=2, **f) -> None:
    global g
    x = {**a, 1: 2}, {1, *b}, (yield), [n async for n in c if n], lambda *, k, l=1: k
    async with a as b, c: await b
    match a:
        case {"k": 1, **rest} | [1, *_] | C(1, k=None) as n if n: del n
        case None | True: assert a, b
    try: raise A from b
    except* (B, C) as e: a.b[1:2, ...] += f"{a!r:{b}}"
    while a < b <= c: pass
    else: from . import z as y
"""


def global_reads(table: symtable.SymbolTable, comprehended: Set[str] = frozenset()) -> set[str]:
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return (names - comprehended).union(*(global_reads(child) for child in table.get_children()))


def names_of_comprehensions(tree: ast.Module) -> set[str]:
    """Names that only comprehensions store: from Python 3.12 on (PEP 709) symtable shows them in the scope around."""
    kinds = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    loops = [loop for node in ast.walk(tree) if isinstance(node, kinds) for loop in node.generators]
    targets = {node for loop in loops for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
    stores = {node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {node.id for node in targets} - {node.id for node in stores - targets}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_names_used_are_those_of_symtable(module: object) -> None:
    source = Path(str(module.__file__)).read_text()  # type: ignore[attr-defined]
    future = "from __future__ import annotations" in source
    tree = ast.parse(source)
    statements = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    comprehended = names_of_comprehensions(ast.Module(statements, []))
    expected = global_reads(symtable.symtable(source, "module", "exec"), comprehended)
    found = set()
    for statement in tree.body:
        uses = collect.uses_of(statement, future)
        found |= {ref.base for ref in uses.refs if isinstance(ref.base, str)} | uses.writes
    expected -= {"__class__"} | (inlined(ast.parse(source)) if sys.version_info >= (3, 12) else set())
    assert expected - found - {"main"} == set()  # main: in a block that never runs inside


def inlined(tree: ast.AST) -> set[str]:
    """Targets of comprehensions: from 3.12 on, symtable reports those at module level as globals."""
    targets = [node.target for node in ast.walk(tree) if isinstance(node, ast.comprehension)]
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def test_modules_run_inside_in_the_order_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "log.py").write_text("LOG = []\n")
    (tmp_path / "first.py").write_text("import log\nlog.LOG.append('first')\n")
    (tmp_path / "work.py").write_text(
        "import log\nlog.LOG.append('work')\ndef read() -> list[str]:\n    return log.LOG\n"
    )
    (tmp_path / "main.py").write_text(
        "import first\nimport work\nfrom gotee import gosecure\n\n\n"
        "def main():\n    print(gosecure(work.read).result())\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    environment = {**os.environ, "GOTEE_TEE": "process", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "main.py")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "['first', 'work']\n", done.stderr


def test_a_lost_name_is_found_after_emission(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("K = 1\ndef f():\n    return K\n")
    analysis = slice_of(tmp_path, "m", "f")
    verify.unbound_names(analysis)
    analysis.partition.modules["m"]["source"] = "\ndef f():\n    return K\n"
    with pytest.raises(CompileError, match="GT320"):
        verify.unbound_names(analysis)


def test_a_module_that_no_longer_imports_is_found_after_emission(tmp_path: Path) -> None:
    full, out = tmp_path / "full", tmp_path / "out"
    full.mkdir()
    (full / "m.py").write_text("K = 1\nL = K\ndef f():\n    return L\n")
    analysis = slice_of(full, "m", "f")
    verify.write_tree(analysis.partition, out)
    verify.imports_work(analysis.partition, out)
    (out / "m.py").write_text("L = K\ndef f():\n    return L\n")
    with pytest.raises(CompileError, match="GT321"):
        verify.imports_work(analysis.partition, out)


def test_a_module_that_fails_as_in_the_program_is_no_error(tmp_path: Path) -> None:
    full, out = tmp_path / "full", tmp_path / "out"
    full.mkdir()
    (full / "m.py").write_text("raise ValueError('as ever')\ndef f():\n    return 1\n")
    analysis = slice_of(full, "m", "f")
    verify.write_tree(analysis.partition, out)
    verify.verify(analysis, out)


DYNAMIC = {
    "GT301": "import importlib\ndef f(n): return importlib.import_module(n)\n",
    "GT302": "def f(n): return eval(n)\n",
    "GT303": "import sys\ndef f(n): return sys.modules[n]\n",
    "GT304": "import pickle\ndef f(n): return pickle.loads(n)\n",
    "GT305": "import gc\ndef f(n): return gc.get_objects()[n]\n",
}


@pytest.mark.parametrize("code", DYNAMIC)
def test_what_names_code_by_an_unknown_string_is_refused_with_place_and_cure(code: str, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(DYNAMIC[code])
    with pytest.raises(CompileError) as caught:
        slice_of(tmp_path, "m", "f")
    assert (caught.value.code, caught.value.lineno) == (code, DYNAMIC[code].count("\n"))
    assert "gotee: include=" in str(caught.value.cure)


def test_every_code_has_its_place_in_the_documentation() -> None:
    top = Path(__file__).parents[2]
    sources = [file.read_text() for file in (top / "src/gotee").rglob("*.py")]
    codes = {code for source in sources for code in re.findall(r'"(GT[0-9]{3})"', source)}
    page = (top / "docs/reference/codes.md").read_text()
    places = set(re.findall(r"^(?:### |\| )(GT[0-9]{3})\b", page, re.MULTILINE))
    assert codes - places == set()


def test_an_override_comment_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "ops.py").write_text("def g():\n    return 1\n")
    (tmp_path / "m.py").write_text(
        "import importlib\ndef f(n):\n    return importlib.import_module(n).g()  # gotee: include=ops:g\ndef h(): 0\n"
    )
    trusted = slice_of(tmp_path, "m", "f").partition
    assert trusted.overrides == ["m.py:3: ops:g"]
    assert "ops:g" in trusted.definitions


def test_including_a_whole_module_accepts_its_dynamic_features(tmp_path: Path) -> None:
    (tmp_path / "lib.py").write_text(
        "import sys\ndef find(n):\n    return sys.modules[n + '']\ndef other():\n    pass\n"
    )
    (tmp_path / "m.py").write_text("import lib  # gotee: include=lib:*\ndef f(n):\n    return lib.find(n)\n")
    assert "lib:other" in slice_of(tmp_path, "m", "f").partition.definitions


def test_the_same_program_gives_the_same_partition(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "import json, os\nR = {}\ndef d(f):\n    R[f] = 1\n    return f\n@d\ndef f():\n    return R\n"
    )
    first, second = (slice_of(tmp_path, "m", "f").partition for _ in range(2))
    assert first == second


def test_the_collector_of_garbage_is_as_it_was_before(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def f():\n    return 1\n")
    slice_of(tmp_path, "m", "f")
    assert gc.isenabled()


def test_a_missing_entry_is_an_error_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def f():\n    return 1\n")
    with pytest.raises(CompileError, match="GT306"):
        slice_of(tmp_path, "m", "g")
    with pytest.raises(CompileError, match="GT306"):
        slice_of(tmp_path, "n", "g")


@pytest.mark.parametrize("module", [*MODULES, dataclasses, typing], ids=lambda module: module.__name__)
def test_a_walk_finds_what_that_of_ast_finds_but_contexts_and_operators(module: object) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text() + EVERY_FORM)  # type: ignore[attr-defined]
    left_out = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.type_ignore)
    wanted = [node for node in ast.walk(tree) if not isinstance(node, left_out)]
    assert [id(node) for node in scopes.walk(tree)] == [id(node) for node in wanted]
    for node in wanted:
        inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, left_out)]
        assert list(map(id, scopes.children(node))) == list(map(id, inner))
