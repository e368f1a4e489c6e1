"""Source to bytecode, the same bytes on every run: what is measured in place of `.pyc` files. Host world.

`marshal` of version 2 writes no references, which would depend on how often an object happens to be used; sets of
constants it writes in a fixed order. References that depend on nothing are added (gotee.image.dense). The name of the
file inside the code is one of the image, not of this machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import marshal
import os
import re
import sys
import warnings
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import NamedTuple

from gotee.image import cache
from gotee.image.dense import dense

_WITHOUT_REFERENCES = 2
_IMPORTS = re.compile(
    rb"(?:^|[:;])[ \t]*"  # or behind `try:`, or another statement of the same line
    rb"(?:import[ \t]+([^#\n;]+)|from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^#\n;]+))",
    re.MULTILINE,
)


_COMMENT = re.compile(rb"#[^\n]*")


class Compiled(NamedTuple):
    """A module's bytecode, and the dotted names that its import statements may load (relative ones begin with dots)."""

    code: bytes
    imports: tuple[str, ...]


def compiled(source: bytes, label: str) -> Compiled:
    """The bytecode of a source that is `label` inside. Raises SyntaxError, ValueError.

    >>> compiled(b"import os.path", "/program/a.py").imports
    ('os.path',)
    """
    key = hashlib.sha256(b"\0".join((stamp(), label.encode(), source))).hexdigest()
    stored = cache.read("compiled", key)
    if stored is not None:
        head, _, code = stored.partition(b"\n")
        return Compiled(code, tuple(json.loads(head)))
    made = _compiled(source, label)
    found = Compiled(dense(marshal.dumps(made, _WITHOUT_REFERENCES)), tuple(sorted(set(imported(source)))))
    cache.write("compiled", key, json.dumps(found.imports).encode() + b"\n" + found.code)
    return found


def _compiled(source: bytes, label: str) -> CodeType:
    try:
        return compile(source, label, "exec", dont_inherit=True, optimize=0)
    except SyntaxError:
        with warnings.catch_warnings():  # of a warning that this process was told to take for an error
            warnings.simplefilter("ignore")
            return compile(source, label, "exec", dont_inherit=True, optimize=0)


@lru_cache(maxsize=1)
def has_columns() -> bool:
    """Whether bytecode says in which column something stands: not with PYTHONNODEBUGRANGES."""
    return any(place[2] is not None for place in compile("x", "", "eval").co_positions())


def imported(source: bytes) -> Iterable[str]:
    """The names after `import` and `from` where a statement may begin, texts included: rather too many than too few.

    >>> list(imported(b"from . import a\\ntry: import b.c as d, e\\nexcept ImportError: import f; import g"))
    ['.a', '.', 'b.c', 'e', 'f', 'g']
    """
    for match in _IMPORTS.finditer(source):
        plain, base, names = match.groups()
        if plain is not None:
            yield from _names(plain)
        else:
            start = base.decode("ascii", "ignore")
            dot = "" if start.endswith(".") else "."
            yield from (f"{start}{dot}{name}" for name in _names(names) if name != "*")
            yield start


def _names(text: bytes) -> list[str]:
    found = []
    for part in _COMMENT.sub(b"", text).decode("ascii", "ignore").strip("() \t\r\n\\").split(","):
        words = part.split()
        if words and re.fullmatch(r"[\w.*]+", words[0]):
            found.append(words[0])
    return found


def stamp() -> bytes:
    """What else the bytecode depends on."""
    columns = b"5 " if has_columns() else b"4 "
    return columns + sys.implementation.name.encode() + b" " + sys.version.encode() + importlib.util.MAGIC_NUMBER


def read_source(path: Path | str) -> bytes:
    """A file's bytes, read once."""
    with open(path, "rb") as file:
        return file.read(os.fstat(file.fileno()).st_size + 1)
