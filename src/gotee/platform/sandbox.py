"""The plan by which an enclave shuts itself in: filter, limits, what is required. Platform world.

It is handed over in two parts, before there is an image and with it; gotee.enclave.sandbox carries them out.
"""

from __future__ import annotations

import marshal
import os
import sys

from gotee.platform import rules
from gotee.platform.filter import build
from gotee.platform.numbers import MACHINES
from gotee.platform.required import required

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple
else:
    from gotee.records import Record as NamedTuple


class Ceilings(NamedTuple):
    """What an enclave may use at most; None is no limit of gotee's.

    * `memory_bytes`: address space.
    * `cpu_seconds`: processor time of all its threads together.
    * `descriptors`: open at the same time.
    * `threads`: real threads, which only native libraries make; routines are not threads.
    """

    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    descriptors: int = 1024
    threads: int = 256


DEFAULT_CEILINGS = Ceilings()


def ceilings_of(program: dict[str, Any]) -> Ceilings:
    """What an image says of itself, in the checked part `program` of its manifest.

    >>> ceilings_of({"policy": {"ocalls": {}, "ceilings": {"cpu_seconds": 5}}})
    Ceilings(memory_bytes=None, cpu_seconds=5, descriptors=1024, threads=256)
    """
    return DEFAULT_CEILINGS._replace(**program["policy"].get("ceilings", {}))


def contents(ceilings: Ceilings = DEFAULT_CEILINGS, require: str = "") -> dict[str, Any]:
    """What one enclave may do and use; `require` names layers as GOTEE_REQUIRE does.

    Raises OSError for a machine that has no filter, ValueError for a layer that is not known.
    """
    limits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": ceilings.descriptors, "RLIMIT_MSGQUEUE": 0}
    if ceilings.memory_bytes is not None:
        limits["RLIMIT_AS"] = ceilings.memory_bytes
    if ceilings.cpu_seconds is not None:
        limits["RLIMIT_CPU"] = ceilings.cpu_seconds
    return {
        "filter": build(_machine()),
        "own_pid": rules.OWN_PID,
        "limits": limits,
        "threads": ceilings.threads,
        "require": required(require),
    }


def beginning() -> int:
    """The descriptor (close-on-exec) of what an enclave has to know before it is handed an image. Raises OSError."""
    return _written(at_first())


def write_beginning(descriptor: int) -> None:
    """Write that where an enclave will read it. Raises OSError."""
    os.write(descriptor, marshal.dumps(at_first()))


def plan() -> int:
    """The descriptor (close-on-exec) of all of it, with ceilings as they are by default. Raises OSError."""
    return _written({**at_first(), **contents()})


def at_first() -> dict[str, Any]:
    """What an enclave has to know before it is handed an image. Raises OSError for a machine that has no filter."""
    return {"waiter": build(_machine(), allowed=rules.WAITER, others=False), "own_pid": rules.OWN_PID}


def _machine() -> str:
    machine = os.uname().machine
    if machine not in MACHINES or sys.maxsize < 1 << 32:
        raise OSError(f"no sandbox for {machine}: gotee runs enclaves on 64-bit {' and '.join(MACHINES)} only")
    return machine


def _written(contents: dict[str, Any]) -> int:
    descriptor = os.memfd_create("gotee-plan", os.MFD_CLOEXEC)
    os.write(descriptor, marshal.dumps(contents))
    return descriptor
