"""The same-width rewrite of the keyword form into plain Python. Host world; called by syntax and compiler.

`gosecure sign(tx)` becomes `gosecure(sign,tx)`: the blank becomes the parenthesis and the call's own
parenthesis the comma, so every line and column of a traceback is that of the text as written.
"""

from __future__ import annotations

from gotee.syntax._forms import find_forms, may_have_forms


def rewrite(source: str, filename: str) -> str:
    r"""`source` with its keyword forms as plain calls; the same object when there are none.

    Only text that imports gotee is looked at; valid Python is never changed. Raises CompileError
    (GT101 to GT106) for a keyword form that is not well made. Text that Python cannot read is rewritten as
    far as it goes, so that compiling it gives Python's own SyntaxError at the right place.

    >>> print(rewrite("from gotee import go\nr = go   f(a)(b, c=1)\n", "main.py"), end="")
    from gotee import go
    r = go(  f(a),b, c=1)
    >>> rewrite("from gotee import go\ngo(f, 1)\n", "main.py")
    'from gotee import go\ngo(f, 1)\n'
    """
    if not may_have_forms(source):
        return source
    return rewrite_forms(source, filename)


def rewrite_forms(source: str, filename: str, *, any_file: bool = False) -> str:
    """`rewrite` without the quick look; `any_file` treats text that does not import gotee like the rest."""
    scanned, forms = find_forms(source, filename, any_file=any_file)
    if not forms:
        return source
    characters = list(source)
    for form in forms:
        characters[scanned.tokens[form.keyword].end] = "("
        characters[scanned.tokens[form.opening].start] = ","
    return "".join(characters)


def show_as_written(error: SyntaxError, source: str) -> None:
    """Let an error about the rewritten text quote `source`, the text as its author wrote it."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if error.lineno is not None and error.text is not None and 1 <= error.lineno <= len(lines):
        error.text = lines[error.lineno - 1] + "\n"
