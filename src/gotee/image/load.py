"""Load an image: verify it, and everything that it names, into memory that nobody can change. Platform world.

Whatever comes in is hostile: the stream, the signature, and where the files are said to lie. Each file is copied once;
the copy is verified and sealed, and the copy is what runs. Nothing is read from a path again.

Verifying goes by stages, so that an interpreter can start while the rest of its image is still being verified:

* FIRST: the interpreter, the dynamic loader, and the libraries that are mapped before the interpreter starts.
* START: what gotee's own rooms are and load: archives, extension modules and their libraries. The image says which. It
  is the rest of the image's ground (gotee.image.ground): a platform may have copies of that already.
* REST: everything else that can be loaded.
* NAMED: what is never loaded, but named: sources, and the symbols for debuggers at the end of native files.

Nothing is executed, mapped or decoded before its own stage is done; nothing of the program before all are. Where it is
remembered which files were right before, those of REST and NAMED that have not changed since are not read again; those
of REST stay empty until the enclave asks for them, and are then copied, verified and sealed as all others (`fill`).
"""

from __future__ import annotations

import _thread
import os

from gotee.errors import ImageError
from gotee.image import ground as grounds
from gotee.image import manifest as manifests
from gotee.image import pages, parts, sigstruct, stamps
from gotee.image.ground import Ground
from gotee.image.hashing import digest, sha256
from gotee.image.manifest import ARCHIVE, NATIVE, SOURCE, Listed, Manifest
from gotee.image.memory import fill, memory, new, write
from gotee.image.sigstruct import DEBUG, SigStruct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping
    from typing import Any, NamedTuple
else:
    from gotee.records import Record as NamedTuple

STAGES = FIRST, START, REST, NAMED = range(4)
_PIECE = 256 << 10  # bytes read, hashed and written at a time: they stay in the processor's cache


