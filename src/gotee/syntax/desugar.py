"""Converts between the keyword form and the plain form, for people and their tools. Host world; called by cli.

Unlike the rewrite, which keeps every column, this is text to be read: `r = gosecure sign(tx)` becomes
`r = gosecure(sign, tx)`. Nothing but the forms themselves changes, and no line is added or removed by `desugar`.
"""

from __future__ import annotations

import ast
import re

from gotee.errors import CompileError
from gotee.syntax._files import SourceFile, read_source, write_source
from gotee.syntax._forms import Form, find_forms, may_have_forms
from gotee.syntax._scan import Source
from gotee.syntax._sugar import plain_calls
from gotee.syntax.rewrite import rewrite, show_as_written

Edit = tuple[int, int, str]  # start and end offset, and what stands there instead

_BLANKS = re.compile(r"[ \t\f]*")


def desugar(source: str, filename: str) -> str:
    r"""`source` with its keyword forms in plain form; other text, comments and line ends stay as they are.

    Raises CompileError (GT101 to GT106) for a keyword form that is not well made.

    >>> print(desugar("from gotee import go\ngo f(x)  # why\ngo g ()\n", "main.py"), end="")
    from gotee import go
    go(f, x)  # why
    go(g)
    """
    if not may_have_forms(source):
        return source
    scanned, forms = find_forms(source, filename)
    return apply_edits(source, [edit for form in forms for edit in _plain(scanned, form)])


def sugar(source: str, filename: str) -> str:
    r"""`source` with its plain calls of `go` and `gosecure` in keyword form, wherever that means exactly the same.

    The names must be imported as such from gotee and bound nowhere else; the first argument must begin with a
    name and consist of attributes, subscripts and calls only. Other calls stay plain. Raises CompileError
    like `desugar`, and GT107 if the source is not valid Python.

    >>> print(sugar("from gotee import gosecure\nr = gosecure(f, x).result()\n", "main.py"), end="")
    from gotee import gosecure
    r = (gosecure f(x)).result()
    """
    tree = _tree(source, filename)
    calls = plain_calls(source, tree)
    wanted = ast.dump(tree)
    done = apply_edits(source, [edit for call in calls for edit in call])
    if _same(done, filename, wanted):
        return done
    kept: list[list[Edit]] = []  # one of them cannot be said with the keyword: find out which
    for call in calls:
        if _same(apply_edits(source, [edit for one in (*kept, call) for edit in one]), filename, wanted):
            kept.append(call)
    return apply_edits(source, [edit for call in kept for edit in call])


def main_desugar(path: str, in_place: bool = False, to_sugar: bool = False) -> str | None:
    """Convert the file at `path`; the new text, or None when it went into the file itself.

    In place, the file keeps its encoding, byte-order mark, line ends and mode, a symbolic link stays one, and the
    file is replaced at once or not at all; an unchanged file is not written. Raises CompileError for a
    keyword form that is not well made, GT107 for text that is not valid Python, GoteeError for a file that
    cannot be read or written.
    """
    file = read_source(path)
    _tree(file.text, path)
    text = sugar(file.text, path) if to_sugar else desugar(file.text, path)
    if not in_place:
        return text
    if text != file.text:
        write_source(path, SourceFile(text, file.encoding))
    return None


def apply_edits(text: str, edits: list[Edit]) -> str:
    """`text` with all edits, which may not overlap; those at one place keep their order."""
    parts, at = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def _plain(source: Source, form: Form) -> list[Edit]:
    tokens, text = source.tokens, source.text
    opening, closing = tokens[form.opening], tokens[form.closing]
    head = (tokens[form.keyword].end, tokens[form.operand].start, "(")
    callee_end = tokens[form.opening - 1].end
    start = callee_end if _is_blank(text[callee_end : opening.start]) else opening.start
    inside = text[opening.end : closing.start]
    if _is_blank(inside):
        return [head, (start, closing.start, "")]
    first = opening.end + len(inside) - len(inside.lstrip(" \t\f"))
    if text[first] in "#\\\r\n":
        return [head, (start, opening.end, ",")]
    return [head, (start, first, ", ")]


def _is_blank(text: str) -> bool:
    return _BLANKS.fullmatch(text) is not None


def _tree(source: str, filename: str) -> ast.Module:
    """What the source means: the tree of its plain form."""
    try:
        return ast.parse(rewrite(source, filename), filename)
    except SyntaxError as error:
        show_as_written(error, source)
        raise CompileError(
            "GT107",
            f"the file is not valid Python: {error.msg}",
            filename=filename,
            lineno=error.lineno,
            column=None if error.offset is None else max(error.offset - 1, 0),
            line=error.text,
            cure="make it run first",
        ) from None
    except ValueError as error:  # a null character
        raise CompileError("GT107", f"the file is not valid Python: {error}", filename=filename) from None


def _same(source: str, filename: str, wanted: str) -> bool:
    try:
        return ast.dump(_tree(source, filename)) == wanted
    except CompileError:
        return False
