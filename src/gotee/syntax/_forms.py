"""Finds keyword forms, or says what is wrong with one (codes GT101 to GT106). Host world; for syntax only."""

from __future__ import annotations

import keyword
import re
import tokenize
from dataclasses import dataclass
from typing import Never

from gotee.errors import CompileError
from gotee.syntax._scan import Source, Token, imports_gotee, scan, starts_statement

KEYWORDS = ("go", "gosecure")

# Cheap enough for every imported file: whoever fails it holds no keyword form and is not tokenized.
_CANDIDATE = re.compile(r"\bgo(?:secure)?[\s\\#]")

# What an expression can follow. Elsewhere `go f(x)` is left alone: `def go f(x)` or `x.go f(y)` would
# become valid Python with a meaning that nobody wrote.
_WORDS_BEFORE = frozenset(
    {"and", "assert", "await", "del", "elif", "else", "except", "from", "if", "in", "is"}
    | {"not", "or", "raise", "return", "while", "with", "yield"}
)
_SIGNS_NOT_BEFORE = frozenset({")", "]", "}", ".", "...", "!"})
_PATTERN_STARTS = ("(", "[", "{", "-", "*")

_HANDLE_METHODS = ("result", "cancel", "done")


@dataclass(frozen=True)
class Form:
    """One keyword form; all numbers are indices of tokens."""

    keyword: int
    operand: int
    opening: int  # the parenthesis of the operand's last call
    closing: int


@dataclass(frozen=True)
class Primary:
    """A NAME with its trailers: attributes, subscripts, calls."""

    start: int
    trailers: tuple[tuple[str, int, int], ...]  # kind (".", "[" or "("), first and last token
    unclosed: int | None = None  # the opening bracket that stopped the reading

    @property
    def last(self) -> int:
        return self.trailers[-1][2] if self.trailers else self.start


def may_have_forms(text: str) -> bool:
    """A quick look that says no for nearly every file without keyword forms, and never for one with them."""
    return "gotee" in text and _CANDIDATE.search(text) is not None


def find_forms(text: str, filename: str, *, any_file: bool = False) -> tuple[Source, list[Form]]:
    """The tokens of `text` and its keyword forms in order. `any_file` drops the condition that it imports gotee.

    Raises CompileError for the first form that is not well made.
    """
    source = scan(text)
    if not any_file and not imports_gotee(source.tokens):
        return source, []
    forms = []
    for index, token in enumerate(source.tokens[:-1]):
        if token.is_name(*KEYWORDS) and _is_form(source, index):
            form = _Reader(source, filename, index).read()
            if form is not None:
                forms.append(form)
    return source, forms


def _is_form(source: Source, index: int) -> bool:
    follow = source.tokens[index + 1]
    return follow.is_name() and not keyword.iskeyword(follow.text) and expression_may_start(source, index)


def expression_may_start(source: Source, index: int) -> bool:
    """Can the token at `index` be the first of an expression?"""
    tokens = source.tokens
    if index == 0 or tokens[index - 1].ends_line:
        return True
    before = tokens[index - 1]
    if before.kind == tokenize.OP:
        return before.text not in _SIGNS_NOT_BEFORE and not _in_pattern(source, index)
    if before.text == "match":
        return before.is_name() and starts_statement(tokens, index - 1)
    if before.text == "from":  # `yield from` and `raise ... from`, not the import
        return not starts_statement(tokens, index - 1)
    return before.is_name(*_WORDS_BEFORE)


def _in_pattern(source: Source, index: int) -> bool:
    """Is the token in the pattern of a `case`, where `go(f, x)` would match a class?"""
    tokens = source.tokens
    first = index
    while first > 0 and not tokens[first - 1].ends_line:
        first -= 1
    if not tokens[first].is_name("case") or first + 1 >= len(tokens):
        return False
    if tokens[first + 1].kind == tokenize.OP and tokens[first + 1].text not in _PATTERN_STARTS:
        return False
    at = first + 1
    while at < len(tokens) and not tokens[at].ends_line:
        if tokens[at].is_op(":") or tokens[at].is_name("if"):
            return index < at
        at = source.closers.get(at, at) + 1
    return False


def read_primary(source: Source, start: int) -> Primary:
    """The longest primary that begins with the NAME at `start`."""
    tokens = source.tokens
    trailers: list[tuple[str, int, int]] = []
    at = start + 1
    while at < len(tokens) and not tokens[at].quoted:
        token = tokens[at]
        if token.is_op(".") and at + 1 < len(tokens) and tokens[at + 1].is_name():
            trailers.append((".", at, at + 1))
        elif token.is_op("(", "["):
            if at not in source.closers:
                return Primary(start, tuple(trailers), unclosed=at)
            trailers.append((token.text, at, source.closers[at]))
        else:
            break
        at = trailers[-1][2] + 1
    return Primary(start, tuple(trailers))


