"""Where the expressions of an f-string are; the tokenizer of 3.11 does not say. Host world; for syntax only."""

from __future__ import annotations

from collections.abc import Iterator

_OPENING, _CLOSING = "([{", ")]}"


def expressions(literal: str, prefix: int) -> Iterator[tuple[int, int]]:
    """Start and end of every expression in the replacement fields of `literal`, format specifications included.

    `literal` is the whole token, `prefix` the length of its prefix letters. A malformed literal yields
    what can be found in it: Python reports it.

    >>> text = 'f"{a!r} {{no}} {b:>{c}}"'
    >>> [text[start:end] for start, end in expressions(text, 1)]
    ['a', 'b', 'c']
    """
    quotes = 3 if literal[prefix : prefix + 3] in ('"""', "'''") else 1
    raw = "r" in literal[:prefix].lower()
    return _Fields(literal, len(literal) - quotes, raw).literal_text(prefix + quotes)


class _Fields:
    def __init__(self, text: str, end: int, raw: bool) -> None:
        self.text = text
        self.end = end
        self.raw = raw
        self.at = 0

    def literal_text(self, at: int) -> Iterator[tuple[int, int]]:
        while at < self.end:
            char = self.text[at]
            if char == "\\" and not self.raw:
                at = self._after_escape(at)
            elif char == "{" and self.text[at + 1] == "{":
                at += 2
            elif char == "{":
                yield from self._field(at + 1)
                at = self.at
            else:
                at += 1

    def _after_escape(self, at: int) -> int:
        if self.text.startswith("N{", at + 1):  # a character by its name, not a field
            close = self.text.find("}", at)
            return close + 1 if close >= 0 else self.end
        return at + (1 if self.text[at + 1] in "{}" else 2)

    def _field(self, start: int) -> Iterator[tuple[int, int]]:
        """One field whose expression begins at `start`; leaves `self.at` behind its brace."""
        at = self._expression_end(start)
        yield start, at
        while at < self.end and self.text[at] not in ":}":  # the conversion, `!r`
            at += 1
        if at < self.end and self.text[at] == ":":
            at += 1
            while at < self.end and self.text[at] != "}":
                if self.text[at] == "{":
                    yield from self._field(at + 1)
                    at = self.at
                else:
                    at += 1
        self.at = at + 1

    def _expression_end(self, at: int) -> int:
        depth = 0
        while at < self.end:
            char = self.text[at]
            if char in "'\"":
                at = self._after_string(at)
                continue
            if char in _OPENING:
                depth += 1
            elif depth == 0 and (char in ":}" or (char == "!" and self.text[at + 1] != "=")):
                return at
            elif char in _CLOSING:
                depth -= 1
            at += 2 if char == "!" and self.text[at + 1] == "=" else 1
        return at

    def _after_string(self, at: int) -> int:
        quote = self.text[at] * 3 if self.text.startswith(self.text[at] * 3, at) else self.text[at]
        close = self.text.find(quote, at + len(quote))
        return close + len(quote) if close >= 0 else self.end
