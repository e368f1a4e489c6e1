"""The same-width rewrite: what becomes what, what is left alone, what is promised of every text."""

from __future__ import annotations

import ast
import contextlib
import sysconfig
import tokenize
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotee.errors import CompileError
from gotee.syntax._forms import may_have_forms
from gotee.syntax.rewrite import rewrite, rewrite_forms

IMPORT = "from gotee import go, gosecure\n"

REWRITTEN = [
    ("go f()", "go(f,)"),
    ("gosecure f(x)", "gosecure(f,x)"),
    ("r = gosecure sign(tx)", "r = gosecure(sign,tx)"),
    ("go f(a, *b, c=1, **d)", "go(f,a, *b, c=1, **d)"),
    ("go f(*a, **k)", "go(f,*a, **k)"),
    ("go f(x,)", "go(f,x,)"),
    ("go f(x := 1)", "go(f,x := 1)"),
    ("go f((x for x in y))", "go(f,(x for x in y))"),
    ("go f([x for x in y])", "go(f,[x for x in y])"),
    ("go f(lambda: [x for x in y])", "go(f,lambda: [x for x in y])"),
    # blanks
    ("go   f(x)", "go(  f,x)"),
    ("go\tf(x)", "go(f,x)"),
    ("go \t f(x)", "go(\t f,x)"),
    ("go\x0cf(x)", "go(f,x)"),
    ("go f (x)", "go(f ,x)"),
    ("go f\\\n  (x)", "go(f\\\n  ,x)"),
    # operands
    ("go a.b.c(x)", "go(a.b.c,x)"),
    ("go a[0](x)", "go(a[0],x)"),
    ("go make()(x)", "go(make(),x)"),
    ("go f(a)(b)[c](d)", "go(f(a)(b)[c],d)"),
    ("go f(x for x in y)(z)", "go(f(x for x in y),z)"),
    ("go pool.result()", "go(pool.result,)"),
    ("go match(x)", "go(match,x)"),
    ("go case(x); go type(x); go _(x)", "go(case,x); go(type,x); go(_,x)"),
    ("go go(x)", "go(go,x)"),
    ("go print(1)", "go(print,1)"),
    ("go 漢字(é)", "go(漢字,é)"),
    ("'漢字', 'é😀'; go é.ß(ж)", "'漢字', 'é😀'; go(é.ß,ж)"),
    # places
    ("go f(x) + 1", "go(f,x) + 1"),
    ("1 + go f(x)", "1 + go(f,x)"),
    ("-go f(x)", "-go(f,x)"),
    ("not go f(x)", "not go(f,x)"),
    ("print(go f(x), 1, *go g(y), k=go h(z))", "print(go(f,x), 1, *go(g,y), k=go(h,z))"),
    ("go f(gosecure g(x))", "go(f,gosecure(g,x))"),
    ("go f(a, gosecure g(go h()))(go i())", "go(f(a, gosecure(g,go(h,))),go(i,))"),
    ("@go f(x)\ndef a(): 0", "@go(f,x)\ndef a(): 0"),
    ("x = 1; go f(x); y = go g(x)", "x = 1; go(f,x); y = go(g,x)"),
    ("lambda: go f(x)", "lambda: go(f,x)"),
    ("lambda a=go f(x): a", "lambda a=go(f,x): a"),
    ("def h(a=go f(x), *, b: go g(y) = 1) -> go i(): 0", "def h(a=go(f,x), *, b: go(g,y) = 1) -> go(i,): 0"),
    ("class A(go f(x)): 0", "class A(go(f,x)): 0"),
    ("[go f(x) for x in go g(y) if go h(x)]", "[go(f,x) for x in go(g,y) if go(h,x)]"),
    ("{go f(x): go g(y), **go h(z)}", "{go(f,x): go(g,y), **go(h,z)}"),
    ("a[go f(x):go g(y)]", "a[go(f,x):go(g,y)]"),
    ("go f(x) if go g(x) else go h(x)", "go(f,x) if go(g,x) else go(h,x)"),
    ("if go f(x): go g(y)\nelif go h(): 0\nelse: go i()", "if go(f,x): go(g,y)\nelif go(h,): 0\nelse: go(i,)"),
    ("while go f(x): 0", "while go(f,x): 0"),
    ("with go f(x) as a, go g(y): 0", "with go(f,x) as a, go(g,y): 0"),
    ("for a in go f(x): 0", "for a in go(f,x): 0"),
    ("assert go f(x), go g(y)", "assert go(f,x), go(g,y)"),
    ("raise go f(x) from go g(y)", "raise go(f,x) from go(g,y)"),
    ("def h():\n\treturn go f(x)", "def h():\n\treturn go(f,x)"),
    ("def h():\n x = yield gosecure f(y)", "def h():\n x = yield gosecure(f,y)"),
    ("def h():\n yield from go f(y)", "def h():\n yield from go(f,y)"),
    ("async def h():\n await gosecure f(x)", "async def h():\n await gosecure(f,x)"),
    ("try: 0\nexcept go f(x): 0", "try: 0\nexcept go(f,x): 0"),
    ("a: go f(x) = 1", "a: go(f,x) = 1"),
    ("(a := go f(x))", "(a := go(f,x))"),
    ("a @ go f(x)", "a @ go(f,x)"),
    ("match go f(x):\n case go: go g()", "match go(f,x):\n case go: go(g,)"),
    ("match x:\n case [a] if go f(a): 0", "match x:\n case [a] if go(f,a): 0"),
    ("case = [go f(x)]", "case = [go(f,x)]"),
    ("case(go f(x))", "case(go(f,x))"),
    # comments, lines, strings
    ("go f(x)  # go g(y)", "go(f,x)  # go g(y)"),
    ("go f(  # why\n    x,  # go\n)", "go(f,  # why\n    x,  # go\n)"),
    ("(go f\n  # c\n  .g\n  (x))", "(go(f\n  # c\n  .g\n  ,x))"),
    ("'go f(x)', go f('go g(x)')", "'go f(x)', go(f,'go g(x)')"),
    ("'''\ngo f(x)\n''', go f(x)", "'''\ngo f(x)\n''', go(f,x)"),
    ("go f(f'{x!r:>{y}} go g(x)')", "go(f,f'{x!r:>{y}} go g(x)')"),
    ("go f(x)\r\ngo g(y)\rgo h(z)", "go(f,x)\r\ngo(g,y)\rgo(h,z)"),
    ("x = '\u2028 \x85'; go f(x)\n\x0c\ngo g(y)\n", "x = '\u2028 \x85'; go(f,x)\n\x0c\ngo(g,y)\n"),
]

