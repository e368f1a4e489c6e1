"""What an enclave's process is started with: its words and its descriptors. Platform world; every level uses it.

The dynamic loader, the interpreter and the libraries that it is linked to are the sealed copies, named by descriptor:
others that ask for one of these libraries get the one that is mapped. The environment has one variable, which says
where the first modules are.
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
    b"exec(marshal.loads(posix.pread(int(sys.argv[1]),int(sys.argv[9]),int(sys.argv[8]))),n)\n"
    b"n['start'](sys.argv[1:8])"
)


class Birth(NamedTuple):
    """The program to execute, its words, its environment, and the descriptors that it inherits under their numbers."""

    program: str
    words: list[str]
    environment: dict[str, str]
    descriptors: tuple[int, ...]


def script() -> int:
    """The first lines of an enclave, sealed: newer versions import several modules for the sake of `-c`."""
    return memory("gotee-boot", _BOOT)


def plan(loaded: Loaded, link_fds: tuple[int, ...], answers: int, gate: int, modules: int, first: int) -> Birth:
    """How to start an enclave.

    `answers` is its end of the socket on which it asks its platform. `gate` is a pipe from which it reads a byte before
    it opens the archives, and another before the program's code: they may still be being verified. `modules` is
    `early.archive`; `first` is `script`.
    """
    natives = loaded.natives
    python = loaded.manifest.one("/base/python")
    program = f"/proc/self/fd/{natives['/base/loader']}"
    preload = ":".join(f"/proc/self/fd/{natives[path]}" for path in python.needs)
    lists: Sequence[Sequence[int]] = (tuple(loaded.archives.values()), tuple(natives.values()), link_fds)
    return Birth(
        program,
        [
            *(program, "--inhibit-cache", "--argv0", early.PYTHON, "--preload", preload),
            # -I but for -E, which would keep PYTHONHOME from it; there is no other variable.
            *(f"/proc/self/fd/{natives['/base/python']}", "-P", "-s", "-S", "-B", f"/proc/self/fd/{first}"),
            *(str(loaded.contents), *(",".join(map(str, numbers)) or "-" for numbers in lists)),
            "debug" if loaded.signature.debug else "release",
            *(str(answers), str(gate), *map(str, loaded.boot)),
            "gotee.enclave",  # for people who look at the list of processes
        ],
        {"PYTHONHOME": early.home(modules)},
        (*loaded.descriptors, *link_fds, answers, gate, modules, first),
    )
