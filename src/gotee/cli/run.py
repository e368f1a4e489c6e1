"""`gotee run [OPTIONS] FILE [ARGS...]`: run a program, in either spelling, as `__main__`. Host world.

The program runs in this very process: standard input, signals and exit status are its own.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from gotee import config
from gotee.cli._files import destination, require_source
from gotee.errors import CompileError, ImageError, UsageError
from gotee.host import ahead
from gotee.syntax.run import run_file

OPTIONS_WITH_VALUE = ("--tee", "--level", "--image", "--trace")
EXIT_INTERRUPTED = 128 + signal.SIGINT


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb; everything after FILE belongs to the program."""
    parser = verbs.add_parser(
        "run",
        usage="%(prog)s [-h] [--tee WHERE] [--level LEVEL] [--image X.sgxs] [--stats] [--trace OUT] FILE [ARGS ...]",
        help="run a program",
        description="Run FILE as __main__. Everything after FILE belongs to the program.",
        allow_abbrev=False,
    )
    parser.add_argument("--tee", metavar="WHERE", help="where secured routines run; see `gotee doctor`")
    parser.add_argument("--level", metavar="LEVEL", help="development, or service: see `gotee platform`")
    parser.add_argument("--image", metavar="X.sgxs", help="run this built image instead of building one")
    parser.add_argument("--stats", action="store_true", help="say at the end what crossed the boundary")
    parser.add_argument("--trace", metavar="OUT", help="write both worlds on one time line (Chrome trace events, JSON)")
    parser.add_argument("file", metavar="FILE", help="the program")
    parser.set_defaults(action=run)


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Cut the words after `run` behind FILE: what is gotee's, what is the program's.

    argparse's REMAINDER would swallow a `--` that belongs to the program.

    >>> split(["--tee", "inline", "app.py", "--", "--tee", "x"])
    (['--tee', 'inline', 'app.py'], ['--', '--tee', 'x'])
    """
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        if words[at] == "--":
            at += 1
            break
        at += 2 if words[at] in OPTIONS_WITH_VALUE else 1
    return list(words[: at + 1]), list(words[at + 1 :])


def run(options: argparse.Namespace) -> int:
    """Check the settings, then run the program. Its SystemExit passes through."""
    _settle(options)
    path = require_source(options.file)
    try:
        run_file(os.fspath(path), options.arguments)
    except KeyboardInterrupt:
        return interrupted()
    except SystemExit:
        raise
    except CompileError as error:
        print(f"gotee: error: {error}", file=sys.stderr)
        return 1
    except ImageError as error:
        print(f"gotee: error: ImageError: {error}", file=sys.stderr)
        return 1
    except BaseException as error:
        if isinstance(error, UsageError) and _no_service(error):
            print(f"gotee: error: {error}", file=sys.stderr)
            return 1
        # The program's own, another UsageError too: no business of the command line.
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _no_service(error: UsageError) -> bool:
    from gotee.host.service_status import NoService  # what most programs do without

    return isinstance(error, NoService)


def interrupted() -> int:
    """The exit status after Ctrl-C. A second one ends the process at once, without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return EXIT_INTERRUPTED


def _settle(chosen: argparse.Namespace) -> None:
    """Check the options and the environment together; leave the result in the environment."""
    stated = {
        config.TEE: chosen.tee,
        config.LEVEL: chosen.level,
        config.IMAGE: chosen.image,
        config.STATS: "1" if chosen.stats else None,
        config.TRACE: None if chosen.trace is None else os.path.abspath(chosen.trace),
    }
    config.check(chosen.tee, chosen.level, chosen.image)
    if chosen.trace is not None:
        place = destination("--trace", chosen.trace)
        if not os.access(place if place.exists() else place.parent, os.W_OK):
            raise UsageError(f"--trace {chosen.trace} cannot be written: name another place")
    options = {name: value for name, value in stated.items() if value is not None}
    config.from_environment({**os.environ, **options})
    os.environ.update(options)
    if chosen.image is not None:
        ahead.begin()