class _Reader:
    """Reads the form at one keyword."""

    def __init__(self, source: Source, filename: str, index: int) -> None:
        self.source = source
        self.filename = filename
        self.index = index
        self.word = source.tokens[index]

    def read(self) -> Form | None:
        """The form, or None where Python's own error says it better."""
        tokens, operand = self.source.tokens, self.index + 1
        if self.word.quoted:
            self._fail_in_fstring()
        if self.source.row(tokens[operand].start) != self.source.row(self.word.start):
            self._fail_line_break()
        primary = read_primary(self.source, operand)
        if primary.unclosed is not None:
            if self.source.unclosed:
                self._fail_unclosed(tokens[primary.unclosed])
            return None
        self._check_handle_methods(primary)
        if not primary.trailers or primary.trailers[-1][0] != "(":
            self._fail_no_call(primary)
        _, opening, closing = primary.trailers[-1]
        self._check_generator(primary, opening, closing)
        return Form(self.index, operand, opening, closing)

    def _text(self, first: int, last: int) -> str:
        """The source between two tokens, on one line and not too long, to be quoted in a message."""
        tokens = self.source.tokens
        text = " ".join(self.source.text[tokens[first].start : tokens[last].end].split())
        return text if len(text) <= 40 else text[:37] + "..."

    def _fail(self, code: str, message: str, start: int, end: int, cure: str) -> Never:
        row = self.source.row(start)
        line = self.source.line(row)
        column = start - self.source.line_starts[row]
        raise CompileError(
            code,
            message,
            filename=self.filename,
            lineno=row + 1,
            column=column,
            line=line,
            width=max(1, min(end - start, len(line) - column)),
            cure=cure,
        )

    def _fail_no_call(self, primary: Primary) -> Never:
        word, tokens = self.word.text, self.source.tokens
        text = self._text(primary.start, primary.last)
        start, end = tokens[primary.start].start, tokens[primary.last].end
        if tokens[primary.start].is_name(*KEYWORDS) and not primary.trailers:
            message = f"`{word}` is followed by the keyword `{text}`, not by a call"
            self._fail("GT101", message, start, end, "use one keyword for one call")
        message = f"what follows `{word}` must end in a call, and `{text}` does not"
        self._fail("GT101", message, start, end, f"write the call: `{word} {text}()`")

    def _check_handle_methods(self, primary: Primary) -> None:
        tokens, word = self.source.tokens, self.word.text
        for before, name, after in zip(primary.trailers, primary.trailers[1:], primary.trailers[2:], strict=False):
            method = tokens[name[2]]
            if (before[0], name[0], after[0]) != ("(", ".", "(") or method.text not in _HANDLE_METHODS:
                continue
            call = self._text(primary.start, before[2])
            tail = self._text(name[1], primary.last)
            self._fail(
                "GT102",
                f"`.{method.text}()` belongs to the operand of `{word}` here, so `{call}` itself "
                "would run in place and not as a routine",
                tokens[name[1]].start,
                tokens[after[2]].end,
                f"write `({word} {call}){tail}`, or the plain form `{word}(f, x){tail}`",
            )

    def _check_generator(self, primary: Primary, opening: int, closing: int) -> None:
        tokens, word = self.source.tokens, self.word.text
        at = opening + 1
        while at < closing:
            if tokens[at].is_name("for") and not tokens[at].quoted:
                callee = self._text(primary.start, opening - 1)
                self._fail(
                    "GT103",
                    "a bare generator cannot be an argument of the keyword form",
                    tokens[opening + 1].start,
                    tokens[closing - 1].end,
                    f"put it in parentheses: `{word} {callee}((x for x in y))`",
                )
            at = self.source.closers.get(at, at) + 1

    def _fail_in_fstring(self) -> Never:
        word = self.word.text
        self._fail(
            "GT104",
            f"the keyword `{word}` cannot stand inside an f-string",
            self.word.start,
            self.word.end,
            f"bind the routine to a name before, or write the plain form `{word}(f, x)`",
        )

    def _fail_line_break(self) -> Never:
        word = self.word.text
        self._fail(
            "GT105",
            f"a line break between `{word}` and what follows it",
            self.word.start,
            self.word.end,
            f"put the name of the function on the line of `{word}`; or is a comma or operator missing?",
        )

    def _fail_unclosed(self, bracket: Token) -> Never:
        self._fail(
            "GT106",
            f"`{bracket.text}` was never closed in the operand of `{self.word.text}`",
            bracket.start,
            bracket.end,
            "close the bracket",
        )
