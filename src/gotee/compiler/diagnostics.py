"""Errors of the partition with their place: code, line, caret, cause, cure. Host world."""

from __future__ import annotations

import ast

from gotee.compiler.program import Module
from gotee.errors import CompileError

OVERRIDE = "say what it may reach with a comment on its line, `# gotee: include=MODULE:NAME` (NAME may be *)"


def error_at(module: Module, node: ast.AST, code: str, message: str, cure: str) -> CompileError:
    """A CompileError that points at a part of a module's source."""
    lineno = getattr(node, "lineno", 1)
    offset = getattr(node, "col_offset", 0)
    lines = module.source.split("\n")
    line = lines[lineno - 1] if lineno <= len(lines) else ""
    column = _letters(line, offset)
    width = 1
    end = getattr(node, "end_col_offset", None)
    if end is not None and getattr(node, "end_lineno", None) == lineno:
        width = max(_letters(line, end) - column, 1)
    elif end is not None:
        width = max(len(line.rstrip()) - column, 1)
    return CompileError(
        code, message, filename=str(module.file), lineno=lineno, column=column, line=line, width=width, cure=cure
    )


def _letters(line: str, offset: int) -> int:
    """How many letters stand before an offset of `ast`, which counts bytes of UTF-8."""
    return len(line.encode(errors="surrogatepass")[:offset].decode(errors="replace"))
