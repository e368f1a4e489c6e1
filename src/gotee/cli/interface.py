"""`gotee interface FILE`: the boundary of a program, as the public API that it is. Host world."""

from __future__ import annotations

import argparse
import json
from typing import Any

from gotee.cli._files import require_program
from gotee.compiler.interface import Function, functions_of
from gotee.compiler.remembered import partition

OPENING = (
    "The host may call each of these at any time, with any arguments of its types, in any order, as often as it likes."
)
NO_ENTRIES = "no entries: the program has no gosecure call of a function that is known before it runs"


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "interface",
        help="print the boundary, entry by entry",
        description="Print every entry of a program with its parameters and its result: its public API.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the program")
    parser.add_argument("--json", action="store_true", help="one JSON object, for other programs")
    parser.set_defaults(action=interface)


OWN = "for_nonce(nonce: bytes) -> OwnEvidence\n   gotee's own, in every image: evidence of the enclave over a nonce."


def interface(options: argparse.Namespace) -> int:
    """Partition, and print."""
    functions = functions_of(partition(require_program(options.file)))
    if options.json:
        print(json.dumps({"entries": [_plain(number, each) for number, each in enumerate(functions)]}, indent=2))
    elif not functions:
        print(NO_ENTRIES)
    else:
        print(OPENING)
        for number, function in enumerate(functions):
            _print(number, function)
        print(f"\n{len(functions)}  {OWN}")
    return 0


def _plain(number: int, function: Function) -> dict[str, Any]:
    return {
        "number": number,
        "module": function.module,
        "name": function.name,
        "signature": function.signature,
        "async": function.asynchronous,
        "parameters": [parameter._asdict() for parameter in function.parameters],
        "result": function.result or None,
        "summary": function.summary,
        "channels": function.channels,
        "unannotated": function.unannotated,
    }


def _print(number: int, function: Function) -> None:
    print(f"\n{number}  {'async ' if function.asynchronous else ''}{function.signature}")
    if function.summary:
        print(f"   {function.summary}")
    if function.channels:
        print(f"   channels of the host: {', '.join(function.channels)}")
    taken = [name for name in function.unannotated if name != "return"]
    if taken:
        print(f"   takes any type that can cross: {', '.join(taken)}")
    if "return" in function.unannotated:
        print("   gives any type that can cross")
    if not function.known:
        print("   a function of a package or of the standard library: see its documentation")
