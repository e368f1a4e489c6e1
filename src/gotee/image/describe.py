"""What an image is, for people and for other programs; and in what two images differ. Host world."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from gotee.errors import ImageError
from gotee.image import manifest as manifests
from gotee.image import sigstruct
from gotee.image.contents import contents_of
from gotee.image.files import ImageFile
from gotee.image.manifest import Manifest

ONLY_FIRST, ONLY_SECOND = ": only in the first", ": only in the second"


def contents(image: ImageFile) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and the parts of an image. Raises ImageError."""
    return contents_of(image.stream)


def report(image: ImageFile) -> dict[str, Any]:
    """Everything that an image says of itself."""
    manifest, block = contents(image)
    program = manifest.program
    by_role = {role: [file for file in manifest.files if file.role == role] for role in manifests.ROLES}
    return {
        "name": program["name"],
        "measurement": hashlib.sha256(image.stream).hexdigest(),
        "program_digest": manifest.digest.hex(),
        "signature": _signature(image),
        "python": {key: manifest.python[key] for key in ("implementation", "version", "machine")},
        "gotee": program["gotee"],
        "threads": program["threads"],
        "limits": program["limits"],
        "policy": program["policy"],
        "interface": program["interface"],
        "modules": program["modules"],
        "data": program["data"],
        "distributions": program["distributions"],
        "absent": program["absent"],
        "host_only": program["host_only"],
        "overrides": program["overrides"],
        "files": {role: len(files) for role, files in by_role.items()},
        "bytes": {"pages": len(image.stream), **{role: sum(f.size for f in files) for role, files in by_role.items()}},
        "parts": len(block),
    }


def _signature(image: ImageFile) -> dict[str, Any] | None:
    if image.signature is None:
        return None
    found = sigstruct.from_bytes(image.signature)
    found.verify()
    if found.enclave_hash != hashlib.sha256(image.stream).digest():
        raise ImageError("the signature beside the image is that of another image")
    return {
        "signer": found.signer.hex(),
        "product_id": found.product_id,
        "security_version": found.security_version,
        "debug": found.debug,
        "date": found.date,
    }


def difference(first: ImageFile, second: ImageFile) -> list[str]:
    """One line for each thing in which two images differ: fields, parts of the pages, and files by their paths."""
    (one, parts_one), (other, parts_other) = contents(first), contents(second)
    lines: list[str] = []
    for key in sorted(one.program):
        if key not in ("modules", "data"):
            lines += _field(f"program {key}", one.program[key], other.program[key])
    lines += [
        f"python {key}: {one.python[key]} | {other.python[key]}" for key in one.python if _differs(one, other, key)
    ]
    for name in sorted({*parts_one, *parts_other} - {"manifest", "loading"}):
        lines += _change(f"pages {name}", parts_one.get(name), parts_other.get(name))
    files_one = {file.path: file.sha256 for file in one.files}
    files_other = {file.path: file.sha256 for file in other.files}
    for path in sorted({*files_one, *files_other}):
        lines += _change(f"file {path}", files_one.get(path), files_other.get(path))
    return lines


def _differs(one: Manifest, other: Manifest, key: str) -> bool:
    return one.python[key] != other.python.get(key)


def _field(what: str, first: Any, second: Any) -> list[str]:
    """In what two fields differ: by key, by item, or as a whole."""
    if first == second:
        return []
    if isinstance(first, dict) and isinstance(second, dict):
        found: list[str] = []
        for key in sorted({*first, *second}):
            if key in first and key in second:
                found += _field(f"{what} {key}", first[key], second[key])
            else:
                there = first.get(key, second.get(key))
                found.append(f"{what} {key} {_plain(there)}{ONLY_FIRST if key in first else ONLY_SECOND}")
        return found
    if isinstance(first, list) and isinstance(second, list):
        found = [f"{what}: {_plain(item)}{ONLY_FIRST}" for item in first if item not in second]
        found += [f"{what}: {_plain(item)}{ONLY_SECOND}" for item in second if item not in first]
        return found or [f"{what}: the same in another order"]
    return [f"{what}: {_plain(first)} | {_plain(second)}"]


def _plain(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ":".join(value)  # an entry
    return value if isinstance(value, str) and value else json.dumps(value)


def _change(what: str, first: object, second: object) -> list[str]:
    if first == second:
        return []
    if first is None or second is None:
        return [what + (ONLY_SECOND if first is None else ONLY_FIRST)]
    return [f"{what}: differs"]
