"""Partitions that were made before, kept in the user's cache: one for each program, good while its files say so.

Host world. An entry holds every question that the compiler asked of the file system, with its answer (contents by
SHA-256, and what is not there too), and the partition. If an answer has changed, or the compiler, or the interpreter,
the program is looked at anew. What only files of single modules would save, reading and parsing them, is not kept: to
decode a kept syntax tree takes longer than to parse the file.
"""

from __future__ import annotations

import hashlib
import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gotee.compiler.disk import Disk, is_still_so
from gotee.compiler.outside import packages_outside
from gotee.compiler.partition import Entry, Partition, no_collection
from gotee.image import cache

if TYPE_CHECKING:
    from gotee.compiler.closure import Analysis

_KIND = "partitions"
_TEXTS = ("definitions", "host_only", "overrides", "data")


def partition(main: Path, asker: str = "command", root: Path | None = None, also: tuple[str, ...] = ()) -> Partition:
    """The trusted part of the program whose main file this is. Raises CompileError.

    With `root`, that is a module in this folder, and `also` are others of the program, which it need not import.
    `asker` is "program" if the program runs in this process and may have changed it: the two do not share entries.
    """
    key = _key(asker, str(main.resolve()), str(root or ""), *also)
    found = _read(key)
    if found is not None:
        return found[0]
    from gotee.compiler.closure import analysis_of

    with no_collection():
        analysis = analysis_of(main, root, also)
        return _made(key, analysis, checked=False)


def sliced(root: Path, module: str, function: str, out: Path | None) -> Partition:
    """The slice of one function, written to a folder and checked there if one is given. Raises CompileError."""
    key = _key("slice", str(root.resolve()), module, function)
    found = _read(key)
    if found is not None and (out is None or found[1]):
        if out is not None:
            from gotee.compiler.verify import imports_work, write_tree

            write_tree(found[0], out)
            imports_work(found[0], out)
        return found[0]
    from gotee.compiler.closure import slice_of
    from gotee.compiler.verify import verify, write_tree

    with no_collection():
        analysis = slice_of(root, module, function)
        if out is not None:
            write_tree(analysis.partition, out)
            verify(analysis, out)
        return _made(key, analysis, checked=out is not None)


def _made(key: str, analysis: Analysis, checked: bool) -> Partition:
    """What was found, remembered; the rest is dropped before a collection looks through what a large program was."""
    from gotee.compiler.statements import forget

    _write(key, analysis.partition, analysis.graph.program.disk, checked)
    analysis.drop()
    forget()
    return analysis.partition


def _key(*words: str) -> str:
    return hashlib.sha256("\0".join((_stamp(), *words)).encode("utf-8", "surrogateescape")).hexdigest()


@lru_cache(maxsize=1)
def _stamp() -> str:
    """The compiler and the interpreter, of which all answers depend too."""
    rooms = Path(__file__).parent, Path(__file__).parents[1] / "syntax"
    found = hashlib.sha256(f"{sys.version}\0{sys.prefix}\0".encode())
    for file in sorted(file for room in rooms for file in room.glob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()


def _read(key: str) -> tuple[Partition, bool] | None:
    """An entry that is still good, and whether its names were checked; anything that is not as it should be is none."""
    data = cache.read(_KIND, key)
    if data is None:
        return None
    try:
        stored = json.loads(data)
        if not all(is_still_so(tuple(question), answer) for question, answer in stored["asked"]):
            return None
        return _from_plain(stored["partition"]), stored["checked"] is True
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(key: str, partition: Partition, disk: Disk, checked: bool) -> None:
    asked = [[list(question), answer] for question, answer in disk.asked.items()]
    data = json.dumps({"asked": asked, "partition": _plain(partition), "checked": checked})
    cache.write(_KIND, key, data.encode())


def _plain(partition: Partition) -> dict[str, Any]:
    outside = partition.outside
    used = {package for packages in outside.distributions.values() for package in packages}
    return {
        "name": partition.name,
        "modules": partition.modules,
        "entries": partition.entries,
        **{name: getattr(partition, name) for name in _TEXTS},
        "packages": sorted({*outside.standard, *outside.installed, *outside.absent, *used}),
        "root": str(partition.root),
    }


def _from_plain(stored: dict[str, Any]) -> Partition:
    """A partition of an entry. Raises ValueError, KeyError, TypeError."""
    for module in stored["modules"].values():
        if sorted(module) != ["file", "package", "source"] or not _are_texts([module["file"], module["source"]]):
            raise ValueError("no module")
    entries = [Entry(*entry) for entry in stored["entries"]]
    lists = {name: stored[name] for name in _TEXTS}
    if not all(map(_are_texts, [*lists.values(), stored["packages"], *entries, [stored["name"], stored["root"]]])):
        raise ValueError("no texts")
    return Partition(
        name=stored["name"],
        modules=stored["modules"],
        entries=entries,
        outside=packages_outside(set(stored["packages"])),
        root=Path(stored["root"]),
        **lists,
    )


def _are_texts(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(isinstance(value, str) for value in values)
