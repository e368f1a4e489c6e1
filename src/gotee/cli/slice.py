"""`gotee slice DIR MODULE:FUNCTION [--emit OUT]`: what one function needs, by itself. Host world."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path
from typing import Any

from gotee.compiler.remembered import sliced
from gotee.errors import UsageError


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "slice",
        help="show, and write, exactly what one function needs",
        description="Print MODULE:NAME for each definition that FUNCTION needs, import-time effects included.",
        allow_abbrev=False,
    )
    parser.add_argument("directory", metavar="DIR", help="the folder that the program's modules are imported from")
    parser.add_argument("entry", metavar="MODULE:FUNCTION", help="a function at the top level of a module")
    parser.add_argument("--emit", metavar="OUT", help="write the sliced modules to this folder and check them")
    parser.set_defaults(action=slice_program)


def slice_program(options: argparse.Namespace) -> int:
    """Print the definitions; write the tree if asked. Raises CompileError."""
    root = Path(options.directory)
    module, colon, function = options.entry.partition(":")
    if not root.is_dir():
        raise UsageError(f"there is no folder {options.directory!r}; name the one that the modules are imported from")
    if not colon or not module or not function:
        raise UsageError(f"{options.entry!r} is not MODULE:FUNCTION; write for example main:entry")
    gc.disable()  # the process ends soon: looking through a large program's graph for garbage would double its time
    found = sliced(root, module, function, None if options.emit is None else Path(options.emit))
    for definition in found.definitions:
        print(definition)
    gc.freeze()
    gc.enable()
    return 0
