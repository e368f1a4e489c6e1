"""The manifest and the parts of an image, read from its stream. Host world; what starts an image imports it."""

from __future__ import annotations

from gotee.errors import ImageError
from gotee.image import manifest as manifests
from gotee.image import pages, parts
from gotee.image.manifest import Manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def contents_of(stream: bytes) -> tuple[Manifest, dict[str, bytes]]:
    """Both. Raises ImageError."""
    block = parts.unpack(pages.contents_of(stream)[0], padded=True)
    if "manifest" not in block:
        raise ImageError("the image has no manifest")
    return manifests.decode(bytes(block["manifest"])), {name: bytes(part) for name, part in block.items()}


def manifest_of(stream: bytes) -> Manifest:
    """The manifest alone. Raises ImageError."""
    return contents_of(stream)[0]


def program_of(stream: bytes) -> dict[str, Any]:
    """What the manifest says of the program: what a host needs. Raises ImageError."""
    block = parts.unpack(pages.contents_of(stream)[0], padded=True)
    if "manifest" not in block:
        raise ImageError("the image has no manifest")
    return manifests.program_of(bytes(block["manifest"]))
