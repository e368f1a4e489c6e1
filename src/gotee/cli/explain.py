"""`gotee explain ID`: the details of a failure in an image for release, for whoever holds its error key. Host world."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gotee.cli._files import passphrase_of
from gotee.errors import UsageError
from gotee.host import explained
from gotee.image import keys


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "explain",
        help="show the details of a failure in an image for release",
        description="An image for release says of a failure nothing but an id. Its details are encrypted to the "
        "error-key of [tool.gotee]; this decrypts them.",
        allow_abbrev=False,
    )
    parser.add_argument("id", metavar="ID", help="the id, or a file with the encrypted details")
    parser.add_argument("--key", metavar="KEY.pem", help="the private key (default: errors.pem of the user's keys)")
    parser.add_argument("--passphrase-file", metavar="FILE", help="the passphrase of the key")
    parser.set_defaults(action=explain)


def explain(options: argparse.Namespace) -> int:
    """Print the details."""
    path = Path(options.id)
    if "/" not in options.id and not path.is_file():
        path = explained.folder() / options.id
    try:
        details = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}; the details of a failure are kept on the machine, and for the "
            "user, whose program it was: run this there, or name a copy of the file"
        ) from None
    key = keys.load(
        Path(options.key) if options.key else keys.folder() / "errors.pem",
        passphrase_of(options.passphrase_file),
        exponent=keys.ERROR_EXPONENT,
    )
    print(explained.explain(details, key).rstrip("\n"))
    return 0
