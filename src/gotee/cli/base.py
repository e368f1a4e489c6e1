"""`gotee base lock|export|import`: pin the base of an image, and carry it to another place. Host world."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gotee.cli._files import require_file
from gotee.image import base, files


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("base", help="pin and carry the base", allow_abbrev=False)
    actions = parser.add_subparsers(dest="which", required=True, metavar="ACTION")
    lock = actions.add_parser("lock", help="write the hashes of this machine's base", allow_abbrev=False)
    lock.add_argument("-o", dest="out", metavar="FILE", default=base.LOCK_NAME, help=f"default: {base.LOCK_NAME}")
    lock.set_defaults(action=write_lock)
    export = actions.add_parser("export", help="write the base itself, as a tar file", allow_abbrev=False)
    export.add_argument("-o", dest="out", metavar="FILE", required=True)
    export.set_defaults(action=write_export)
    bring = actions.add_parser("import", help="take an exported base, to run images that were built with it")
    bring.add_argument("file", metavar="FILE")
    bring.set_defaults(action=read_export)


def write_lock(options: argparse.Namespace) -> int:
    """Write a lock."""
    found = base.lock()
    files.write(Path(options.out), base.encode(found))
    print(f"{options.out}: {len(found['files'])} files of Python {found['python']['version']}")
    return 0


def write_export(options: argparse.Namespace) -> int:
    """Write a tar file."""
    print(f"{options.out}: {base.export(Path(options.out))} files")
    return 0


def read_export(options: argparse.Namespace) -> int:
    """Keep the files of a tar file."""
    print(f"{base.bring(require_file(options.file))} files can be named by images on this machine now")
    return 0
