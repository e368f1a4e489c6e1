"""Finds the plain calls that have a keyword form, and the edits that make it. Host world; for syntax.desugar only."""

from __future__ import annotations

import ast
import keyword
import re

from gotee.syntax._forms import KEYWORDS, expression_may_start, read_primary
from gotee.syntax._scan import Source, imports_gotee, scan

Edit = tuple[int, int, str]

_HEAD = re.compile(r"[\s\\]*\([\s\\]*")  # between the keyword and its operand: no comment may be lost
_LINE_BREAK = re.compile(r"[\r\n]")


def plain_calls(text: str, tree: ast.Module) -> list[list[Edit]]:
    """For each plain call that can become a keyword form, the edits of `text` that do it; `tree` is its meaning."""
    names = _names_of_gotee(tree)
    source = scan(text)
    if not names or not imports_gotee(source.tokens):
        return []
    calls = []
    for index, token in enumerate(source.tokens[:-2]):
        if token.is_name(*names) and not token.quoted and expression_may_start(source, index):
            edits = _keyword_form(source, index)
            if edits:
                calls.append(edits)
    return calls


def _keyword_form(source: Source, index: int) -> list[Edit] | None:
    """The edits for the call at `index`, or None if it has no keyword form."""
    tokens, text = source.tokens, source.text
    word, first = tokens[index], tokens[index + 2]
    closing = source.closers.get(index + 1)
    if closing is None or not tokens[index + 1].is_op("(") or not first.is_name():
        return None
    if keyword.iskeyword(first.text) or not _HEAD.fullmatch(text[word.end : first.start]):
        return None
    last = read_primary(source, index + 2).last
    after = last + 1
    if not (after == closing or tokens[after].is_op(",")) or _breaks_line(source, index + 2, last):
        return None
    callee_end, rest = tokens[last].end, tokens[after].start
    kept = text[callee_end:rest]
    edits = [(word.end, first.start, " "), (callee_end, rest, "(" + (kept if kept.strip(" \t\f") else ""))]
    if after != closing:  # the comma goes, with the blanks behind it
        comma_end = tokens[after].end
        blanks = text[comma_end : tokens[after + 1].start]
        on_line = len(blanks) - len(blanks.lstrip(" \t\f"))
        if text[comma_end + on_line] in "#\\":
            on_line = 0
        edits.append((rest, comma_end + on_line, ""))
    follow = tokens[closing + 1] if closing + 1 < len(tokens) else None
    if follow is not None and follow.is_op(".", "(", "["):  # what follows is done to the routine, not to the operand
        edits += [(word.start, word.start, "("), (tokens[closing].end, tokens[closing].end, ")")]
    return edits


def _breaks_line(source: Source, first: int, last: int) -> bool:
    """Is there a line break between the parts of a primary? It would be outside of brackets in keyword form."""
    at = first
    while at < last:
        at = source.closers.get(at, at)
        if at < last and _LINE_BREAK.search(source.text, source.tokens[at].end, source.tokens[at + 1].start):
            return True
        at += 1
    return False


def _names_of_gotee(tree: ast.Module) -> list[str]:
    """Which of `go` and `gosecure` are imported from gotee by that name, and bound by nothing else."""
    imported: set[str] = set()
    rebound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                ours = isinstance(node, ast.ImportFrom) and node.module == "gotee" and node.level == 0
                same = alias.name in KEYWORDS and alias.asname in (None, alias.name)
                (imported if ours and same else rebound).add(alias.asname or alias.name)
        else:
            rebound |= _bound_by(node)
    return sorted((imported - rebound).intersection(KEYWORDS))


def _bound_by(node: ast.AST) -> set[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return {name}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
            return {name}
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return {name}
        case _:
            return set()
