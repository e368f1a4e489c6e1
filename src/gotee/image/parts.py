"""Named parts in one block of bytes: what the pages of an image, and the archives that it names, hold. All worlds.

    gotee-parts 1 LENGTH-OF-INDEX
    SIZE NAME                       one line a part, ascending by name
    ...
    contents, one after the other, then zeros up to the end of a page (pages only)

The index is text that the enclave's first code reads before it can import anything (see gotee.enclave.boot).
"""

from __future__ import annotations

from gotee.enclave.boot import index_of
from gotee.errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAGIC = b"gotee-parts 1 "
MOST_INDEX = 64 << 20  # bytes


def pack(parts: Mapping[str, bytes]) -> bytes:
    """One block of bytes with all parts.

    >>> pack({"b": b"two", "a": b"one!"})
    b'gotee-parts 1 8\\n4 a\\n3 b\\none!two'
    """
    names = sorted(parts)
    for name in names:
        if not name or not name.isprintable():
            raise ImageError(f"{name!r} cannot be the name of a part of an image: rename the file")
    index = "".join(f"{len(parts[name])} {name}\n" for name in names).encode()
    return b"".join((MAGIC, str(len(index)).encode(), b"\n", index, *(parts[name] for name in names)))


def unpack(data: bytes | memoryview, *, padded: bool = False) -> dict[str, memoryview]:
    """The parts of a block; every block but the one that `pack` makes is refused with ImageError.

    >>> {name: bytes(part) for name, part in unpack(pack({"b": b"two", "a": b"one!"})).items()}
    {'a': b'one!', 'b': b'two'}
    """
    view = memoryview(data)
    head = bytes(view[: len(MAGIC) + 12])
    line, newline, _ = head.partition(b"\n")
    digits = line[len(MAGIC) :]
    if not line.startswith(MAGIC) or not newline or not digits.isdigit() or str(int(digits)).encode() != digits:
        raise ImageError("the contents do not begin as the parts of an image do")
    start, length = len(line) + 1, int(digits)
    if length > MOST_INDEX or start + length > len(view):
        raise ImageError("the index of the contents is longer than the contents")
    try:
        text = str(view[start : start + length], "utf-8")
        places = index_of(text, start + length)
    except ValueError as error:
        raise ImageError(f"the index of the contents is damaged: {error}") from None
    names = list(places)
    if names != sorted(set(names)) or any(not name.isprintable() for name in names):
        raise ImageError("the index of the contents is not in its canonical order")
    if "".join(f"{size} {name}\n" for name, (_, size) in places.items()) != text:
        raise ImageError("the index of the contents is not written canonically")
    end = max((offset + size for offset, size in places.values()), default=start + length)
    rest = view[end:] if end <= len(view) else None
    if rest is None or (not padded and len(rest)) or len(rest) >= 4096 or any(rest):
        raise ImageError("the contents are not as long as their index says")
    return {name: view[offset : offset + size] for name, (offset, size) in places.items()}
