"""Every error code of the keyword form: place, caret and cure."""

from __future__ import annotations

import pytest

from gotee.errors import CompileError
from gotee.syntax.desugar import desugar
from gotee.syntax.rewrite import rewrite

# The carets stand under the line that they belong to; `|` is the left margin.
CASES = [
    ("GT101", "go f", "   ^"),
    ("GT101", "go f.g", "   ^^^"),
    ("GT101", "go f[0]", "   ^^^^"),
    ("GT101", "go f(x).y", "   ^^^^^^"),
    ("GT101", "go f(x)[0]", "   ^^^^^^^"),
    ("GT101", "r = gosecure f + 1", "             ^"),
    ("GT101", "go _", "   ^"),
    ("GT101", "go go f(x)", "   ^^"),
    ("GT101", "'漢字é', go f", "          ^"),
    ("GT102", "gosecure f(x).result()", "             ^^^^^^^^^"),
    ("GT102", "gosecure f(x).result(timeout=1)", "             ^^^^^^^^^^^^^^^^^^"),
    ("GT102", "gosecure f(x).result().hex()", "             ^^^^^^^^^"),
    ("GT102", "gosecure f(x).result()[0]", "             ^^^^^^^^^"),
    ("GT102", "go f(x).cancel()", "       ^^^^^^^^^"),
    ("GT102", "go a.f(x).done()", "         ^^^^^^^"),
    ("GT103", "go f(x for x in y)", "     ^^^^^^^^^^^^"),
    ("GT103", "go f(a, x for x in y)", "     ^^^^^^^^^^^^^^^"),
    ("GT103", "go f(x async for x in y)", "     ^^^^^^^^^^^^^^^^^^"),
    ("GT104", "f'{go f(x)}'", "   ^^"),
    ("GT104", "f'{go f}'", "   ^^"),
    ("GT104", "F'{{}}{x:{gosecure f(x)}}'", "          ^^^^^^^^"),
    ("GT104", "f'{x!r:>{go f(x)!s}}'", "         ^^"),
    ("GT104", "f'{x = }{go f(x) = }'", "         ^^"),
    ("GT104", "f'é漢{x != y}{go f(x)}'", "             ^^"),
    ("GT104", r"rf'\{go f(x)}'", "     ^^"),
    ("GT104", r"f'\N{BULLET}{go f(x)}'", "             ^^"),
    ("GT104", "f'''{go f(x)}'''", "     ^^"),
    ("GT104", "'a' f'b' f'{[go f(x)]}'", "             ^^"),
    ("GT104", 'f\'{"a" + f"{go f(x)}"}\'', "            ^^"),
    ("GT104", "go f(f'{go g(x)}')", "        ^^"),
    ("GT105", "go \\\n f(x)", "^^"),
    ("GT105", "(go\n f(x))", " ^^"),
    ("GT105", "(gosecure # c\n\n f(x))", " ^^^^^^^^"),
    ("GT106", "go f(x", "    ^"),
    ("GT106", "go f[x", "    ^"),
    ("GT106", "\x0cgo f(x\n\n\nx = 1\n", "     ^"),
]


@pytest.mark.parametrize(("code", "source", "caret"), CASES)
def test_malformed_form_is_refused_with_code_place_and_caret(code: str, source: str, caret: str) -> None:
    with pytest.raises(CompileError) as caught:
        rewrite("import gotee\n" + source, "m.py")
    error = caught.value
    assert (error.code, error.lineno, error.filename) == (code, 2, "m.py")
    assert error.column is not None
    assert " " * error.column + "^" * error.width == caret
    assert error.line == source.split("\n")[0]
    assert error.cure
    assert str(error).startswith(f"m.py:2:{error.column + 1}: {code} ")
    with pytest.raises(CompileError):
        desugar("import gotee\n" + source, "m.py")


def test_line_of_an_error_inside_a_long_string_is_that_of_the_keyword() -> None:
    with pytest.raises(CompileError) as caught:
        rewrite("import gotee\r\nx = f'''\r\n漢 {\r\n  go f(x)}'''", "m.py")
    assert (caught.value.code, caught.value.lineno, caught.value.column) == ("GT104", 4, 2)


def test_cure_of_a_method_of_the_handle_quotes_the_call() -> None:
    with pytest.raises(CompileError, match=r"\(gosecure sign\(tx\)\)\.result\(\)") as caught:
        rewrite("import gotee\nr = gosecure sign(tx).result()\n", "m.py")
    assert "sign(tx)` itself would run in place" in str(caught.value)


def test_first_error_of_a_file_is_reported() -> None:
    with pytest.raises(CompileError) as caught:
        rewrite("import gotee\ngo f(go g)\ngo h\n", "m.py")
    assert (caught.value.lineno, caught.value.column) == (2, 8)
