"""`gotee evidence --image X.sgxs --nonce HEX -o F`: start an image's enclave and ask it for evidence. Host world."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gotee.cli._files import destination, hexadecimal, require_file
from gotee.errors import EnclaveLost, ImageError, SecuredRoutineError
from gotee.image import files


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "evidence",
        help="get evidence of an image's enclave",
        description="Start the enclave of an image, and write its evidence: an SGX quote of version 3 that this "
        "machine's simulation signs. The collateral goes to F.collateral.json, where `gotee verify F` finds it.",
        allow_abbrev=False,
    )
    parser.add_argument("--image", required=True, metavar="X.sgxs", help="the signed image")
    parser.add_argument("--nonce", required=True, metavar="HEX", help="the verifier's challenge, 1 to 1024 bytes")
    parser.add_argument("-o", dest="out", required=True, metavar="F", help="where to write the quote")
    parser.add_argument("--collateral", metavar="C.json", help="where to write the collateral instead")
    parser.set_defaults(action=get)


def get(options: argparse.Namespace) -> int:
    """Start, ask, write. Raises UsageError, ImageError."""
    from gotee import config
    from gotee.enclave.evidence import MOST_NONCE, PlatformRefused, for_nonce
    from gotee.host.calls import Door
    from gotee.host.loader import Loaded

    nonce = hexadecimal("--nonce", options.nonce, MOST_NONCE)
    image = require_file(options.image)
    out = destination("-o", options.out)
    collateral = destination("--collateral", options.collateral) if options.collateral else collateral_of(out)
    loaded = Loaded.of_image(for_nonce, str(image), config.from_environment())
    try:
        loaded.enclave.wait_ready()
        door = Door(lambda function: loaded.enclave.callee(loaded.own_entry, function))
        found = door.start(for_nonce, (nonce,), {}).result()
    except (SecuredRoutineError, EnclaveLost, PlatformRefused) as error:
        raise ImageError(f"the enclave of {image} gives no evidence: {error}") from None
    finally:
        loaded.enclave.stop()
    files.write(out, found.quote)
    files.write(collateral, found.collateral.encode())
    print(f"{out}: a quote of {len(found.quote)} bytes, made by a simulation; its collateral: {collateral}")
    return 0


def collateral_of(path: Path) -> Path:
    """Where the collateral of a quote in a file is looked for when nobody names it."""
    return path.with_name(f"{path.name}.collateral.json")
