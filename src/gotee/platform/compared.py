"""Which files were found right before. Platform world, development only: it catches accidents, and claims no more.

Sources, and the symbols for debuggers at the end of native files, are most of what an image names, and none of it runs.
At level development a platform compares them again when they have changed: another inode, size or time. The same holds
for the ground, what every enclave begins with: a file of it that has not changed is copied and sealed, and not hashed
again. All else that is loaded is copied and verified at every start, whatever is remembered here.
"""

from __future__ import annotations

import os
import sys

from gotee.image import ground as grounds
from gotee.platform import recipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gotee.image.ground import Ground

_MOST = 1 << 26  # bytes
_MOST_KEPT = 64  # images that are remembered, and recipes
_FOLDER, _RECIPE = "compared", "recipe-"


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
        _forget_oldest(path, recipes=False)
    except OSError:
        return
    _write(path, "".join(f"{inside}\0{stamp}\n" for inside, stamp in stamps.items()).encode())


def keep_recipe(folder: str, ground: Ground, places: Mapping[str, str], stamps: Mapping[str, str]) -> None:
    """Remember how an interpreter is started on a ground, all of whose files were verified and have these stamps."""
    if stamps.keys() >= set(ground.paths):
        path = _recipe(folder)
        try:
            _forget_oldest(path, recipes=True)
        except OSError:
            return
        _write(path, recipe.encode(ground, places, stamps))


def _forget_oldest(path: str, *, recipes: bool) -> None:
    """Have room for a file of this path among those of its kind: what is not used any more goes. Raises OSError."""
    others = os.scandir(os.path.dirname(path))
    kind = (entry for entry in others if entry.name.startswith(_RECIPE) == recipes and entry.path != path)
    ages = sorted((entry.stat().st_mtime_ns, entry.path) for entry in kind)
    for _, old in ages[: max(len(ages) - _MOST_KEPT + 1, 0)]:
        os.unlink(old)


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


def _recipe(folder: str) -> str:
    """Where gotee.platform.begin looks for it."""
    python, here = os.stat(sys.executable), os.stat(os.path.dirname(grounds.__file__))
    return f"{folder}/{_FOLDER}/{_RECIPE}{python.st_dev:x}-{python.st_ino:x}-{here.st_dev:x}-{here.st_ino:x}"


def _path(folder: str, measurement: bytes) -> str:
    return f"{folder}/{_FOLDER}/{measurement.hex()}"
