"""Source text as a flat list of tokens with absolute offsets, equal on every Python. Host world; for syntax only.

`tokenize` differs between versions: up to 3.11 an f-string is one STRING token, from 3.12 on its parts are
tokens of their own and bad input raises earlier. Both are brought to one shape here.
"""

from __future__ import annotations

import re
import tokenize
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gotee.syntax._fstring import expressions

# Python ends a line at these three only; str.splitlines() knows more, such as form feed.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_PREFIX = re.compile(r"[A-Za-z]*")

_SKIPPED = frozenset(
    {
        tokenize.NL,
        tokenize.COMMENT,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
        tokenize.TYPE_COMMENT,
    }
)
_QUOTE_OPENS = frozenset(getattr(tokenize, name, -1) for name in ("FSTRING_START", "TSTRING_START")) - {-1}
_QUOTE_CLOSES = frozenset(getattr(tokenize, name, -1) for name in ("FSTRING_END", "TSTRING_END")) - {-1}
_PAIRS = {")": "(", "]": "[", "}": "{"}


class Token(NamedTuple):
    """One token that means something: comments, indentation and line breaks inside brackets are left out."""

    kind: int
    text: str
    start: int  # offset in the whole source, in characters
    end: int
    quoted: bool  # inside an f-string

    def is_name(self, *texts: str) -> bool:
        return self.kind == tokenize.NAME and (not texts or self.text in texts)

    def is_op(self, *texts: str) -> bool:
        return self.kind == tokenize.OP and self.text in texts

    @property
    def ends_line(self) -> bool:
        return self.kind == tokenize.NEWLINE


class _Stop(Exception):
    """The text cannot be read further; `unclosed` says that it ended inside brackets."""

    def __init__(self, unclosed: bool) -> None:
        self.unclosed = unclosed


@dataclass
class Source:
    """The text with its tokens, as far as they could be read."""

    text: str
    tokens: list[Token] = field(default_factory=list)
    unclosed: bool = False  # the text ended inside brackets
    closers: dict[int, int] = field(default_factory=dict)  # token index of an opening bracket -> of its closing one
    line_starts: list[int] = field(default_factory=list)

    def row(self, offset: int) -> int:
        """The 0-based line of an offset."""
        return bisect_right(self.line_starts, offset) - 1

    def line(self, row: int) -> str:
        """A line without its end."""
        start = self.line_starts[row]
        end = self.line_starts[row + 1] if row + 1 < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")


def scan(text: str) -> Source:
    """Read `text`. What Python's tokenizer refuses ends the list early, so Python itself can report it."""
    source = Source(text, line_starts=_line_starts(text))
    try:
        source.tokens.extend(_read(text, 0, quoted=False))
    except _Stop as stop:
        source.unclosed = stop.unclosed
    _pair_brackets(source)
    return source


def _line_starts(text: str) -> list[int]:
    return [match.start() for match in _LINE.finditer(text)] or [0]


def _read(text: str, base: int, *, quoted: bool) -> Iterator[Token]:
    """Tokens of `text`, which begins at offset `base` of the whole source."""
    starts = _line_starts(text)
    depth = 0
    try:
        for kind, _, begin, finish, _ in tokenize.generate_tokens(_readline(text)):
            if kind == tokenize.ERRORTOKEN:  # up to 3.11 text goes on after it, as if outside of the string
                raise _Stop(unclosed=False)
            if kind in _SKIPPED:
                continue
            start, end = (
                (starts[row - 1] if row <= len(starts) else len(text)) + column for row, column in (begin, finish)
            )
            depth += (kind in _QUOTE_OPENS) - (kind in _QUOTE_CLOSES)
            # The tokenizer's own string has other line ends than the text.
            token = Token(kind, text[start:end], base + start, base + end, quoted or depth > 0)
            yield token
            if kind == tokenize.STRING and not _QUOTE_OPENS:
                yield from _read_fields(token)
    except tokenize.TokenError as error:
        raise _Stop(unclosed="multi-line statement" in str(error)) from None
    except SyntaxError:  # IndentationError; from 3.12 on others too
        raise _Stop(unclosed=False) from None


def _read_fields(token: Token) -> Iterator[Token]:
    """The tokens inside the replacement fields of an f-string that came as one token."""
    prefix = _PREFIX.match(token.text)
    if prefix is None or "f" not in prefix.group().lower():
        return
    for start, end in expressions(token.text, prefix.end()):
        # The brackets stand for the field's braces, and let line breaks be what they are there: blanks.
        fragment = f"({token.text[start:end]})"
        try:
            yield from (t for t in _read(fragment, token.start + start - 1, quoted=True) if not t.ends_line)
        except _Stop:
            continue


def _readline(text: str) -> Callable[[], str]:
    # Every line end becomes one "\n": columns do not move, and rows are counted as Python counts them.
    lines = (
        match.group().rstrip("\r\n") + "\n" if match.group()[-1] in "\r\n" else match.group()
        for match in _LINE.finditer(text)
    )
    return lambda: next(lines, "")


def _pair_brackets(source: Source) -> None:
    opened: list[int] = []
    for index, token in enumerate(source.tokens):
        if token.kind != tokenize.OP or token.quoted:
            continue
        if token.text in "([{":
            opened.append(index)
        elif token.text in _PAIRS:
            if not opened or source.tokens[opened[-1]].text != _PAIRS[token.text]:
                return  # Python names the bracket that does not match
            source.closers[opened.pop()] = index


def imports_gotee(tokens: list[Token]) -> bool:
    """Is there an `import gotee` or `from gotee import` anywhere, whatever else the file is?"""
    return any(
        _is_import_of_gotee(tokens, index)
        for index, token in enumerate(tokens)
        if token.is_name("import", "from") and starts_statement(tokens, index)
    )


def starts_statement(tokens: list[Token], index: int) -> bool:
    """May a simple statement begin at this token?"""
    return index == 0 or tokens[index - 1].ends_line or tokens[index - 1].is_op(";", ":")


def _is_import_of_gotee(tokens: list[Token], index: int) -> bool:
    follow = tokens[index + 1 : index + 3]
    if tokens[index].text == "from":
        return len(follow) == 2 and follow[0].is_name("gotee") and (follow[1].is_op(".") or follow[1].is_name("import"))
    wanted = True  # does a module's first name come next?
    for token in tokens[index + 1 :]:
        if token.ends_line or token.is_op(";"):
            return False
        if wanted and token.is_name("gotee"):
            return True
        wanted = token.is_op(",")
    return False
