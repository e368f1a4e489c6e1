"""How an enclave shuts itself in before any code of the program runs. Enclave world; `main` calls `enter` once.

The platform builds the plan (gotee.platform.sandbox), the enclave carries it out, since much of it cannot be done to
another process. The floor is always there: without it the enclave ends. The layers above it are tried, and what cannot
be had is told on standard error, or ends the enclave when GOTEE_REQUIRE=all asks for that.
"""

from __future__ import annotations

import marshal
import os
import resource
import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from gotee.enclave import confine

PLAN_FD = 0  # standard input, which an enclave has no other use for
_MOST_PLAN = 1 << 20  # bytes
_INSTRUCTION = struct.Struct("<HBBI")
_REFUSED = 3  # exit status


class Layer(NamedTuple):
    """One part of the sandbox. `missing` is empty if it holds, else why not; `cure` is what would add it."""

    name: str
    missing: str = ""
    cure: str = ""


def read_plan() -> dict[str, Any]:
    """What the platform left on PLAN_FD; /dev/null takes its place."""
    plan: dict[str, Any] = marshal.loads(os.pread(PLAN_FD, _MOST_PLAN, 0))  # noqa: S302  # from the platform
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, PLAN_FD)
    os.close(empty)
    return plan


def enter(keep: Iterable[int], folders: Sequence[str]) -> list[Layer]:
    """Shut this process in. It can read below `folders` and use the descriptors of `keep`, and little else.

    Returns the layers; from here on nothing is loosened. Ends the process if the floor cannot be had.
    """
    try:
        plan = read_plan()
        layers = _shut(plan, {0, 1, 2, *keep}, folders)
    except Exception as error:
        end(f"the sandbox cannot be set up, and without it no enclave runs: {error}")
    for layer in layers:
        if layer.missing:
            told = f"{layer.name}: {layer.missing}" + (f" ({layer.cure})" if layer.cure else "")
            if plan["require"]:
                end(f"GOTEE_REQUIRE=all, and the sandbox lacks {told}")
            tell(f"the sandbox lacks {told}")
    return layers


def _shut(plan: dict[str, Any], keep: set[int], folders: Sequence[str]) -> list[Layer]:
    confine.no_new_privs()
    _limit(plan["limits"])
    layers: list[Layer] = []
    confine.drop_capabilities()
    confine.not_dumpable()
    _close_others(keep)
    confine.load_filter(_with_own_pid(plan["filter"], plan["own_pid"]))
    return layers


def _limit(limits: dict[str, int]) -> None:
    """Set resource limits, soft and hard; never above what this process may have."""
    for name, most in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(kind, (most, most))


def _close_others(keep: set[int]) -> None:
    """Close every descriptor that is not in `keep`."""
    low = 0
    for descriptor in sorted(keep):
        if low < descriptor:  # an empty range from 0 would be all of them
            os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _with_own_pid(program: bytes, placeholder: int) -> bytes:
    """The filter with this process's number in the places that stand for it."""
    own = os.getpid()
    return b"".join(
        _INSTRUCTION.pack(code, yes, no, own if constant == placeholder else constant)
        for code, yes, no, constant in _INSTRUCTION.iter_unpack(program)
    )


def tell(text: str) -> None:
    """One line for people, on the enclave's real standard error."""
    os.write(2, f"gotee: {text}\n".encode())


def end(text: str) -> NoReturn:
    """Say why this enclave does not start, and end it."""
    tell(text)
    os._exit(_REFUSED)
