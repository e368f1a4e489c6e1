"""A notary: an enclave hashes files, lists them in a manifest and signs it with a key that never leaves it.

    python notary.py PATH [--out FOLDER]

Writes `manifest` (one line a file, as `sha256sum` writes them), `manifest.sig` and `pub.pem`. To check:

    openssl pkeyutl -verify -pubin -inkey pub.pem -rawin -in manifest -sigfile manifest.sig
    cd PATH && sha256sum --check manifest

Any size: a file crosses in chunks, through a channel that holds a few of them. Symbolic links, devices and pipes are
left out. If anything cannot be read, nothing is signed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gotee import Chan, gosecure

CHUNK = 256 * 1024  # bytes
AHEAD = 8  # chunks that may wait for the enclave: with CHUNK, the memory that any directory takes


# -- inside ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Begin:
    """A file; its chunks follow. The name is bytes: that is what file systems have."""

    name: bytes


@dataclass(frozen=True)
class Notarized:
    manifest: bytes
    signature: bytes
    public_key: bytes  # PEM


def notarize(pieces: Chan[Begin | bytes]) -> Notarized:
    """Hash every file of the stream, and sign their list. The key is made here and forgotten at the end."""
    key = Ed25519PrivateKey.generate()
    digests = []
    for piece in pieces:
        if isinstance(piece, Begin):
            digests.append((piece.name, sha256()))
        else:
            digests[-1][1].update(piece)
    manifest = b"".join(line_of(name, digest.hexdigest()) for name, digest in digests)
    public_key = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Notarized(manifest, key.sign(manifest), public_key)


def line_of(name: bytes, digest: str) -> bytes:
    """A line for `sha256sum --check`, which wants names with odd characters escaped and marked.

    Without it, a file whose name has a line's end in it could pass for two.
    """
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != name else b""
    return mark + digest.encode() + b"  " + escaped + b"\n"


# -- outside ----------------------------------------------------------------------------------------------


def files_under(path: Path, but: Path) -> list[Path]:
    """Every regular file under a directory, in a fixed order, without those under `but`; or the one file itself."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise NotADirectoryError(20, "Neither a file nor a directory", str(path))
    left_out = but.resolve()
    found = []
    for folder, _, names in os.walk(path, onerror=give_up):
        files = (Path(folder, name) for name in names)
        found += [each for each in files if each.is_file() and not each.is_symlink()]
    return sorted(each for each in found if not each.resolve().is_relative_to(left_out))


def give_up(error: OSError) -> None:
    """A directory that cannot be read: a list without its files would pass for a whole one."""
    raise error


def chunks_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def feed(root: Path, files: list[Path], pieces: Chan[Begin | bytes]) -> None:
    """Send the files' names and chunks, with a progress bar if somebody watches."""
    from tqdm import tqdm

    total = sum(file.stat().st_size for file in files)
    with tqdm(total=total, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        for file in files:
            pieces.send(Begin(os.fsencode(file.relative_to(root))))
            for chunk in chunks_of(file):
                pieces.send(chunk)
                bar.update(len(chunk))
    pieces.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Hash and sign every file under PATH in an enclave.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--out", type=Path, default=Path("notarized"), help="where the results go (default: notarized)")
    options = parser.parse_args()
    if not options.path.exists():
        parser.error(f"{options.path} does not exist")
    try:
        notarize_files(options.path, options.out)
    except OSError as error:  # a file that cannot be read, or went away: nothing is signed
        parser.exit(1, f"{parser.prog}: nothing is signed: {error.strerror}: {error.filename}\n")


def notarize_files(path: Path, out: Path) -> None:
    """Write manifest, signature and public key for what is under `path`."""
    out.mkdir(parents=True, exist_ok=True)
    files = files_under(path, but=out)
    root = path if path.is_dir() else path.parent
    pieces = Chan[Begin | bytes](AHEAD)
    notarized = gosecure(notarize, pieces)
    feed(root, files, pieces)
    result = notarized.result()

    for name, content in (
        ("manifest", result.manifest),
        ("manifest.sig", result.signature),
        ("pub.pem", result.public_key),
    ):
        (out / name).write_bytes(content)
    print(f"{len(files)} files signed: {out / 'manifest'}")


if __name__ == "__main__":
    main()
