"""`gotee measure FILE`: what `gotee build` would measure, without writing anything. Host world."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from gotee.cli._files import require_program
from gotee.cli.interface import NO_ENTRIES
from gotee.compiler.remembered import partition
from gotee.image import project, settings


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "measure",
        help="predict a program's measurement",
        description="Print the measurement and the program digest that a built image would have.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the program")
    parser.add_argument("--json", action="store_true", help="one JSON object, for other programs")
    parser.set_defaults(action=measure)


def measure(options: argparse.Namespace) -> int:
    """Build in memory and print."""
    program = require_program(options.file)
    built = project.build_program(partition(program), settings.find(program))
    found = {"measurement": built.measurement.hex(), "program_digest": built.manifest.digest.hex()}
    if options.json:
        print(json.dumps(found))
    else:
        if not built.manifest.program["entries"]:
            print(NO_ENTRIES, file=sys.stderr)
        print(f"measurement     {found['measurement']}")
        print(f"program digest  {found['program_digest']}")
    return 0
