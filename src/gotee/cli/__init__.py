"""The command `gotee`: parses the command line and hands over to the verb. Host world.

One module a verb, each with `add_parser`, which names the function that does the work and returns the
exit status.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

from gotee.cli._output import OutputError, told_apart
from gotee.compiler.depth import deep
from gotee.errors import CompileError, GoteeError, ImageError

EXIT_FAILED = 1
EXIT_USAGE = 2
VERBS = (
    "run",
    "debug",
    "new",
    "doctor",
    "desugar",
    "build",
    "inspect",
    "measure",
    "sign",
    "keys",
    "base",
    "slice",
    "why",
    "check",
    "interface",
    "tcb",
    "evidence",
    "verify",
    "explain",
    "policy",
    "platform",
)
"""Each is a module of this package; only those that are needed are imported."""


class _Parser(argparse.ArgumentParser):
    """argparse, with one shape for all errors: cause, cure, exit status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"gotee: error: {message}\nSee `{self.prog} --help`.\n")


def build_parser(named: Iterable[str] = VERBS) -> argparse.ArgumentParser:
    """The command line with some verbs; each adds its own part."""
    parser = _Parser(
        prog="gotee",
        description="Run, convert and start programs with secured routines.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="show program's version number and exit")
    verbs = parser.add_subparsers(metavar="VERB", dest="verb")
    for name in named:
        importlib.import_module(f"gotee.cli.{name}").add_parser(verbs)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is without the program's name. Returns the exit status.

    A SystemExit of the program under `gotee run` passes through, for Python gives it its meaning.

    >>> main(["desugar", "no-such-file.py"])
    2
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser(arguments[:1] if arguments and arguments[0] in VERBS else VERBS)
    if not arguments:
        parser.print_help()
        return 0
    _refuse_unknown_verb(parser, arguments[0])
    own: list[str] = []
    if arguments[0] in ("run", "debug"):
        from gotee.cli import run

        words, own = run.split(arguments[1:])
        arguments = [arguments[0], *words]
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        verb = f" {options.verb}" if options.verb else ""
        parser.exit(
            EXIT_USAGE, f"gotee: error: unrecognized arguments: {' '.join(unknown)}\nSee `gotee{verb} --help`.\n"
        )
    options.arguments = own
    if options.version:
        options.verb, options.action = None, _show_version
    return _perform(options)


def _perform(options: argparse.Namespace) -> int:
    """Run the verb; what goes wrong in it is told in a sentence. `run` lets no error of the program come here."""
    own = options.verb not in ("run", "debug")
    if own and options.verb != "desugar" and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal has no letters for is still told
    try:
        if own:
            with deep(), told_apart():
                status = int(options.action(options))
        else:
            status = int(options.action(options))
    except OutputError as error:
        if error.errno != errno.EPIPE:  # `gotee doctor | head`: nobody reads on
            _say(f"standard output cannot be written: {error.strerror}")
        return EXIT_FAILED
    except OSError as error:
        if not own:
            raise
        _say(f"{'the system refuses' if error.filename is None else error.filename}: {error.strerror or error}")
        return EXIT_FAILED
    except KeyboardInterrupt:
        from gotee.cli.run import interrupted

        return interrupted()
    except (CompileError, ImageError) as error:
        _say(error)
        return EXIT_FAILED
    except GoteeError as error:
        _say(error)
        return EXIT_USAGE
    return status


def _show_version(options: argparse.Namespace) -> int:
    from gotee.cli._version import version  # which takes long to find out

    print(f"gotee {version()}")
    return 0


def _refuse_unknown_verb(parser: argparse.ArgumentParser, word: str) -> None:
    """argparse would list the choices; this also names the likely one, and `run` for a bare file."""
    if word.startswith("-") or word in VERBS:
        return
    if word.endswith(".py"):
        parser.error(f"{word!r} is a file, not a verb; run it with `gotee run {word}`")
    import difflib

    near = difflib.get_close_matches(word, VERBS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    parser.error(f"unknown verb {word!r}; {hint}the verbs are {', '.join(VERBS)}")


def _say(error: Exception | str) -> None:
    print(f"gotee: error: {error}", file=sys.stderr)
