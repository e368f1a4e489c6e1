"""Native files: the interpreter, extension modules, and the libraries that the dynamic loader would link them to. Host.

The loader itself is asked (`ld.so --list`), so the answer is the one that a plain run would get.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import json
import os
import re
import struct
import subprocess
import time
from pathlib import Path

from gotee.errors import ImageError
from gotee.host import ahead
from gotee.image import cache, elf
from gotee.image.bytecode import read_source
from gotee.image.stamps import SETTLED

_LINKED = re.compile(r"^\t(?:(\S+) => )?(/\S+) \(0x", re.MULTILINE)
_MISSING = re.compile(r": (\S+): cannot open shared object file")
_PT_INTERP = 3  # System V gABI, program header type


def interpreter() -> str:
    """The interpreter that platforms and enclaves run."""
    return ahead.interpreter()


def loader_of(executable: str) -> str:
    """The dynamic loader that an ELF file names (ELF-64, System V gABI, program header PT_INTERP)."""
    with open(executable, "rb") as file:
        head = file.read(64)
        if head[:5] != b"\x7fELF\x02":
            raise ImageError(f"{executable} is no 64-bit ELF file: gotee builds images on 64-bit Linux only")
        table, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
        for number in range(count):
            file.seek(table + number * size)
            kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", file.read(size))
            if kind == _PT_INTERP:
                file.seek(offset)
                return os.path.realpath(file.read(length).rstrip(b"\0").decode())
    raise ImageError(
        f"the interpreter {executable} is linked statically: it cannot be loaded piece by piece; "
        "use a Python that is linked to the C library as usual"
    )


def digests(data: bytes) -> tuple[int, str, int, str]:
    """Size and SHA-256 of a native file, and of its first part, which is all that the dynamic loader maps."""
    loaded = elf.loaded(data, len(data))
    view = memoryview(data)
    found = hashlib.sha256(view[:loaded])
    first = found.hexdigest()
    found.update(view[loaded:])
    return len(data), found.hexdigest(), loaded, first


def digests_of(place: str) -> tuple[int, str, int, str]:
    """Those of the file at a place. They are remembered: a platform refuses an image if they are not right any more."""
    seen = os.stat(place)
    stamp = (place, seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    key = hashlib.sha256(repr((1, stamp)).encode()).hexdigest()
    stored = cache.read("hashed", key)
    if stored is not None:
        size, digest, loaded, first = json.loads(stored)
        return size, digest, loaded, first
    found = digests(read_source(place))
    if time.time_ns() - seen.st_ctime_ns > SETTLED:
        cache.write("hashed", key, json.dumps(found).encode())
    return found


def linked(loader: str, file: str) -> tuple[str, ...]:
    """The libraries that the loader maps for a file, each behind those that it needs itself.

    Raises ImageError if one is missing. A library may find its own only through the file that it is mapped for.
    """
    seen = os.stat(file)
    key = hashlib.sha256(repr((3, loader, file, seen.st_size, seen.st_mtime_ns, seen.st_ino)).encode()).hexdigest()
    stored = cache.read("linked", key)
    if stored is not None:
        known = tuple(json.loads(stored))
        if all(os.path.exists(path) for path in known):
            return known
    done = subprocess.run(  # its environment is empty: LD_PRELOAD and LD_LIBRARY_PATH are not part of a base
        [loader, "--list", file], capture_output=True, text=True, env={}, check=False
    )
    if done.returncode:
        missing = _MISSING.search(done.stderr)
        why = f"needs {missing.group(1)}, which is not installed" if missing else "cannot be loaded"
        raise ImageError(f"{file} {why}: install the library that it is linked to")
    found = {name or os.path.basename(path): path for name, path in _LINKED.findall(done.stdout)}
    libraries = _in_order({name: path for name, path in found.items() if os.path.realpath(path) != loader})
    cache.write("linked", key, json.dumps(libraries).encode())
    return libraries


def libraries_of(loader: str, file: str) -> tuple[str, ...]:
    """Those, and none if the file cannot be loaded by itself on this machine: then it cannot be inside, either."""
    try:
        return linked(loader, file)
    except ImageError:
        return ()


def _in_order(found: dict[str, str]) -> tuple[str, ...]:
    """Libraries by the names that others know them by, so that what one needs comes before it."""
    order: dict[str, None] = {}
    seen: set[str] = set()

    def add(name: str) -> None:
        if name in found and name not in seen:
            seen.add(name)
            for needed in elf.needed(read_source(found[name])):
                add(needed)
            order[found[name]] = None

    for name in sorted(found):
        add(name)
    return tuple(order)


def module_name(file: str) -> str | None:
    """The last part of the name of the module that an extension file holds; None if it is no extension module."""
    name = os.path.basename(file)
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        stem = name[: -len(suffix)]
        if name.endswith(suffix) and "." not in stem:  # x.cpython-313-... is for another interpreter
            return stem
    return None


def extensions(folder: Path) -> dict[str, str]:
    """The extension modules of one folder, by name."""
    found = {}
    for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
        module = module_name(name)
        if module is not None and module not in found:
            found[module] = str(folder / name)
    return found
