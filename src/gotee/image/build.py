"""A partition becomes an image: what goes into the pages, and what the image names by hash. Host world."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gotee
from gotee.compiler.interface import interface_of
from gotee.compiler.partition import Partition
from gotee.errors import ImageError
from gotee.image import pages, parts, remembered
from gotee.image.bytecode import compiled, has_columns, read_source
from gotee.image.manifest import Manifest
from gotee.image.remembered import Wanted
from gotee.image.settings import matching
from gotee.syntax._files import as_utf8

PROGRAM = "/program/"


@dataclass(frozen=True)
class Built:
    """An image's stream, and where the files that it names lie on this machine.

    `own_imports` are what gotee's rooms import: modules of the standard library that are in every image.
    """

    stream: bytes
    manifest: Manifest
    places: dict[str, str]
    own_imports: frozenset[str] = frozenset()

    @property
    def measurement(self) -> bytes:
        """MRENCLAVE."""
        return hashlib.sha256(self.stream).digest()


@dataclass(frozen=True)
class Options:
    """What `[tool.gotee]` says of the contents of an image."""

    name: str | None = None
    threads: int = 1
    limits: dict[str, int] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=lambda: {"ocalls": {"console": True}})
    include: tuple[str, ...] = ()
    error_key: str = ""
    extra: tuple[str, ...] = ()


def build(partition: Partition, options: Options | None = None) -> Built:
    """Build the image of a program. Raises ImageError, CompileError."""
    options = options or Options()
    if not has_columns():
        raise ImageError(
            "PYTHONNODEBUGRANGES, or -X no_debug_ranges, makes other bytecode, and so another measurement, than "
            "everybody else gets from the same program: unset it"
        )
    contents, imports = _program(partition, options)
    outside = partition.outside
    wanted = (imports, outside.standard, outside.distributions, outside.installed, options.extra)
    around = remembered.around(Wanted(*(tuple(sorted(names)) for names in wanted)))
    program = _described(partition, options, around.distributions, contents)
    manifest = Manifest(program, _python(), tuple(around.files))
    contents |= {**around.pages, "manifest": manifest.encode()}
    stream = pages.stream_of(parts.pack(contents), options.threads)
    return Built(stream, manifest, around.places, frozenset(around.own_imports))


def _program(partition: Partition, options: Options) -> tuple[dict[str, bytes], set[str]]:
    """The pages of a program, and what it imports."""
    contents: dict[str, bytes] = {}
    imports: set[str] = set()
    root = partition.root
    for name, module in partition.modules.items():
        file = Path(module["file"])
        inside = PROGRAM + file.relative_to(root).as_posix()
        if module["package"] and file.suffix != ".py":
            continue  # a package without __init__: a folder
        if not inside.isprintable():
            raise ImageError(f"the name of {str(file)!a} is not UTF-8, or has a letter that is not shown: rename it")
        source = as_utf8(module["source"])
        made = compiled(source, inside)
        contents[f"{'package' if module['package'] else 'module'} {name} {inside}"] = made.code
        contents[f"source {inside}"] = source
        imports |= {wanted for wanted in made.imports if not wanted.startswith(".")}
    for path in {*partition.data, *_included(root, options.include)}:
        try:
            contents[f"file {PROGRAM}{path}"] = read_source(root / path)
        except OSError as error:
            raise ImageError(f"{root / path}, which trusted code reads, cannot be read: {error.strerror}") from None
    return contents, imports


def _included(root: Path, patterns: Sequence[str]) -> Iterable[str]:
    for pattern in patterns:
        found = matching(root, pattern)
        if not found and (root / pattern).is_dir():
            raise ImageError(f"include names {pattern!r}, which is a folder: write '{pattern.rstrip('/')}/**'")
        if not found:
            raise ImageError(f"include names {pattern!r}, but there is no such file under {root}")
        for path in found:
            if not path.resolve().is_relative_to(root.resolve()):
                raise ImageError(f"include names {pattern!r}, but {path.relative_to(root)} leads out of {root}")
            yield path.relative_to(root).as_posix()


def _python() -> dict[str, str]:
    return {
        "implementation": sys.implementation.name,
        "version": sys.version.split()[0],
        "magic": importlib.util.MAGIC_NUMBER.hex(),
        "machine": f"{sys.platform}-{getattr(sys.implementation, '_multiarch', '')}",
    }


def _described(
    partition: Partition, options: Options, distributions: dict[str, str], contents: dict[str, bytes]
) -> dict[str, Any]:
    sources = {
        path.removeprefix("source "): hashlib.sha256(data).hexdigest()
        for path, data in contents.items()
        if path.startswith("source ")
    }
    data = {
        path.removeprefix("file "): hashlib.sha256(text).hexdigest()
        for path, text in contents.items()
        if path.startswith(f"file {PROGRAM}")
    }
    return {
        "name": options.name or partition.name.removesuffix(".__main__"),
        "main": partition.name,
        "gotee": gotee.__version__,
        "modules": sources,
        "entries": [list(entry) for entry in partition.entries],
        "interface": interface_of(partition),
        "policy": options.policy,
        "limits": options.limits,
        "error_key": options.error_key,
        "threads": options.threads,
        "distributions": distributions,
        "absent": partition.outside.absent,
        "data": data,
        "host_only": partition.host_only,
        "overrides": partition.overrides,
    }
