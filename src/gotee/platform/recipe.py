"""How an interpreter is started on a ground, written down for the next start: level development. Platform world.

    gotee-recipe 1
    FIELD...                        its length in four bytes, the lowest first, its bytes, and a zero

The first fields follow from a ground and from this gotee alone: an interpreter's words and environment, what it is
given, how much is copied of each file. The last ones say where each file lies, and which stamp it had when it was
verified. gotee.platform.begin, a program, follows it before there is Python; and once an image is verified, the
interpreter that it started is handed over if the first fields are what they would be for that image, and ended if not.
"""

from __future__ import annotations

import marshal
import os

from gotee.platform import birth, early, sandbox
from gotee.platform.footing import Footing
from gotee.platform.spawn import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gotee.image.ground import Ground

MAGIC = b"gotee-recipe 1\n"
NUMBERS = 8  # what an interpreter gets is numbered from here: as in begin.c


def encode(ground: Ground, places: Mapping[str, str], stamps: Mapping[str, str]) -> bytes:
    """All of it."""
    where: list[str] = []
    for path in ground.paths:
        where += (places[path], stamps[path].partition(" ")[2])  # it is compared, and not hashed
    return how(ground) + _fields(map(os.fsencode, where))


def how(ground: Ground) -> bytes:
    """The first part: what follows from a ground, and from this gotee."""
    count = 2 + len(ground.paths)
    footing = Footing.given(ground, range(NUMBERS, NUMBERS + count))
    begins = birth.plan(footing, footing.descriptors, NUMBERS + count, NUMBERS + count + 1)
    ((name, value),) = begins.environment.items()
    texts = (str(len(begins.words)), *begins.words, f"{name}={value}")
    plan = marshal.dumps(sandbox.at_first(), 0)  # 0: the same bytes for the same value
    memory = (ground.block()[0], early.zipped(early.files(ground.early, ground.magic)), birth.BOOT, plan)
    files = [str(len(ground.files))]
    for file in ground.files:
        start, size, _ = file.copied
        files += ("1" if file.path in ground.first else "0", str(start), str(size))
    return b"".join((MAGIC, _fields(map(os.fsencode, texts)), _fields(memory), _fields(map(os.fsencode, files))))


class Begun:
    """An interpreter that waits for an image, and the recipe that it was started after; begin.c has `told` of it."""

    def __init__(self, told: str) -> None:
        import _socket

        pid, kept, gate, last_words, count = map(int, told.split(","))
        self.enclave = Child(pid, last_words, _socket.socket(fileno=gate))
        self._numbers = range(NUMBERS, NUMBERS + count)
        for number in (*self._numbers, gate, last_words):
            os.set_inheritable(number, False)
        with open(kept, "rb") as file:
            self._recipe = file.read()

    def footing(self, ground: Ground) -> Footing | None:
        """What it was started on, if it was started as an image of this ground has to be; else it is to be ended."""
        if not self._recipe.startswith(how(ground)):
            return None
        return Footing.given(ground, self._numbers)

    def end(self) -> None:
        """It is not wanted: nothing was handed over."""
        self.enclave.end()
        for number in self._numbers:
            os.close(number)


def _fields(fields: Iterable[bytes]) -> bytes:
    return b"".join(len(field).to_bytes(4, "little") + field + b"\0" for field in fields)
