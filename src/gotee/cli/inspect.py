"""`gotee inspect X.sgxs`: what an image is, whether it can be loaded here, and how another differs. Host world.

Exit status 0, or 1 if the image is refused, or differs.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from typing import Any

from gotee.cli._files import require_file
from gotee.errors import ImageError
from gotee.image import describe, files, load, places
from gotee.image.files import ImageFile


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "inspect",
        help="look into an image",
        description="Say what an image holds. Exit status 0; 1 if --verify refuses it or --diff finds a difference.",
        allow_abbrev=False,
    )
    parser.add_argument("image", metavar="X.sgxs", help="the image")
    parser.add_argument("--json", action="store_true", help="one JSON object, for other programs")
    parser.add_argument("--verify", action="store_true", help="verify signature and files as the platform would")
    parser.add_argument("--diff", metavar="OTHER", help="another image: name what differs")
    parser.set_defaults(action=inspect)


def inspect(options: argparse.Namespace) -> int:
    """Read, check, and print."""
    image = files.read(require_file(options.image))
    if options.diff is not None:
        return _diff(image, files.read(require_file(options.diff)), options.json)
    report = describe.report(image)
    if options.verify:
        _verify(image)
        report["verified"] = True
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(map(plain, _lines(report))))
    return 0


def _verify(image: ImageFile) -> None:
    if image.signature is None:
        raise ImageError("the image is not signed: `gotee sign` writes a signature beside it")
    manifest, _ = describe.contents(image)
    found = load.load(image.stream, image.signature, places.places_of(manifest))
    for descriptor in found.descriptors:
        os.close(descriptor)


def _diff(first: ImageFile, second: ImageFile, as_json: bool) -> int:
    lines = describe.difference(first, second)
    if as_json:
        print(json.dumps({"differences": lines}, indent=2))
    else:
        print("\n".join(map(plain, lines)) if lines else "the same image")
    return 1 if lines else 0


def plain(text: str) -> str:
    r"""What an image says, on one line and without what a terminal would take for a command.

    >>> plain("a\x1b[2J\nb\udc80")
    'a\\x1b[2J\\nb\\udc80'
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode-escape").decode() for sign in text)


def _lines(report: dict[str, Any]) -> Iterator[str]:
    signature, python = report["signature"], report["python"]
    yield f"name            {report['name']}"
    yield f"measurement     {report['measurement']}"
    yield f"program digest  {report['program_digest']}"
    if signature is None:
        yield "signature       none"
    else:
        kind = "for debugging" if signature["debug"] else "for release"
        numbers = f"product {signature['product_id']}, security version {signature['security_version']}"
        yield f"signer          {signature['signer']}"
        yield f"signed          {kind}, {numbers}"
    yield f"python          {python['implementation']} {python['version']}"
    for title, key in (("entry", "interface"), ("module", "modules"), ("data", "data")):
        for name in report[key]:
            yield f"{title:16}{name}" + (f"  {report[key][name][:16]}" if key != "interface" else "")
    for name, found in sorted(report["distributions"].items()):
        yield f"distribution    {name} {found}"
    for title, key in (("not installed", "absent"), ("host only", "host_only"), ("override", "overrides")):
        for text in report[key]:
            yield f"{title:16}{text}"
    yield f"policy          {json.dumps(report['policy'])}"
    if report["limits"]:
        yield f"limits          {json.dumps(report['limits'])}"
    yield f"files           {', '.join(f'{count} {role}' for role, count in report['files'].items())}"
    if report.get("verified"):
        yield "verified        signature and every file: this image can be loaded here"
