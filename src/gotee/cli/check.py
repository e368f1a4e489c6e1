"""`gotee check FILE`: what a program does with its two worlds that its writer may not have meant. Host world.

Exit status 0: nothing, or warnings only; 1: errors (with --strict: anything); 2: a wrong command line.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from gotee.cli._files import require_program
from gotee.compiler.check import check
from gotee.compiler.findings import ERROR, Finding


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "check",
        help="look for mistakes at the boundary",
        description="Print what the compiler refuses, and what its writer may not have meant. "
        "Exit status 0: no errors; 1: errors, or with --strict anything.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the program")
    parser.add_argument("--format", choices=("text", "json", "github"), default="text", help="default: text")
    parser.add_argument("--strict", action="store_true", help="warnings fail, too")
    parser.set_defaults(action=run_check)


def run_check(options: argparse.Namespace) -> int:
    """Check, and print."""
    findings = check(require_program(options.file))
    if options.format == "json":
        print(json.dumps({"findings": [_plain(each) for each in findings]}, indent=2))
    else:
        for each in findings:
            print(_github(each) if options.format == "github" else f"{each.severity}: {each.error}")
        if options.format == "text":
            print(_summary(findings))
    bad = [each for each in findings if options.strict or each.severity == ERROR]
    return 1 if bad else 0


def _summary(findings: list[Finding]) -> str:
    errors = sum(each.severity == ERROR for each in findings)
    warnings = len(findings) - errors
    return f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"


def _plain(finding: Finding) -> dict[str, Any]:
    error = finding.error
    return {
        "code": finding.code,
        "severity": finding.severity,
        "file": error.filename,
        "line": error.lineno,
        "column": None if error.column is None else error.column + 1,
        "width": error.width,
        "message": error.message,
        "cure": error.cure,
    }


def _github(finding: Finding) -> str:
    """A workflow command of GitHub Actions; properties and message have escapes of their own."""
    error = finding.error
    place = {"file": _relative(error.filename), "line": error.lineno, "title": finding.code}
    if error.column is not None:
        place["col"] = error.column + 1
    properties = ",".join(f"{key}={_property(str(value))}" for key, value in place.items() if value is not None)
    text = error.message + (f"\ncure: {error.cure}" if error.cure else "")
    return f"::{finding.severity} {properties}::{_message(text)}"


def _relative(name: str | None) -> str | None:
    return None if name is None else os.path.relpath(name)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
