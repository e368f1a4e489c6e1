"""What an enclave's process is started with: its words and its descriptors. Platform world; every level uses it.

The dynamic loader, the interpreter and the libraries that it is linked to are the sealed copies, named by descriptor:
others that ask for one of these libraries get the one that is mapped. There is no environment.
"""

from __future__ import annotations

from gotee.image.load import Loaded, memory
from gotee.platform import early

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple
else:
    from gotee.records import Record as NamedTuple

_BOOT = (
    b"import marshal,posix,sys\n"
    b"n={'__name__':'gotee.enclave.boot'}\n"
    b"exec(marshal.loads(posix.pread(int(sys.argv[1]),int(sys.argv[10]),int(sys.argv[9]))),n)\n"
    b"posix.close(int(sys.argv[8]))\n"
    b"n['start'](sys.argv[1:8])"
)


class Birth(NamedTuple):
    """The program to execute, its words, and the descriptors that it inherits under the numbers that the words say."""

    program: str
    words: list[str]
    descriptors: tuple[int, ...]


def script() -> int:
    """The first lines of an enclave, sealed: newer versions import several modules for the sake of `-c`."""
    return memory("gotee-boot", _BOOT)


def plan(
    loaded: Loaded, link_fds: tuple[int, ...], answers: int, gate: int, begun: int, first: int, folder: str
) -> Birth:
    """How to start an enclave.

    `answers` is its end of the socket on which it asks its platform. `gate` is a pipe from which it reads a byte before
    it opens the archives, and another before the program's code: they may still be being verified. `begun` is a
    descriptor that it closes when the early modules in `folder` have been imported; `first` is `script`.
    """
    natives = loaded.natives
    python = loaded.manifest.one("/base/python")
    program = f"/proc/self/fd/{natives['/base/loader']}"
    preload = ":".join(f"/proc/self/fd/{natives[path]}" for path in python.needs)
    lists: Sequence[Sequence[int]] = (tuple(loaded.archives.values()), tuple(natives.values()), link_fds)
    return Birth(
        program,
        [
            *(program, "--inhibit-cache", "--argv0", early.python(folder), "--preload", preload),
            *(f"/proc/self/fd/{natives['/base/python']}", "-I", "-S", "-B", f"/proc/self/fd/{first}"),
            *(str(loaded.contents), *(",".join(map(str, numbers)) or "-" for numbers in lists)),
            *(
                "debug" if loaded.signature.debug else "release",
                str(answers),
                str(gate),
                str(begun),
                *map(str, loaded.boot),
            ),
            "gotee.enclave",  # for people who look at the list of processes
        ],
        (*loaded.descriptors, *link_fds, answers, gate, begun, first),
    )
