"""`gotee keys new` and `gotee keys show`: make a signing key, or say whose signatures a key makes. Host world."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from gotee.cli._files import passphrase_of
from gotee.errors import UsageError
from gotee.image import keys


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("keys", help="make and show signing keys", allow_abbrev=False)
    actions = parser.add_subparsers(dest="which", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="make a key for release signatures", allow_abbrev=False)
    new.add_argument("-o", dest="out", metavar="KEY.pem", help="where to write it (default: with the user's keys)")
    new.add_argument("--passphrase-file", metavar="FILE", help="protect the key with this file's first line")
    new.add_argument("--errors", action="store_true", help="a key to read details of failures with, not for signing")
    new.set_defaults(action=make)
    show = actions.add_parser("show", help="print the signer that a key is", allow_abbrev=False)
    show.add_argument("key", metavar="KEY.pem", nargs="?", help="private or public key (default: the development key)")
    show.add_argument("--passphrase-file", metavar="FILE", help="the passphrase of the key")
    show.set_defaults(action=show_key)


def make(options: argparse.Namespace) -> int:
    """Make a key and its public half beside it."""
    path = Path(options.out) if options.out else keys.folder() / ("errors.pem" if options.errors else "release.pem")
    if path.is_dir():
        raise UsageError(f"-o {path} is a directory; name a file in it")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"-o {path}: the folder cannot be made: {error.strerror}") from None
    exponent = keys.ERROR_EXPONENT if options.errors else keys.EXPONENT
    keys.make(path, passphrase_of(options.passphrase_file), exponent=exponent)
    print(f"{path}: keep it secret; {keys.public_file(path)} is its public half")
    if options.errors:
        print("Name the public half in pyproject.toml: [tool.gotee] error-key, a path from there.")
    return 0


def show_key(options: argparse.Namespace) -> int:
    """Print MRSIGNER."""
    path = Path(options.key) if options.key else keys.development()
    data = path.read_bytes() if path.is_file() else b""
    if b"PUBLIC KEY" in data:
        public = keys.load_public(path)
    else:
        public = keys.load(path, passphrase_of(options.passphrase_file)).public_key()
    modulus = keys.modulus_of(public).to_bytes(keys.BITS // 8, "little")
    print(f"signer  {hashlib.sha256(modulus).hexdigest()}")
    print(f"file    {path}" + ("" if options.key else " (development: its signatures are for debugging only)"))
    return 0