VALID = [
    "go = 1",
    "go in xs",
    "go not in xs",
    "go is x",
    "go and x or go",
    "go if a else b",
    "go(f, x)",
    "go (f)(x)",
    "go\nf(x)",
    "go; f(x)",
    "go [f](x)",
    "go -f(x)",
    "go.f(x)",
    "x.go",
    "x.go(f)",
    "del go",
    "import go as x",
    "from go import x",
    "import x as go, y",
    "for go in xs: f(x)",
    "lambda go: f(x)",
    "def go(f): 0",
    "class go: 0",
    "match go:\n case go if f(x): 0\n case [go as x]: 0",
    "match go, x:\n case go | 1: 0",
    "with a as go, f(x): 0",
    "'go f(x)'; b'go f(x)'; r'go f(x)'",
    "f'go f(x) {{go f(x)}} {x:go f(x)} {go} {f(x)}'",
    "f'{go}{f(x)}{go:f}{go!r}{go = } {go if f(x) else 1}'",
    "rf'\\{go}' f'\\N{BULLET} {go}' f'''{\ngo}'''",
    "# go f(x)",
    "'''\ngo f(x)\n'''",
]

INVALID = [  # Python refuses them and must go on to do so
    "def go f(x): 0",
    "class go f(x): 0",
    "x.go f(x)",
    "... go f(x)",
    "x go f(x)",
    "'s' go f(x)",
    "global go f(x)",
    "import go f",
    "from go imprt f",
    "lambda go f(x): 0",
    "for go f(x) in y: 0",
    "with a as go f(x): 0",
    "match x:\n case go f(x): 0",
    "match x:\n case [go f(x)]: 0",
    "match x:\n case {1: go f(x)}: 0",
    "match x:\n case A(go f(x)) if go g(y): 0",
    "go await f()",
    "go lambda: 0",
    "go not f()",
    "go 'a'(x)",
    "go f(x]",
    "x = 'hey, go home",
    "x = '''hey, go home(1)",
]


