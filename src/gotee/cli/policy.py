"""`gotee policy new --from X.sgxs`: a policy that accepts one image, with what is still to decide. Host world."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from gotee.cli._files import destination, hexadecimal, require_file
from gotee.cli.platform import simulation_root
from gotee.errors import ImageError
from gotee.image import describe, files, sigstruct
from gotee.image.sigstruct import SigStruct


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("policy", help="write a policy for `gotee verify`", allow_abbrev=False)
    actions = parser.add_subparsers(dest="which", required=True, metavar="ACTION")
    new = actions.add_parser(
        "new",
        help="write a policy that accepts one image",
        description="Write a policy in TOML that accepts exactly this image. Simulations and debug images stay refused "
        "unless the options, or you in the file, accept them.",
        allow_abbrev=False,
    )
    new.add_argument("--from", dest="image", required=True, metavar="X.sgxs", help="the image")
    new.add_argument("-o", dest="out", metavar="P.toml", help="where to write it (default: standard output)")
    new.add_argument("--nonce", metavar="HEX", help="the challenge; or give it to `gotee verify --nonce`")
    new.add_argument("--accept-simulation", action="store_true", help="accept the simulation of this machine and user")
    new.add_argument("--accept-debug", action="store_true", help="accept an image that everybody may look into")
    new.set_defaults(action=make)


def make(options: argparse.Namespace) -> int:
    """Write the policy. Raises ImageError, UsageError."""
    out = None if options.out is None else destination("-o", options.out)
    image = files.read(require_file(options.image))
    manifest, _ = describe.contents(image)
    if image.signature is None:
        raise ImageError(f"{options.image} is not signed: `gotee sign` writes a signature beside it")
    signature = sigstruct.from_bytes(image.signature)
    signature.verify()
    measurement = hashlib.sha256(image.stream).digest()
    if signature.enclave_hash != measurement:
        raise ImageError("the signature beside the image is not that of this image: sign it again")
    if options.nonce is not None:
        hexadecimal("--nonce", options.nonce, 1024)
    text = _text(Path(options.image).name, measurement, manifest.digest, signature, options)
    if out is None:
        print(text, end="")
    else:
        files.write(out, text.encode())
    return 0


def _text(name: str, measurement: bytes, digest: bytes, signature: SigStruct, options: argparse.Namespace) -> str:
    nonce = "" if options.nonce is None else options.nonce.lower()
    return f"""\
# What a verifier accepts as {_comment(name)}. Everything that is not named here is refused.
# gotee's reference of attestation explains each field.

kinds = ["sgx"]
measurements = ["{measurement.hex()}"]

# Instead of one measurement, every image of a signer from a security version on:
# signers = ["{signature.signer.hex()}"]
# minimum_svn = {signature.security_version}
# product = {signature.product_id}

# In addition, the program's digest, which is the same for every base:
# program_digests = ["{digest.hex()}"]

# The evidence has to bind your challenge, new each time and at least 16 bytes, or a key (SHA-256 of the public key in
# DER). Without either, the policy is refused. `gotee verify --nonce HEX` takes the place of this line.
{_line("nonce", nonce, active=options.nonce is not None)}
# key = ""

# A simulation is software: it proves nothing about the machine. The value is this user's simulation on this machine.
{_line("simulation_root", simulation_root(), active=options.accept_simulation)}
# level = "development"

# {_debug(signature)}
{"" if options.accept_debug else "# "}debug = true
"""


def _line(name: str, value: str, *, active: bool) -> str:
    return f'{"" if active else "# "}{name} = "{value}"'


def _debug(signature: SigStruct) -> str:
    if signature.debug:
        return (
            "This image is signed for debugging: its evidence is refused unless you accept that everybody looks inside."
        )
    return "This image is signed for release. Debugging lets everybody look inside."


def _comment(name: str) -> str:
    """A file's name on one line of comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)
