"""`gotee build FILE -o DIR`: partition a program, and write its image and signature. Host world."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from gotee.cli._files import passphrase_of, require_program
from gotee.cli.interface import NO_ENTRIES
from gotee.compiler.remembered import partition
from gotee.errors import UsageError
from gotee.image import files, project, settings, sigstruct


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "build",
        help="build a program's image",
        description="Write NAME.sgxs, the measured image of a program's secured routines, and NAME.sig, its signature.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the program")
    parser.add_argument("-o", dest="out", metavar="DIR", default=".", help="where to write (default: here)")
    parser.add_argument("--base", metavar="LOCK", help="refuse files that are not those of this base lock")
    parser.add_argument("--unsigned", action="store_true", help="write no signature: `gotee sign` follows")
    parser.add_argument("--passphrase-file", metavar="FILE", help="the passphrase of the signer's key")
    parser.set_defaults(action=build)


def build(options: argparse.Namespace) -> int:
    """Build, sign, write, and say what was built."""
    program = require_program(options.file)
    chosen = settings.find(program)
    built = project.build_program(partition(program), chosen, Path(options.base) if options.base else None)
    out = Path(options.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"-o {out}: the folder cannot be made: {error.strerror}") from None
    path = out / f"{built.manifest.program['name']}.sgxs"
    signature = (
        None if options.unsigned else project.signature_of(built, chosen, passphrase_of(options.passphrase_file))
    )
    files.write(path, built.stream)
    if signature is None:
        path.with_suffix(".sig").unlink(missing_ok=True)
    else:
        files.write(path.with_suffix(".sig"), signature)
    print(f"{path}: {len(built.stream)} bytes, and {len(built.manifest.files)} files named by hash")
    if not built.manifest.program["entries"]:
        print(NO_ENTRIES, file=sys.stderr)
    print(f"measurement     {built.measurement.hex()}")
    print(f"program digest  {built.manifest.digest.hex()}")
    if signature is None:
        print("not signed")
    else:
        found = sigstruct.from_bytes(signature)
        kind = "for debugging" if found.debug else "for release"
        print(f"signer          {found.signer.hex()} ({kind})")
    return 0