@pytest.mark.parametrize(("written", "plain"), REWRITTEN)
def test_keyword_form_becomes_plain_call_of_the_same_width(written: str, plain: str) -> None:
    assert rewrite(IMPORT + written, "m.py") == IMPORT + plain
    assert len(written) == len(plain)
    ast.parse(plain.replace("\r\n", "\n"))


@pytest.mark.parametrize("source", VALID)
def test_valid_python_is_returned_as_the_same_object(source: str) -> None:
    text = IMPORT + source
    ast.parse(text)
    assert rewrite(text, "m.py") is text


@pytest.mark.parametrize("source", INVALID)
def test_invalid_python_stays_invalid(source: str) -> None:
    rewritten = rewrite(IMPORT + source, "m.py")
    with pytest.raises(SyntaxError):
        ast.parse(rewritten)


@pytest.mark.parametrize(
    ("source", "lineno"),
    [
        ("go f(x)\nx = 'abc", 3),
        ("go f(x)\nif x:\npass", 4),
        ("go f(x)\n  y = 1", 3),
        ("go f(x)\nx = $", 3),
        ("x = (go f(x)\n", 2),
        ("go f(x)\nx = '''\n\n", 3),
        ("go f(x)\nx = )", 3),
    ],
)
def test_syntax_errors_elsewhere_are_pythons_own_at_their_place(source: str, lineno: int) -> None:
    rewritten = rewrite(IMPORT + source, "m.py")
    with pytest.raises(SyntaxError) as caught:
        ast.parse(rewritten)
    assert caught.value.lineno == lineno


@pytest.mark.parametrize(
    "line",
    [
        "import gotee",
        "import os, gotee",
        "import gotee.x as y",
        "import os as o, gotee as g",
        "from gotee import go",
        "from gotee.x import (\n  y)",
        "x = 1; import gotee",
        "def h():\n    from gotee import go",
        "try: import gotee\nexcept ImportError: pass",
        "if TYPE_CHECKING:\n    import gotee",
    ],
)
def test_any_import_of_gotee_turns_the_rewrite_on(line: str) -> None:
    assert rewrite(f"{line}\ngo f(x)\n", "m.py") == f"{line}\ngo(f,x)\n"
    assert rewrite(f"go f(x)\n{line}\n", "m.py") == f"go(f,x)\n{line}\n"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# import gotee",
        "'import gotee'",
        "'''\nimport gotee\n'''",
        "import x.gotee",
        "import x as gotee",
        "from . import gotee",
        "from .gotee import go",
        "from x import gotee",
        "from x import y, gotee",
        "import gotee2",
        "gotee = go",
        "f'{x}import gotee'",
    ],
)
def test_without_an_import_of_gotee_nothing_is_rewritten(line: str) -> None:
    text = f"{line}\ngo f(x)\ngo f\n"
    assert rewrite(text, "m.py") is text


def test_file_without_last_newline_and_empty_file() -> None:
    assert rewrite("import gotee;go f(x)", "m.py") == "import gotee;go(f,x)"
    assert rewrite("", "m.py") == ""


