"""`gotee sign X.sgxs`: sign an image with a key file, or in two steps with a key that is held elsewhere. Host world."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gotee.cli._files import passphrase_of, require_file
from gotee.errors import ImageError, UsageError
from gotee.image import files, keys, settings, sgxs, sigstruct
from gotee.image import sign as signing
from gotee.image.sigstruct import SigStruct


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "sign",
        help="sign an image",
        description="Write X.sig beside X.sgxs. With a key that is held elsewhere: first --digest, sign that there "
        "(RSA, PKCS #1 v1.5, SHA-256), then --attach the signature.",
        allow_abbrev=False,
    )
    parser.add_argument("image", metavar="X.sgxs", help="the image")
    parser.add_argument("--key", metavar="KEY.pem", help="private key; with --attach the public one")
    parser.add_argument("--passphrase-file", metavar="FILE", help="the passphrase of the key")
    parser.add_argument("--digest", action="store_true", help="write the SHA-256 that has to be signed to -o")
    parser.add_argument("--message", action="store_true", help="write the bytes that have to be signed to -o")
    parser.add_argument("--attach", metavar="SIGNATURE", help="a signature made elsewhere, 384 bytes")
    parser.add_argument("-o", dest="out", metavar="FILE", help="where to write (default: X.sig)")
    parser.add_argument("--product-id", type=int, metavar="N", help="0 to 65535 (default: [tool.gotee])")
    parser.add_argument("--security-version", type=int, metavar="N", help="0 to 65535 (default: [tool.gotee])")
    parser.add_argument("--debug", action="store_true", help="a signature for debugging: everybody may look inside")
    parser.set_defaults(action=sign)


def sign(options: argparse.Namespace) -> int:
    """Do one of the three."""
    image = require_file(options.image)
    if options.attach and (options.digest or options.message):
        raise UsageError("--attach is the second step, after --digest or --message: leave one of them out")
    chosen = settings.find(Path.cwd() / "program")
    stream = files.read(image).stream
    sgxs.read(stream)
    structure = signing.unsigned(
        sgxs.measurement(stream),
        product_id=_number("--product-id", options.product_id, chosen.product_id),
        security_version=_number("--security-version", options.security_version, chosen.security_version),
        debug=options.debug,
    )
    out = Path(options.out) if options.out else None
    if options.digest or options.message:
        if out is None:
            raise UsageError("--digest and --message need -o FILE: what is written has to be signed elsewhere")
        files.write(out, structure.digest() if options.digest else structure.signed_bytes())
        print(f"{out}: sign it with RSA-3072, exponent 3, PKCS #1 v1.5 and SHA-256; then gotee sign --attach")
        return 0
    signed = _attached(structure, options) if options.attach else _signed(structure, options)
    out = out or image.with_suffix(".sig")
    files.write(out, signed.to_bytes())
    print(f"{out}: signer {signed.signer.hex()} ({'for debugging' if signed.debug else 'for release'})")
    return 0


def _signed(structure: SigStruct, options: argparse.Namespace) -> SigStruct:
    if options.key is None:
        raise UsageError("name the key with --key KEY.pem; `gotee keys new` makes one")
    path = Path(options.key)
    development = keys.folder() / "development.pem"
    if development.is_file() and path.exists() and path.samefile(development) and not options.debug:
        raise UsageError("a development key signs for debugging only: add --debug, or take another key")
    return signing.signed(structure, path, passphrase_of(options.passphrase_file))


def _attached(structure: SigStruct, options: argparse.Namespace) -> SigStruct:
    if options.key is None:
        raise UsageError("name the public key of the signature with --key PUB.pem")
    public = keys.load_public(Path(options.key))
    data = require_file(options.attach).read_bytes()
    if len(data) != sigstruct.KEY_BYTES:
        raise UsageError(f"{options.attach} has {len(data)} bytes; an RSA-3072 signature has {sigstruct.KEY_BYTES}")
    modulus, signature = keys.modulus_of(public), int.from_bytes(data, "big")
    try:
        return sigstruct.attach(structure, modulus, signature)
    except ImageError:
        raise ImageError(_wrong(options, structure, sigstruct.signed_digest(modulus, signature))) from None


def _wrong(options: argparse.Namespace, structure: SigStruct, digest: bytes | None) -> str:
    """Why a signature that was made elsewhere is none of this image."""
    if digest is None:
        return (
            f"the signature is wrong: {options.attach} is none that the key of {options.key} makes with "
            "PKCS #1 v1.5 and SHA-256; sign what --digest wrote so, with that key"
        )
    numbers = f"product id {structure.product_id}, security version {structure.security_version}"
    return (
        f"the signature is wrong: {options.attach} signs the digest {digest.hex()}, and this image with {numbers}, "
        f"{'for debugging' if structure.debug else 'for release'}, has {structure.digest().hex()}; give the options of "
        "--digest again, and sign what it wrote as a digest, not as a message"
    )


def _number(option: str, given: int | None, default: int) -> int:
    value = default if given is None else given
    if not 0 <= value <= 0xFFFF:
        raise UsageError(f"{option} has to be from 0 to 65535, not {value}")
    return value
