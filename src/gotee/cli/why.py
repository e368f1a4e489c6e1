"""`gotee why NAME FILE`: the chain of reasons why something is inside; `--not` why it is outside. Host world."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gotee.cli._files import require_program
from gotee.compiler.closure import analysis_of
from gotee.compiler.reasons import entry_calls, find, why, why_not


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "why",
        help="explain why a definition is inside, or outside",
        description="Print why NAME, or MODULE:NAME, of the program FILE goes inside: from it to an entry.",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", help="a definition, NAME or MODULE:NAME")
    parser.add_argument("file", metavar="FILE", help="the program's main file")
    parser.add_argument("--not", dest="outside", action="store_true", help="why it is outside")
    parser.set_defaults(action=explain)


def explain(options: argparse.Namespace) -> int:
    """Print the reasons. The status is 1 if NAME is not where the question supposes it. Raises CompileError."""
    analysis = analysis_of(Path(require_program(options.file)))
    module, name = find(analysis, options.name)
    lines, outside = why(analysis, module, name), why_not(analysis, module, name)
    if options.outside:
        print(f"{module}:{name} is outside: {outside}" if outside else f"{module}:{name} is inside: {lines[0]}")
        return 0 if outside else 1
    if not lines:
        print(f"{module}:{name} is outside: {outside}")
        return 1
    print(f"{module}:{name} is inside")
    calls = entry_calls(analysis, lines[-1])
    for line in lines[:-1]:
        print(f"  <- {line}")
    print(f"  <- {lines[-1]}" + (f", an entry: gosecure in {', '.join(calls)}" if calls else ""))
    return 0
