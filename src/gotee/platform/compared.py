"""Which files were found right before. Platform world, development only: it catches accidents, and claims no more.

Sources, and the symbols for debuggers at the end of native files, are most of what an image names, and none of it runs.
At level development a platform compares them again when they have changed: another inode, size or time. The same holds
for the ground, what every enclave begins with: a file of it that has not changed is copied and sealed, and not hashed
again. All else that is loaded is copied and verified at every start, whatever is remembered here.
"""

from __future__ import annotations

import os
import sys

from gotee.boundary import plain_json
from gotee.errors import ImageError
from gotee.image import ground as grounds
from gotee.image import parts
from gotee.image.ground import Ground
from gotee.platform.found import Found

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST = 1 << 26  # bytes
_IMAGES = 64  # that are remembered
_FOLDER = "compared"


def recall(folder: str, measurement: bytes) -> dict[str, str]:
    """The stamps of an image's files when they were last compared, by path inside (see gotee.image.load)."""
    try:
        with open(_path(folder, measurement), "rb") as file:
            lines = file.read(_MOST).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {path: stamp for path, _, stamp in (line.partition("\0") for line in lines)}


def keep(folder: str, measurement: bytes, stamps: Mapping[str, str]) -> None:
    """Remember the stamps. Where nothing can be written, all is compared again the next time."""
    path = _path(folder, measurement)
    try:
        os.makedirs(folder, 0o700, exist_ok=True)  # it will hold keys
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        others = os.scandir(os.path.dirname(path))
        ages = sorted((entry.stat().st_mtime_ns, entry.path) for entry in others if entry.path != path)
        for _, old in ages[: max(len(ages) - _IMAGES + 1, 0)]:
            os.unlink(old)
    except OSError:
        return
    _write(path, "".join(f"{inside}\0{stamp}\n" for inside, stamp in stamps.items()).encode())


def recall_ground(folder: str) -> Found | None:
    """The ground of the last image that this interpreter and this gotee have verified, if there is one."""
    try:
        with open(_ground(folder), "rb") as file:
            kept = parts.unpack(file.read(_MOST))
        found = plain_json.loads(bytes(kept.pop("found")))
        ground = Ground({name: bytes(part) for name, part in kept.items()})
        places, stamps = ({path: found[path][at] for path in ground.paths} for at in (0, 1))
        return Found(ground, places, stamps)
    except (OSError, ImageError, ValueError, LookupError, TypeError, RecursionError):
        return None


def keep_ground(folder: str, ground: Ground, places: Mapping[str, str], stamps: Mapping[str, str]) -> None:
    """Remember a ground, all of whose files were verified and have these stamps."""
    if stamps.keys() >= set(ground.paths):
        found = {path: [places[path], stamps[path]] for path in ground.paths}
        _write(_ground(folder), parts.pack({**ground.parts, "found": plain_json.dumps(found)}))


def _write(path: str, data: bytes) -> None:
    draft = f"{path}.{os.getpid()}"
    try:
        with open(draft, "xb") as file:
            file.write(data)
        os.replace(draft, path)
    except OSError:
        try:
            os.unlink(draft)
        except OSError:
            pass


def _ground(folder: str) -> str:
    python, here = os.stat(sys.executable), os.stat(os.path.dirname(grounds.__file__))
    return f"{folder}/{_FOLDER}/ground-{python.st_dev:x}-{python.st_ino:x}-{here.st_dev:x}-{here.st_ino:x}"


def _path(folder: str, measurement: bytes) -> str:
    return f"{folder}/{_FOLDER}/{measurement.hex()}"
