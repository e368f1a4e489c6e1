"""`gotee desugar FILE`: the keyword form to the plain form, or back with `--sugar`. Host world."""

from __future__ import annotations

import argparse
import os
import sys
import tokenize
from typing import Any

from gotee.cli._files import require_source
from gotee.syntax.desugar import main_desugar


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "desugar",
        help="convert between the keyword form and the plain form",
        description="Write FILE in the plain form to standard output, for tools that refuse the keyword.",
        allow_abbrev=False,
    )
    parser.add_argument("-i", "--in-place", action="store_true", help="change FILE instead")
    parser.add_argument("--sugar", action="store_true", help="from the plain form to the keyword form")
    parser.add_argument("file", metavar="FILE", help="a Python file")
    parser.set_defaults(action=convert)


def convert(options: argparse.Namespace) -> int:
    """Convert one file. Nothing is written when it does not convert."""
    path = os.fspath(require_source(options.file))
    text = main_desugar(path, in_place=options.in_place, to_sugar=options.sugar)
    if text is not None:
        _write(text, path)
    return 0


def _write(text: str, path: str) -> None:
    """In the file's own encoding, whatever the terminal's: the output is a source file that declares it."""
    with tokenize.open(path) as file:
        encoding = file.encoding
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode(encoding))
    sys.stdout.buffer.flush()
