"""The image that an enclave is handed, once, when its platform has verified it. Enclave world; `main` calls `take`.

It comes over the gate, from the platform alone. Until then this process has seen nothing but what every enclave of its
base begins with (gotee.enclave.boot), which the image names by the same hashes: or it would not have been handed over.
"""

from __future__ import annotations

import marshal
import posix

from gotee.enclave import confine
from gotee.enclave.boot import Block, Importer, modules_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NamedTuple
else:
    from gotee.records import Record as NamedTuple

MORE, LAST = b"+", b"="  # what a packet begins with
_MOST = 1 << 17  # bytes of a packet
# The real ones: modules of the program get others (gotee.enclave.system).
_kernel_read, _kernel_write, _exit = posix.read, posix.write, posix._exit


class Handed(NamedTuple):
    """What was handed over.

    `pages` are the image's own contents, `link` one side of a link to the host, `platform` where to ask, `debug` how it
    is signed, `plan` what this process may do and use (gotee.platform.sandbox).
    """

    pages: Block
    link: tuple[int, ...]
    platform: int
    debug: bool
    plan: dict[str, Any]


def take(gate: int, ground: Sequence[int], importer: Importer, inherited: Sequence[int]) -> Handed:
    """Wait for the image, and have its modules found. `ground` are the block and the files that were there before.

    The descriptors are the pages, the place to ask, the image's files that are not in the ground, and the link. They
    come over the gate too, or were `inherited` where this process may not receive any.
    """
    if inherited:
        words, numbers = _words(_kernel_read(gate, _MOST)), list(inherited)
    else:
        words, numbers = _received(gate)
    known = words["known"]  # for each of its archives and then its natives: its place in the ground, or -1
    new = iter(numbers[2:])
    files = [ground[1 + place] if place >= 0 else next(new) for place in known]
    pages, platform = Block(numbers[0]), numbers[1]
    count = words["archives"]
    there = set(ground)
    lines = pages.read("loading").decode().splitlines()
    modules = modules_of(lines, files, files[count:])
    importer.extend(
        pages,
        [number for number in files[:count] if number not in there],
        {name: found for name, found in modules.items() if found[0] not in there},
        _filling(platform, {number: place for place, number in enumerate(files) if number not in there}),
    )
    return Handed(pages, tuple(new), platform, words["debug"], words["plan"])


def _received(gate: int) -> tuple[dict[str, Any], list[int]]:
    numbers: list[int] = []
    while True:
        packet, more = confine.receive(gate, _MOST)
        numbers += more
        if packet[:1] != MORE:
            return _words(packet), numbers


def _words(packet: bytes) -> dict[str, Any]:
    if packet[:1] != LAST:
        _exit(1)  # the platform is gone, or needs this process no more
    words: dict[str, Any] = marshal.loads(packet[1:])  # noqa: S302 - from the platform
    return words


def _filling(platform: int, later: dict[int, int]) -> Callable[[int], None]:
    """What has the platform verify a file of the image before it is used."""

    def require(number: int) -> None:
        place = later.pop(number, None)
        if place is not None:
            _kernel_write(platform, b"F" + place.to_bytes(4, "little"))
            if _kernel_read(platform, 64) != b"\0":
                _exit(1)  # the program must not go on without it

    return require
