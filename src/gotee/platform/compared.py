"""Which files were found right before, of those that an image names and never loads. Platform world, development only.

Sources, and the symbols for debuggers at the end of native files, are most of what an image names, and none of it runs.
At level development a platform compares them again when they have changed: another inode, size or time. What is loaded
is copied and verified at every start, whatever is remembered here.
"""

from __future__ import annotations

import os

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
    draft = f"{path}.{os.getpid()}"
    try:
        os.makedirs(folder, 0o700, exist_ok=True)  # it will hold keys
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        others = os.scandir(os.path.dirname(path))
        ages = sorted((entry.stat().st_mtime_ns, entry.path) for entry in others if entry.path != path)
        for _, old in ages[: max(len(ages) - _IMAGES + 1, 0)]:
            os.unlink(old)
        with open(draft, "xb") as file:
            file.write("".join(f"{inside}\0{stamp}\n" for inside, stamp in stamps.items()).encode())
        os.replace(draft, path)
    except OSError:
        try:
            os.unlink(draft)
        except OSError:
            pass


def _path(folder: str, measurement: bytes) -> str:
    return f"{folder}/{_FOLDER}/{measurement.hex()}"
