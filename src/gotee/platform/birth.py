"""How an enclave's process begins, and how it is handed an image. Platform world; every level uses it.

The dynamic loader, the interpreter and the libraries that it is linked to are the sealed copies of a ground, named by
descriptor: others that ask for one of these libraries get the one that is mapped. The environment has one variable,
which says where the first modules are. At its gate the process waits for an image; it gets one, once.
"""

from __future__ import annotations

import marshal
import sys

from gotee.image.ground import LOADER, PYTHON
from gotee.image.manifest import ARCHIVE
from gotee.image.memory import memory
from gotee.platform import early
from gotee.platform.footing import Footing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple

    from gotee.image.load import Loaded
else:
    from gotee.records import Record as NamedTuple

MORE, LAST = b"+", b"="  # what a packet begins with: see gotee.enclave.handed
FIRST = 3  # what a spawner gives a process is numbered from here
_MOST_DESCRIPTORS = 200  # of a packet; the kernel takes 253
BOOT = (
    b"import marshal,posix,sys\n"
    b"n={'__name__':'gotee.enclave.boot'}\n"
    b"exec(marshal.loads(posix.pread(int(sys.argv[1]),int(sys.argv[7]),int(sys.argv[6]))),n)\n"
    b"n['start'](sys.argv[1:6])"
)


class Birth(NamedTuple):
    """The program to execute, its words and its environment."""

    program: str
    words: list[str]
    environment: dict[str, str]


def script() -> int:
    """The first lines of an enclave, sealed: newer versions import several modules for the sake of `-c`."""
    return memory("gotee-boot", BOOT)


def plan(footing: Footing, numbers: Sequence[int], first: int, gate: int, image: Sequence[int] = ()) -> Birth:
    """How to start an enclave in which the footing's descriptors have these numbers.

    `first` is `script`, `gate` its end of the socket where it is told to go on: when the ground is verified, when there
    is an image, and when all of that is verified and wanted.
    """
    ground = footing.ground
    block, modules, *rest = numbers
    files = dict(zip(ground.paths, rest, strict=True))
    archives = sum(file.role == ARCHIVE for file in ground.files)
    program = f"/proc/self/fd/{files[LOADER]}"
    preload = ":".join(f"/proc/self/fd/{files[path]}" for path in ground.libraries)
    return Birth(
        program,
        [
            *(program, "--inhibit-cache", "--argv0", early.PYTHON, "--preload", preload),
            # -I but for -E, which would keep PYTHONHOME from it; there is no other variable.
            *(f"/proc/self/fd/{files[PYTHON]}", "-P", "-s", "-S", "-B", f"/proc/self/fd/{first}"),
            str(block),
            *(",".join(map(str, some)) or "-" for some in (rest[:archives], rest[archives:])),
            *(str(gate), f"{image[0]},{image[-1]}" if image else "-", *map(str, footing.boot)),
            "gotee.enclave",  # for people who look at the list of processes
        ],
        {"PYTHONHOME": early.home(modules)},
    )


def numbered(footing: Footing, inherited: int = 0) -> tuple[Birth, range]:
    """The same for a process that gets numbers from FIRST on: the footing's descriptors, `first`, `gate`, more.

    More are `inherited` of an image's descriptors, whose numbers are answered too: then none can come later.
    """
    count = FIRST + len(footing.descriptors)
    image = range(count + 2, count + 2 + inherited)
    return plan(footing, range(FIRST, count), count, count + 1, image), image


def of_image(ground: Sequence[str], loaded: Loaded, answers: int, link: Sequence[int]) -> list[int]:
    """The descriptors of an image that an enclave of this ground has to be given, in the order in which it knows them.

    `answers` is its end of the socket on which it asks its platform.
    """
    files = {**loaded.archives, **loaded.natives}
    return [loaded.contents, answers, *(number for path, number in files.items() if path not in ground), *link]


def hand_over(
    gate: _socket.socket,
    ground: Sequence[str],
    loaded: Loaded,
    descriptors: Sequence[int],
    plan: Mapping[str, Any],
    inherited: Sequence[int] = (),
) -> None:
    """Give an enclave that waits the image: the one whose `ground` it began with. Raises OSError if it has ended.

    `descriptors` are those of `of_image`, `inherited` the numbers that it has them under already. `plan` is what it
    may do and use.
    """
    places = {path: place for place, path in enumerate(ground)}
    words = {
        "known": [places.get(path, -1) for path in (*loaded.archives, *loaded.natives)],
        "archives": len(loaded.archives),
        "debug": loaded.signature.debug,
        "plan": dict(plan),
    }
    while len(descriptors) > _MOST_DESCRIPTORS and not inherited:
        _send(gate, MORE, descriptors[:_MOST_DESCRIPTORS])
        descriptors = descriptors[_MOST_DESCRIPTORS:]
    _send(gate, LAST + marshal.dumps(words), () if inherited else descriptors)


def go_on(gate: _socket.socket) -> None:
    """Let an enclave go on to its next wait."""
    try:
        gate.send(b"1")
    except OSError:
        pass  # it has ended: whoever watches it will see


def _send(gate: _socket.socket, data: bytes, descriptors: Sequence[int]) -> None:
    import _socket

    rights = b"".join(number.to_bytes(4, sys.byteorder) for number in descriptors)
    gate.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)] if rights else [])
