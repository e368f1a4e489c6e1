"""`gotee tcb FILE`: how much of a program is trusted, and what else is with it. Host world.

Exit status 0; with --diff, 1 if something came in or went out.
"""

from __future__ import annotations

import argparse
import json
from importlib import resources
from pathlib import Path
from typing import Any

from gotee.cli._files import require_file, require_program
from gotee.cli.inspect import plain
from gotee.cli.interface import NO_ENTRIES
from gotee.compiler.closure import analysis_of
from gotee.compiler.report import FORMAT, difference, report
from gotee.errors import UsageError
from gotee.image import files, project, settings
from gotee.image.changes import changes


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "tcb",
        help="count what is trusted",
        description="Count the lines that run inside: the program's, and everything else that is there. "
        "Exit status 0; with --diff, 1 if something differs.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the program")
    parser.add_argument("--json", action="store_true", help="one JSON object, for other programs")
    parser.add_argument("--html", metavar="OUT", help="write a page that shows it")
    parser.add_argument(
        "--diff", metavar="OLD", help="an older image (.sgxs) or JSON report: what came in, what went out"
    )
    parser.set_defaults(action=tcb)


def tcb(options: argparse.Namespace) -> int:
    """Partition, build in memory, count, show."""
    program = require_program(options.file)
    analysis = analysis_of(program)
    built = project.build_program(analysis.partition, settings.find(program))
    found = report(analysis, built)
    if options.diff is not None:
        lines = _difference(Path(require_file(options.diff)), found, files.ImageFile(built.stream, None))
        print("\n".join(map(plain, lines)) if lines else "nothing came in and nothing went out")
        return 1 if lines else 0
    if options.html is not None:
        files.write(Path(options.html), page(found).encode())
        print(f"{options.html}: open it in a browser")
    elif options.json:
        print(json.dumps(found, indent=2))
    else:
        _print(found)
    return 0


def page(found: dict[str, Any]) -> str:
    """One page without anything from elsewhere; text from the program cannot end the element that holds it."""
    template = resources.files("gotee.cli").joinpath("templates/tcb.html").read_text("utf-8")
    data = json.dumps(found).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return template.replace("@DATA@", data)


def _difference(old: Path, new: dict[str, Any], image: files.ImageFile) -> list[str]:
    if old.suffix == ".sgxs":
        return changes(files.read(old), image)
    try:
        before = json.loads(old.read_text("utf-8"))
        if before["format"] != FORMAT:
            raise UsageError(f"{old} is a report of another version of gotee: write it anew")
        return difference(before, new)
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{old} is neither an image (.sgxs) nor a report of `gotee tcb --json`") from None


def _print(found: dict[str, Any]) -> None:
    program = found["program"]
    width = max([len(module["name"]) for module in program["modules"]] + [12])
    print(f"{'the program':{width}}  inside  outside")
    for module in program["modules"]:
        print(f"{module['name']:{width}}  {module['inside']:6}  {module['lines'] - module['inside']:7}")
    share = f"{100 * program['share']:.1f} %"
    print(f"{'together':{width}}  {program['inside']:6}  {program['lines'] - program['inside']:7}  ({share} inside)")
    print("\nwith it inside (lines of Python)")
    for distribution in found["distributions"]:
        print(f"  {distribution['lines']:7}  {distribution['name']} {distribution['version']}")
    standard = found["standard"]
    added = len(standard["program"])
    whose = f"{standard['modules'] - added} for gotee itself, {added} more for the program"
    print(f"  {standard['lines']:7}  standard library, {standard['modules']} of its {standard['of']} modules: {whose}")
    print(f"  {found['gotee']['lines']:7}  gotee's trusted rooms: {', '.join(found['gotee']['rooms'])}")
    size = sum(native["bytes"] for native in found["natives"])
    print(f"  {found['total']:7}  lines together, and {len(found['natives'])} native files of {size / 1e6:.1f} MB")
    print("\nentries")
    for entry in found["entries"] or [NO_ENTRIES]:
        print(f"  {entry}")
