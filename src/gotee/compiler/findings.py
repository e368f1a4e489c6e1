"""One finding of `gotee check`: code, place, cause, cure. Host world.

A comment on the finding's line silences it: `# gotee: ignore=GT401`, several codes with commas between.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from gotee.compiler.diagnostics import error_at
from gotee.compiler.program import Module
from gotee.errors import CompileError

ERROR, WARNING = "error", "warning"
IGNORE = re.compile(r"#\s*gotee:\s*ignore=([\w,]+)")
CODES = {
    "GT401": WARNING,  # trusted code reads a global that untrusted code mutates
    "GT402": WARNING,  # an entry without annotations
    "GT403": WARNING,  # a secret in the source
    "GT404": WARNING,  # a crossing channel whose both ends are trusted
    "GT405": ERROR,  # a module-level channel of both worlds
    "GT407": WARNING,  # what the policy will refuse
    "GT408": WARNING,  # what an enclave does not have
    "GT409": ERROR,  # gosecure calls a name that nothing binds
    "GT406": WARNING,  # an ignore comment with a code that is not known
}


class Finding(NamedTuple):
    """What was found; `error` prints as text with a caret."""

    code: str
    severity: str
    error: CompileError


def found(module: Module, node: ast.AST, code: str, message: str, cure: str) -> Finding:
    """A finding at a part of a module's source."""
    return Finding(code, CODES[code], error_at(module, node, code, message, cure))


def silenced(finding: Finding, module: Module | None) -> bool:
    """Whether a comment on its line says that it is known."""
    if module is None or finding.error.lineno is None:
        return False
    lines = module.source.split("\n")
    if finding.error.lineno > len(lines):
        return False
    match = IGNORE.search(lines[finding.error.lineno - 1])
    return match is not None and finding.code in match.group(1).split(",")


def unknown_ignores(module: Module) -> list[Finding]:
    """Comments that name a code which no finding has."""
    wrong = []
    for number, line in enumerate(module.source.split("\n"), 1):
        match = IGNORE.search(line)
        for code in match.group(1).split(",") if match else ():
            if code not in CODES:
                place = ast.Constant(None, lineno=number, col_offset=len(line[: line.find("#")].encode()))
                text = f"no finding of gotee check has the code {code}"
                wrong.append(found(module, place, "GT406", text, f"the codes are {', '.join(sorted(CODES))}"))
    return wrong
