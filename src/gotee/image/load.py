"""Load an image: verify it, and everything that it names, into memory that nobody can change. Platform world.

Whatever comes in is hostile: the stream, the signature, and where the files are said to lie. Each file is copied once;
the copy is verified and sealed, and the copy is what runs. Nothing is read from a path again.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from gotee.errors import ImageError
from gotee.image import manifest as manifests
from gotee.image import pages, parts, sigstruct
from gotee.image.manifest import ARCHIVE, NATIVE, SOURCE, Listed, Manifest
from gotee.image.sigstruct import DEBUG, SigStruct

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
CHECKSUM = 32  # bytes, see gotee.image.cache


class Loaded(NamedTuple):
    """A verified image as sealed descriptors: its contents, archives and native files in the order of their paths."""

    manifest: Manifest
    signature: SigStruct
    measurement: bytes
    contents: int
    boot: tuple[int, int]  # offset and size of the first code
    archives: dict[str, int]
    natives: dict[str, int]

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All of them."""
        return (self.contents, *self.archives.values(), *self.natives.values())


def load(stream: bytes, signature: bytes, places: Mapping[str, str]) -> Loaded:
    """Verify everything, or raise ImageError; `places` says where each file that the image names may be found."""
    manifest, contents, found = verify(stream, signature)
    sealed: dict[str, int] = {}

    def take(file: Listed) -> None:
        place = places.get(file.path)
        if place is None:
            raise ImageError(f"nobody says where {file.path} lies, which the image names")
        try:
            if file.role == SOURCE:
                _compare(file, place)
            else:
                sealed[file.path] = _copy(file, place)
        except OSError as error:
            raise ImageError(
                f"{file.path}, which the image names, cannot be read at {place}: {error.strerror}; "
                "build the image again"
            ) from None

    mapped = [file for file in manifest.files if file.role != SOURCE]
    problems: list[ImageError] = []
    helper = threading.Thread(target=_each, args=(take, _by_size(mapped), problems))  # copying needs no interpreter
    try:
        helper.start()
        _each(take, [file for file in manifest.files if file.role == SOURCE], problems)
        helper.join()
        if problems:
            raise problems[0]
        boot = _place_of(contents, parts.unpack(contents, padded=True))
        held = memory("gotee-pages", contents)
    except BaseException:
        for descriptor in sealed.values():
            os.close(descriptor)
        raise
    native = {file.path: sealed[file.path] for file in sorted(manifest.files) if file.role == NATIVE}
    archives = {file.path: sealed[file.path] for file in sorted(manifest.files) if file.role == ARCHIVE}
    return Loaded(manifest, found, hashlib.sha256(stream).digest(), held, boot, archives, native)


def _by_size(files: list[Listed]) -> list[Listed]:
    return sorted(files, key=lambda file: -file.size)


def _each(take: Callable[[Listed], None], files: list[Listed], problems: list[ImageError]) -> None:
    """Until the first problem of this or the other thread."""
    for file in files:
        if problems:
            return
        try:
            take(file)
        except ImageError as error:
            problems.append(error)


def verify(stream: bytes, signature: bytes) -> tuple[Manifest, bytes, SigStruct]:
    """The manifest and the contents of an image whose stream, signature and manifest are as they must be."""
    found = sigstruct.from_bytes(signature)
    found.verify()
    if hashlib.sha256(stream).digest() != found.enclave_hash:
        raise ImageError("the signature is not that of this image: it, or the image, was changed after signing")
    if not found.debug and not found.attribute_mask[0] & DEBUG:
        raise ImageError("the signature of a release image has to fix DEBUG in its attribute mask: sign it again")
    contents, threads = pages.contents_of(stream)
    block = parts.unpack(contents, padded=True)
    if "manifest" not in block or "boot" not in block or "loading" not in block:
        raise ImageError("the image has no manifest, or nothing to begin with")
    manifest = manifests.decode(bytes(block["manifest"]))
    if manifest.program["threads"] != threads:
        raise ImageError("the image's manifest and its pages disagree about the number of threads")
    return manifest, contents, found


def _place_of(contents: bytes, block: Mapping[str, memoryview]) -> tuple[int, int]:
    """Where the first code lies: parts follow one another in the order of their names."""
    start = len(contents.partition(b"\n")[0]) + 1 + int(contents.partition(b"\n")[0].rpartition(b" ")[2])
    for name, part in block.items():
        if name == "boot":
            return start, len(part)
        start += len(part)
    raise ImageError("the image has nothing to begin with")


def _compare(file: Listed, place: str) -> None:
    """A source file is only compared: its bytecode is in an archive."""
    with open(place, "rb", buffering=0) as source:
        data = source.read(file.size + 1)
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        raise _changed(file, place)


def _copy(file: Listed, place: str) -> int:
    """One copy of a file, verified and sealed."""
    memory = os.memfd_create(os.path.basename(file.path), os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(place, "rb", buffering=0) as source:
            start = CHECKSUM if file.role == ARCHIVE else 0  # the cache keeps it before the data
            if not file.size or os.fstat(source.fileno()).st_size != start + file.size:
                raise _changed(file, place)
            end = start + file.size
            while start < end and (sent := os.sendfile(memory, source.fileno(), start, end - start)):
                start += sent
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
        if os.fstat(memory).st_size != file.size:
            raise _changed(file, place)
        with mmap.mmap(memory, file.size, mmap.MAP_SHARED, mmap.PROT_READ) as copy:
            if hashlib.sha256(copy).hexdigest() != file.sha256:
                raise _changed(file, place)
    except BaseException:
        os.close(memory)
        raise
    return memory


def _changed(file: Listed, place: str) -> ImageError:
    return ImageError(
        f"{place} is not the file that the image names as {file.path}: it was changed, or belongs to another version; "
        "build the image again, or use the base that it was built with"
    )


def memory(name: str, data: bytes) -> int:
    """Sealed memory with these bytes."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor
