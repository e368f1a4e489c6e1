"""`gotee debug FILE [ARGS...]`: run a program with pdb inside its enclave, on this terminal. Host world."""

from __future__ import annotations

import argparse
import os
from typing import Any

from gotee import config
from gotee.cli import run
from gotee.cli._files import require_program
from gotee.errors import UsageError


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb; everything after FILE belongs to the program."""
    parser = verbs.add_parser(
        "debug",
        usage="%(prog)s [-h] FILE [ARGS ...]",
        help="run a program with a debugger inside its enclave",
        description="Run FILE. Python's pdb stops at the first line of the first secured routine, and wherever secured "
        "code calls breakpoint(). The enclave's image is one of its own, for debugging, with pdb in it.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the program")
    parser.set_defaults(action=debug, tee=None, level=None, image=None, stats=False, trace=None)


def debug(options: argparse.Namespace) -> int:
    """Run with the debugger."""
    chosen = config.from_environment()
    if chosen.image is not None:
        raise UsageError("gotee debug builds an image of its own, with a debugger in it: unset GOTEE_IMAGE")
    if chosen.tee == "inline":
        raise UsageError("with --tee inline every debugger sees secured routines: use `python -m pdb`")
    require_program(options.file)
    os.environ[config.DEBUG] = "1"
    return run.run(options)