class Loaded(NamedTuple):
    """An image as sealed descriptors: its contents, archives and native files in the order of their paths."""

    manifest: Manifest
    signature: SigStruct
    measurement: bytes
    contents: int
    archives: dict[str, int]
    natives: dict[str, int]

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All of them."""
        return (self.contents, *self.archives.values(), *self.natives.values())


def load(stream: bytes, signature: bytes, places: Mapping[str, str]) -> Loaded:
    """Verify everything, or raise ImageError; `places` says where each file that the image names may be found."""
    loading = Loading(stream, signature, places)
    for stage in STAGES:
        loading.finish(stage)
    return loading.loaded


class Verified(NamedTuple):
    """What `verify` has found right: nothing of it was executed or mapped yet."""

    manifest: Manifest
    contents: bytes
    signature: SigStruct
    ground: Ground


class Loading:
    """An image that is being verified, by the thread that calls `finish` and by a helper of its own.

    Stream, signature and manifest are verified when it is made; the descriptors of `loaded` are there from the start,
    and each is filled and sealed in its stage. After an ImageError all of them are closed. The helper begins at once
    if an enclave waits for something that it can do, and else when REST is to be finished.
    """

    def __init__(
        self,
        stream: bytes,
        signature: bytes,
        places: Mapping[str, str],
        *,
        sources: bool = True,
        recall: Callable[[bytes], Mapping[str, str]] | None = None,
        put_off: Container[str] = (),
        verified: Verified | None = None,
        there: Mapping[str, int] | None = None,
    ) -> None:
        """Without `sources`, files that are only named are not looked at; what is loaded has hashes of its own.

        `recall(measurement)` gives the stamps that files had when they were last compared: what is not needed for the
        start and has the same stamp is not read now. `stamps` are those of this time, once all is finished, and
        `ground_stamps` those of what is needed for the start.

        Files that are `put_off` by their paths are read when they are needed, and then as far as they are loaded.
        `verified` is what `verify` has answered for the same stream and signature. `there` are sealed copies of the
        files of its ground that need no more verifying, by path; they are this object's from now on.
        """
        manifest, contents, found, ground = verified or verify(stream, signature)
        there = there or {}
        sealed: dict[str, int] = {}
        try:
            for file in sorted(manifest.files):
                if file.role != SOURCE:
                    sealed[file.path] = there[file.path] if file.path in there else new(file.path)
            held = memory("gotee-pages", contents)
        except BaseException:
            _close({*sealed.values(), *there.values()})
            raise
        archives = {file.path: sealed[file.path] for file in sorted(manifest.files) if file.role == ARCHIVE}
        natives = {path: number for path, number in sealed.items() if path not in archives}
        self.ground = ground
        self.loaded = Loaded(manifest, found, found.enclave_hash, held, archives, natives)
        self._places = places
        self._put_off = put_off
        self._compared = {} if recall is None else recall(found.enclave_hash)
        self.stamps: dict[str, str] = {}
        self.ground_stamps: dict[str, str] = {}
        self._digests: dict[str, Any] = {}  # of natives, as far as they are loaded
        looked_at = [file for file in manifest.files if sources or file.role != SOURCE]
        self._tasks = _tasks(looked_at, ground, there, put_off)
        self._waiting: dict[str, Listed] = {}  # not read, and empty until `fill`
        self._left = [len(tasks) for tasks in self._tasks]
        self._problem: ImageError | None = None
        self._lock = _thread.allocate_lock()
        self._finished = [_taken_lock() for _ in self._tasks]
        self._helped = _taken_lock()
        self._helping = False
        if self._tasks[FIRST] or self._tasks[START]:
            self._have_help()

    @property
    def changed(self) -> bool:
        """Whether stamps are others than those that were recalled."""
        return self.stamps != self._compared

    @property
    def empty(self) -> tuple[int, ...]:
        """The descriptors that `fill` may fill yet."""
        return tuple((self.loaded.archives.get(path) or self.loaded.natives[path]) for path in self._waiting)

    def fill(self, number: int) -> None:
        """Have the archive or native file with this place among both, in their order, filled. Raises ImageError."""
        paths = (*self.loaded.archives, *self.loaded.natives)
        if number >= len(paths):
            raise ImageError(f"the enclave asks for file {number} of {len(paths)}")
        file = self._waiting.pop(paths[number], None)
        if file is not None:
            self._read(file, bytearray(_PIECE))

    def finish(self, stage: int) -> None:
        """Return when a stage is done; stages are finished in their order. Raises ImageError."""
        if stage >= REST and not self._helping:  # an enclave could be handed its image at once
            self._have_help()
        self._work(stage)
        if self._left[stage]:
            self._finished[stage].acquire()
        if stage == NAMED or self._problem is not None:
            self._helped.acquire()
        if self._problem is not None:
            _close(self.loaded.descriptors)
            raise self._problem

    def _have_help(self) -> None:
        self._helping = True
        _thread.start_new_thread(self._help, ())

    def _help(self) -> None:
        for stage in STAGES:
            self._work(stage)
        self._helped.release()

    def _work(self, stage: int) -> None:
        """Take tasks of a stage until none is left, or one of either thread found a problem."""
        buffer = bytearray(_PIECE)
        tasks = self._tasks[stage]
        while self._problem is None:
            try:
                file, rest = tasks.pop()
            except IndexError:
                return
            try:
                self._take(stage, file, rest, buffer)
            except ImageError as error:
                self._problem = error
            except Exception as error:  # a thread must not end without saying so
                self._problem = ImageError(f"{file.path} could not be verified: {error!r}")
            self._done(range(stage, stage + 1), 1)
        self._done(range(len(self._left)), manifests.MOST_FILES * 2)  # nobody waits any longer

    def _done(self, stages: Iterable[int], count: int) -> None:
        """So many tasks of these stages are done; who waits for the last one goes on."""
        with self._lock:
            for stage in stages:
                left = self._left[stage]
                self._left[stage] = max(left - count, 0)
                if left and not self._left[stage]:
                    self._finished[stage].release()

    def _take(self, stage: int, file: Listed, rest: bool, buffer: bytearray) -> None:
        place = self._place(file)
        if stage == REST and file.path in self._put_off:
            self._waiting[file.path] = file
            return
        try:
            stamp = stamps.stamp(file.sha256, os.stat(place))
            known = stamp is not None and stamp == self._compared.get(file.path)
            if stage < REST:
                self._read(file, buffer)
                if stamp is not None:
                    self.ground_stamps[file.path] = stamp
                return
            if stage == REST:
                if known:
                    self._waiting[file.path] = file
                else:
                    self._read(file, buffer)
            elif not known:
                _compare(file, place, self._digests.pop(file.path, None), buffer)
        except OSError as error:
            raise _unreadable(file, place, error) from None
        if stamp is not None and (stage == NAMED or not _has_rest(file)):
            self.stamps[file.path] = stamp

    def _read(self, file: Listed, buffer: bytearray) -> None:
        """Copy, verify and seal what is loaded of a file."""
        place = self._place(file)
        number = (self.loaded.archives if file.role == ARCHIVE else self.loaded.natives)[file.path]
        try:
            self._digests[file.path] = _copy(file, place, number, buffer)
        except OSError as error:
            raise _unreadable(file, place, error) from None

    def _place(self, file: Listed) -> str:
        place = self._places.get(file.path)
        if place is None:
            raise ImageError(f"nobody says where {file.path} lies, which the image names")
        return place


def _tasks(
    files: Iterable[Listed], ground: Ground, there: Container[str], put_off: Container[str]
) -> tuple[list[tuple[Listed, bool]], ...]:
    """What is to be done in each stage, the largest last: it is taken first. True is for the rest of a native file."""
    stages: tuple[list[tuple[int, Listed, bool]], ...] = ([], [], [], [])
    first, starting = ground.first, set(ground.paths)
    for file in files:
        known = FIRST if file.path in first else START if file.path in starting else REST
        if file.path not in there:
            stages[NAMED if file.role == SOURCE else known].append((file.loaded or file.size, file, False))
        if _has_rest(file) and file.path not in put_off:
            stages[NAMED].append((file.size - file.loaded, file, True))
    return tuple([(file, rest) for _, file, rest in sorted(stage)] for stage in stages)


def _has_rest(file: Listed) -> bool:
    """Whether a native file has something behind what is loaded of it."""
    return file.role == NATIVE and file.loaded < file.size


def _taken_lock() -> _thread.LockType:
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def verify(stream: bytes, signature: bytes) -> Verified:
    """The manifest, contents and ground of an image whose stream, signature and manifest are as they must be."""
    found = sigstruct.from_bytes(signature)
    found.verify()
    if digest(stream) != found.enclave_hash:
        raise ImageError("the signature is not that of this image: it, or the image, was changed after signing")
    if not found.debug and not found.attribute_mask[0] & DEBUG:
        raise ImageError("the signature of a release image has to fix DEBUG in its attribute mask: sign it again")
    contents, threads = pages.contents_of(stream)
    block = parts.unpack(contents, padded=True)
    if "manifest" not in block or "boot" not in block or "loading" not in block:
        raise ImageError("the image has no manifest, or nothing to begin with")
    manifest = manifests.decode(bytes(block["manifest"]), program=False)
    if manifest.program.get("threads") != threads:
        raise ImageError("the image's manifest and its pages disagree about the number of threads")
    return Verified(manifest, contents, found, grounds.of_image(manifest, block))


def _compare(file: Listed, place: str, digest: Any, buffer: bytearray) -> None:
    """Compare a file that is not loaded, or the rest of one of which `digest` is all that is."""
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        left = file.size
        if digest is not None:
            left -= os.lseek(descriptor, file.loaded, os.SEEK_SET)
        digest = digest or sha256()
        _through(descriptor, left + 1, digest, buffer)
    finally:
        os.close(descriptor)
    if digest.hexdigest() != file.sha256:
        raise _changed(file, place)


def _copy(file: Listed, place: str, number: int, buffer: bytearray) -> Any:
    """Copy what is loaded of a file, each byte read once; verify and seal the copy. What is written is what was hashed.

    Returns the hash, to which the rest of a native file can be added.
    """
    source = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        start, size, wanted = file.copied
        if not file.size or os.fstat(source).st_size != start + file.size:
            raise _changed(file, place)
        if start:
            os.lseek(source, start, os.SEEK_SET)
        digest = sha256()
        fill(number, lambda writes: _through(source, size, digest, buffer, writes))
    finally:
        os.close(source)
    if digest.hexdigest() != wanted or os.fstat(number).st_size != size:
        raise _changed(file, place)
    return digest


def _through(source: int, size: int, digest: Any, buffer: bytearray, writes: int | None = None) -> None:
    """Hash so many bytes of a file, or up to its end, and write them to memory, too."""
    view = memoryview(buffer)
    while size and (count := os.readv(source, [view[:size] if size < len(view) else view])):
        piece = view[:count]
        digest.update(piece)
        if writes is not None:
            write(writes, piece)
        size -= count


def _unreadable(file: Listed, place: str, error: OSError) -> ImageError:
    return ImageError(
        f"{file.path}, which the image names, cannot be read at {place}: {error.strerror}; build the image again"
    )


def _changed(file: Listed, place: str) -> ImageError:
    return ImageError(
        f"{place} is not the file that the image names as {file.path}: it was changed, or belongs to another version; "
        "build the image again, or use the base that it was built with"
    )
