"""Conversion between the forms: pretty text, equal meaning, files kept as they are."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from hypothesis import given, settings

from gotee.errors import CompileError, GoteeError
from gotee.syntax.desugar import desugar, main_desugar, sugar
from gotee.syntax.rewrite import rewrite

from .test_keyword_rewrite import IMPORT, REWRITTEN, programs

PRETTY = [
    ("r = gosecure sign(tx)", "r = gosecure(sign, tx)"),
    ("go f()", "go(f)"),
    ("go f( )", "go(f)"),
    ("go   f (  x )", "go(f, x )"),
    ("go f(*a, **k)", "go(f, *a, **k)"),
    ("go f(x,)  # why", "go(f, x,)  # why"),
    ("go f(  # why\n    x,\n)", "go(f,  # why\n    x,\n)"),
    ("go f(\r\n    x)", "go(f,\r\n    x)"),
    ("go f(\n)", "go(f,\n)"),
    ("go f(gosecure g(x))(go h())", "go(f(gosecure(g, x)), go(h))"),
    ("go f \\\n (x)", "go(f \\\n , x)"),
]

SUGARED = [
    ("r = gosecure(sign, tx)", "r = gosecure sign(tx)"),
    ("go(f)", "go f()"),
    ("go(f, )", "go f()"),
    ("go( f , x )", "go f(x )"),
    ("go(f, x, k=1, *a)", "go f(x, k=1, *a)"),
    ("go(\n    f,\n    x,\n)", "go f(\n    x,\n)"),
    ("go(f,  # why\n    x)", "go f(  # why\n    x)"),
    ("go(f  # why\n , x)", "go f(  # why\n x)"),
    ("gosecure(f, x).result()", "(gosecure f(x)).result()"),
    ("go(f, x)[0]", "(go f(x))[0]"),
    ("go(f, go(g, y))", "go f(go g(y))"),
    ("go(f(a), x)", "go f(a)(x)"),
    ("go f(go(g, y))", "go f(go g(y))"),
    ("print(go(f),*go(g, x))", "print(go f(),*go g(x))"),
    ("go(a.b[0], (x for x in y))", "go a.b[0]((x for x in y))"),
    ("(0)if go(f)else(1)", "(0)if go f()else(1)"),
    ("go(f,\\\n  x)", "go f(\\\n  x)"),
]

STAYS_PLAIN = [
    "go(lambda: 0)",
    "go((f), x)",
    "go(*args)",
    "go(f or g, x)",
    "go('a'.join, x)",
    "go(f := g, x)",
    "go(make().result, x)",
    "go(f(x).done)",
    "go(  # why\n    f, x)",
    "go(a\n   .b, x)",
    "go()",
    "go(f=1)",
    "gotee.go(f)",
    "f'{go(f, x)}'",
    "match x:\n case go(f, y): 0",
    "go((x for x in y))",
]


@pytest.mark.parametrize(("written", "plain"), PRETTY)
def test_desugar_writes_the_plain_form_to_be_read(written: str, plain: str) -> None:
    assert desugar(IMPORT + written, "m.py") == IMPORT + plain


@pytest.mark.parametrize(("plain", "written"), SUGARED)
def test_sugar_writes_the_keyword_form(plain: str, written: str) -> None:
    assert sugar(IMPORT + plain, "m.py") == IMPORT + written
    assert _meaning(IMPORT + written) == _meaning(IMPORT + plain)


@pytest.mark.parametrize("source", STAYS_PLAIN)
def test_sugar_leaves_calls_without_a_keyword_form(source: str) -> None:
    assert sugar(IMPORT + source, "m.py") == IMPORT + source


@pytest.mark.parametrize(
    "head",
    [
        "from gotee import go as run, gosecure\n",
        "import gotee\n",
        "from other import go\nimport gotee\n",
        "from gotee import go\ndef go(f): 0\n",
        "from gotee import go\ngo = print\n",
        "from gotee import go\ndef h(go): 0\n",
        "from gotee import go\nimport x as go\n",
    ],
)
def test_sugar_wants_the_name_from_gotee_and_from_nowhere_else(head: str) -> None:
    assert sugar(head + "go(f, x)\n", "m.py") == head + "go(f, x)\n"


def test_one_call_without_a_keyword_form_does_not_hinder_the_others() -> None:
    assert sugar(IMPORT + "go(f, x)\ngo(f(x).result)\ngo(g)\n", "m.py") == IMPORT + "go f(x)\ngo(f(x).result)\ngo g()\n"


@pytest.mark.parametrize("written", [written for written, _ in REWRITTEN])
def test_desugar_means_what_the_rewrite_means(written: str) -> None:
    plain = desugar(IMPORT + written, "m.py")
    assert _meaning(plain) == _meaning(IMPORT + written)
    assert desugar(plain, "m.py") == plain
    assert plain.count("\n") == (IMPORT + written).count("\n")


@settings(max_examples=200, deadline=None)
@given(programs)
def test_both_ways_keep_the_meaning(program: str) -> None:
    plain = desugar(program, "m.py")
    assert rewrite(plain, "m.py") is plain
    assert _meaning(plain) == _meaning(program)
    assert _meaning(desugar(sugar(plain, "m.py"), "m.py")) == _meaning(plain)


def _meaning(source: str) -> str:
    return ast.dump(ast.parse(rewrite(source, "m.py").replace("\r\n", "\n")))


def test_in_place_keeps_encoding_mark_line_ends_mode_and_link(tmp_path: Path) -> None:
    mark, latin, link = tmp_path / "mark.py", tmp_path / "latin.py", tmp_path / "link.py"
    mark.write_bytes(b"\xef\xbb\xbfimport gotee\r\ngo f('\xc3\xa9')\r\n")
    latin.write_bytes(b"# coding: latin-1\nimport gotee\ngo f('\xe9')")
    latin.chmod(0o751)
    link.symlink_to(latin)
    assert main_desugar(str(mark), in_place=True) is None
    assert main_desugar(str(link), in_place=True) is None
    assert mark.read_bytes() == b"\xef\xbb\xbfimport gotee\r\ngo(f, '\xc3\xa9')\r\n"
    assert latin.read_bytes() == b"# coding: latin-1\nimport gotee\ngo(f, '\xe9')"
    assert latin.stat().st_mode & 0o777 == 0o751
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["latin.py", "link.py", "mark.py"]


def test_to_standard_output_the_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text(IMPORT + "go f(x)\n")
    assert main_desugar(str(path)) == IMPORT + "go(f, x)\n"
    assert path.read_text() == IMPORT + "go f(x)\n"
    assert main_desugar(str(path), to_sugar=True) == IMPORT + "go f(x)\n"


def test_unchanged_file_is_not_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text(IMPORT + "go(f, x)\n")
    before = path.stat()
    main_desugar(str(path), in_place=True)
    assert path.stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("data", "lineno"),
    [(b"import gotee\ngo f(x) +\n", 2), (b"# coding: nonsense\n", None), (b"x = '\xff'\n", None), (b"x = \0\n", None)],
)
def test_file_that_is_not_python_is_refused_with_gt107(tmp_path: Path, data: bytes, lineno: int | None) -> None:
    path = tmp_path / "m.py"
    path.write_bytes(data)
    with pytest.raises(CompileError) as caught:
        main_desugar(str(path), in_place=True)
    assert caught.value.code == "GT107"
    assert lineno is None or caught.value.lineno == lineno
    assert path.read_bytes() == data


def test_syntax_error_of_a_converted_file_quotes_the_text_as_written() -> None:
    with pytest.raises(CompileError) as caught:
        sugar("import gotee\ngo f(x) +\n", "m.py")
    assert "    go f(x) +\n             ^" in str(caught.value)


def test_missing_file_and_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(GoteeError, match="there is no file"):
        main_desugar(str(tmp_path / "none.py"))
    with pytest.raises(GoteeError, match="is a directory"):
        main_desugar(str(tmp_path))
