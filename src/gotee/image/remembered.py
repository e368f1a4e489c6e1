"""What was collected around a program, kept in the user's cache: good while the files that it names say so. Host world.

Hundreds of files are read and hashed for it, and hardly one of them changes between two builds. An entry has their
stamps, those of their folders, and what is installed. One that is out of date, though the stamps are not, makes an
image that no platform starts: it compares all files with their hashes.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time

from gotee.boundary import plain_json
from gotee.errors import ImageError
from gotee.host import ahead
from gotee.image import cache, parts
from gotee.image.bytecode import stamp as stamp_of_bytecode
from gotee.image.manifest import ARCHIVE, Listed
from gotee.image.stamps import SETTLED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NamedTuple
else:
    from gotee.records import Record as NamedTuple

KIND = "around"
_FORMAT = 1
_RECORD, _PAGE = "record", "page "
_INSTALLED = (".dist-info", ".egg-info", ".egg-link", ".egg", ".pth")


class Wanted(NamedTuple):
    """What a program asks of its surroundings, each in order: what it imports, and what of that is whose.

    `extra` are modules of the standard library that are inside as well.
    """

    imports: tuple[str, ...]
    standard: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


class Around:
    """What an image has beside the program; `own_imports` are what gotee's rooms and what they need import."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.files: list[Listed] = []
        self.places: dict[str, str] = {}
        self.distributions: dict[str, str] = {}  # name: version
        self.own_imports: set[str] = set()


def around(wanted: Wanted) -> Around:
    """What is around a program: as it was collected before, or collected now. Raises ImageError."""
    key = hashlib.sha256(plain_json.dumps([_FORMAT, *wanted, *_ground(), *_installed(wanted)])).hexdigest()
    found = _read(key)
    if found is None:
        from gotee.image.around import collected

        found = collected(wanted)
        _write(key, found)
    return found


def _ground() -> Iterable[Any]:
    """The interpreter, and the code that collects."""
    yield from (stamp_of_bytecode().hex(), sys.prefix, sys.path, ahead.interpreter())
    folder = os.path.dirname(__file__)
    own = sorted(f"{folder}/{name}" for name in os.listdir(folder) if name.endswith(".py"))
    for place in (*own, f"{folder}/../compiled.py"):
        yield place, _stamp(os.stat(place))


def _installed(wanted: Wanted) -> Iterable[list[str]]:
    """What of the folders of `sys.path` says what is installed, or may be one of the packages that are wanted."""
    packages = {name.partition(".")[0] for name in (*wanted.imports, *wanted.installed)}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            names = []
        yield sorted(name for name in names if name.endswith(_INSTALLED) or name.partition(".")[0] in packages)


def _stamp(seen: os.stat_result) -> str:
    return f"{seen.st_dev} {seen.st_ino} {seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns}"


def _looked_at(found: Around) -> tuple[list[str], list[str]]:
    """The archives, which are ours; and the other files, their folders, and what else says what these should have."""
    archives = [found.places[file.path] for file in found.files if file.role == ARCHIVE]
    others = set(found.places.values()).difference(archives)
    roots = {os.path.abspath(folder) for folder in sys.path}
    folders: set[str] = set()
    for path, place in found.places.items():
        folder = os.path.dirname(place)
        while not path.startswith("/base/") and place in others and len(folder) > 1 and folder not in folders:
            folders.add(folder)
            folder = folder if folder in roots else os.path.dirname(folder)
    records = {f"{folder}/RECORD" for folder in folders if folder.endswith(".dist-info")}
    return archives, sorted({*others, *folders, *filter(os.path.exists, records)})


def _write(key: str, found: Around) -> None:
    """Keep it, if nothing that it depends on was changed right now: another change could look the same."""
    archives, others = _looked_at(found)
    try:
        seen = {place: os.stat(place) for place in (*archives, *others)}
    except OSError:
        return
    if max(seen[place].st_ctime_ns for place in others) > time.time_ns() - SETTLED:
        return
    record = {
        "files": [[*file[:5], list(file.needs), *file[6:]] for file in found.files],
        "places": found.places,
        "own imports": sorted(found.own_imports),
        "distributions": found.distributions,
        "looked at": [*archives, *others],
        "stamps": _stamps(seen.values()),
    }
    pages = {_PAGE + name: data for name, data in found.pages.items()}
    try:
        cache.write(KIND, key, parts.pack({**pages, _RECORD: plain_json.dumps(record)}))
    except (ImageError, UnicodeError):
        return  # a name that cannot be printed: it is collected each time


def _stamps(seen: Iterable[os.stat_result]) -> str:
    return hashlib.sha256("\n".join(map(_stamp, seen)).encode()).hexdigest()


def _read(key: str) -> Around | None:
    """An entry that is still good; anything that is not as it should be is none."""
    data = cache.read(KIND, key)
    if data is None:
        return None
    try:
        stored = parts.unpack(data)
        record = plain_json.loads(bytes(stored[_RECORD]))
        if _stamps(map(os.stat, record["looked at"])) != record["stamps"]:
            return None
        found = Around()
        found.files = [Listed(*row)._replace(needs=tuple(row[5])) for row in record["files"]]
        found.places, found.distributions = record["places"], record["distributions"]
        found.own_imports = set(record["own imports"])
        found.pages = {name.removeprefix(_PAGE): bytes(part) for name, part in stored.items() if name != _RECORD}
    except (OSError, ValueError, KeyError, TypeError, ImageError):
        return None
    return found