def _standard_library() -> list[Path]:
    root = Path(sysconfig.get_path("stdlib"))
    return [path for path in sorted(root.rglob("*.py")) if "site-packages" not in path.parts]


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(iter(data.splitlines(keepends=True)).__next__)
        return data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError):  # files that are bad on purpose
        return data.decode("latin-1")


def test_standard_library_is_left_untouched() -> None:
    # Only the files that pass the quick look are tokenized, as in an import; all of them take four times as long.
    suspects = 0
    for path in _standard_library():
        text = _text(path)
        if not may_have_forms(text + "gotee"):
            continue
        suspects += 1
        assert rewrite_forms(text, str(path), any_file=True) is text, path
    assert suspects > 20


# Programs made of every construct that a keyword form can stand in or hold.
_names = st.sampled_from(["f", "a.b", "é", "xs[0]", "match", "make()", "漢.字", "f(1)(2)"])
_blanks = st.sampled_from([" ", "  ", "\t", " \t", "\x0c"])
_gaps = st.sampled_from(["", "", "", " ", "\n", " # go f(x)\n"])


def _calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    argument = st.one_of(inner, inner.map("*({})".format))
    arguments = st.tuples(_gaps, st.lists(argument, max_size=3), st.booleans()).map(
        lambda t: t[0] + ", ".join(t[1]) + ("," if t[1] and t[2] else "")
    )
    form = st.tuples(st.sampled_from(["go", "gosecure"]), _blanks, _names, st.sampled_from(["", " "]), arguments)
    return form.map(lambda t: f"{t[0]}{t[1]}{t[2]}{t[3]}({t[4]})")


_atoms = st.sampled_from(["x", "1", "'go f(x)'", "'漢'", "f'{x:>{y}} go f(x)'", "go", "gosecure", "None"])
_wrappers = ["({})", "[{}, 1]", "{{{}: 2}}", "(lambda: {})", "(not {})", "({}) + 1", "[{} for q in z]", "h({}, k=1)"]
expressions = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        _calls(inner),
        st.tuples(st.sampled_from(_wrappers), inner).map(lambda t: t[0].format(t[1])),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} if {t[1]} else 0)"),
    ),
    max_leaves=8,
)
_statements = ["{}", "r = {}", "if 1: {}", "x = 1; {}  # go g(y)", "def h(a={}): return {}", "assert {}"]
programs = st.lists(
    st.tuples(st.sampled_from(_statements), expressions, st.sampled_from(["\n", "\r\n"])), min_size=1, max_size=4
).map(lambda lines: IMPORT + "".join(s.replace("{}", e) + end for s, e, end in lines))


@settings(max_examples=300, deadline=None)
@given(programs)
def test_rewrite_keeps_every_width_and_yields_valid_python(program: str) -> None:
    rewritten = rewrite(program, "m.py")
    assert len(rewritten) == len(program)
    changed = [(old, new) for old, new in zip(program, rewritten, strict=True) if old != new]
    assert {new for _, new in changed} <= {"(", ","}
    assert {old for old, new in changed if new == ","} <= {"("}
    assert {old for old, new in changed if new == "("} <= set(" \t\x0c")
    ast.parse(rewritten)
    assert rewrite(rewritten, "m.py") is rewritten


_pieces = [
    "go",
    "gosecure",
    " ",
    "f",
    "(",
    ")",
    "\n",
    "'",
    "{",
    "}",
    ".",
    ",",
    "\\",
    " for ",
    "x",
    "#",
    "f'",
    ":",
    "\r\n",
]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(_pieces), max_size=25).map("".join))
def test_only_invalid_python_is_ever_changed_or_refused(text: str) -> None:
    program = "import gotee\n" + text
    try:
        ast.parse(program)
    except (SyntaxError, MemoryError):
        with contextlib.suppress(CompileError):
            assert len(rewrite(program, "m.py")) == len(program)
    else:
        assert rewrite(program, "m.py") is program
