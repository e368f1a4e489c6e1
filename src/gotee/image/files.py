"""An image on the disk: `NAME.sgxs`, and `NAME.sig` beside it. Host world."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from gotee.errors import ImageError
from gotee.image.sgxs import FIRST, MOST_BYTES


class ImageFile(NamedTuple):
    """A stream with its signature, which is None if the image is not signed yet."""

    stream: bytes
    signature: bytes | None


def read(path: Path) -> ImageFile:
    """Read an image and the signature beside it. Raises ImageError."""
    try:
        with open(path, "rb") as file:
            stream = file.read(MOST_BYTES + 1)
        signature_file = path.with_suffix(".sig")
        signature = signature_file.read_bytes() if signature_file.is_file() else None
    except OSError as error:
        raise ImageError(f"the image {path} cannot be read: {error.strerror}") from None
    if not stream.startswith(FIRST):
        raise ImageError(f"{path} is no image: it does not begin with ECREATE; `gotee build` writes images")
    return ImageFile(stream, signature)


def write(path: Path, data: bytes) -> None:
    """Write a file: all of it or nothing, never half of it over another."""
    if path.is_dir():
        raise ImageError(f"{path} cannot be written: it is a directory; name a file in it")
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ImageError(f"{path} cannot be written: {error.strerror}") from None
