"""How an enclave shuts itself in before any code of the program runs. Enclave world; `main` calls it.

It goes in two steps: `begin` before there is an image, `complete` when it has been handed over. The platform builds the
plan (gotee.platform.sandbox), the enclave carries it out, since much of it cannot be done to another process. The floor
is always there: without it the enclave ends. The layers above it are tried, and what cannot be had is told to the host,
or ends the enclave when GOTEE_REQUIRE asks for it.
"""

from __future__ import annotations

import marshal
import os
import resource
import struct
from _signal import SIGKILL  # type: ignore[import-not-found]  # `signal` imports `enum` to name these

from gotee.enclave import confine, layers, vault
from gotee.enclave.layers import Layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

PLAN_FD = 0  # standard input, which an enclave has no other use for
REFUSED = 3  # exit status of an enclave that cannot be shut in as it has to be
_MOST_PLAN = 1 << 20  # bytes
_INSTRUCTION = 8  # bytes of struct sock_filter, linux/filter.h; its constant comes last
_CONSTANT = struct.Struct("<I")


def read_plan() -> dict[str, Any]:
    """What the platform left on PLAN_FD; /dev/null takes its place."""
    plan: dict[str, Any] = marshal.loads(os.pread(PLAN_FD, _MOST_PLAN, 0))  # noqa: S302  # from the platform
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, PLAN_FD)
    os.close(empty)
    return plan


def begin(keep: Iterable[int]) -> list[Layer]:
    """Shut this process in as far as that does not depend on an image; the layers above the floor.

    Of its descriptors those of `keep` stay. The process that returns may be a child of the one that called. Ends it if
    the floor cannot be had.
    """
    try:
        return settle(read_plan(), {0, 1, 2, *keep})
    except Exception as error:
        end(without_floor(error))


def complete(tried: list[Layer], plan: dict[str, Any]) -> str:
    """Do the rest for an image, whose `plan` it is: memory and what is open stay usable, and little else.

    From here on nothing is loosened. Ends the process if the floor cannot be had, or a layer that is required; answers
    what its host is to be told of others that are missing.
    """
    try:
        close(tried, plan)
    except Exception as error:
        end(without_floor(error))
    lacking = [layer for layer in tried if layer.missing]
    for layer in lacking:
        if layer.name in plan["require"]:
            end(f"GOTEE_REQUIRE asks for {layer.name}, which cannot be had here: {layer.missing} ({layer.cure})")
    os.write(2, b"\0")  # the platform hears: from now on the program may speak (gotee.platform.words)
    return f"the sandbox lacks {', '.join(layer.name for layer in lacking)}; `gotee doctor` says why" if lacking else ""


def shut(plan: dict[str, Any], keep: set[int]) -> list[Layer]:
    """Carry out a whole plan; what is said of `complete` holds, but that missing layers are only answered."""
    tried = settle(plan, keep)
    close(tried, plan)
    return tried


def settle(plan: dict[str, Any], keep: set[int]) -> list[Layer]:
    """Enter what is the same for every image: namespaces, an empty root, no rights, and memory that nobody reads."""
    _floor("new privileges cannot be given up", confine.no_new_privs)
    parent = os.getppid()
    _close_others(keep)  # before it is two processes: what one mounts changes what the other sees of itself in /proc
    own = keep - {2}
    tried = layers.namespaces(lambda child, alive: _stay_behind(child, own - {alive}, parent, plan))
    if os.getpid() != 1:  # still the child of the platform
        _end_with(parent)
    tried.append(layers.count_threads(tried[0]))
    tried.append(layers.secret_memory(vault.SIZE, vault.use))
    tried.append(layers.empty_root(tried[1]))
    _close_others(keep)  # once more; nothing below leaves one open, and Landlock would hide them
    tried += layers.landlock()
    _give_up()
    return tried


def close(tried: Iterable[Layer], plan: dict[str, Any]) -> None:
    """Set the limits of an image, and load the filter. What else is open by now is the image's."""
    if not any(layer.missing for layer in tried if layer.name == "threads"):
        layers.limit_threads(plan["threads"])
    _limit(plan["limits"])  # now: memory is made in files, and none may have a size
    confine.load_filter(_with_own_pid(plan["filter"], plan["own_pid"]))


def _give_up() -> None:
    _floor("capabilities cannot be given up", confine.drop_capabilities)
    _floor("this process cannot be made undumpable", confine.not_dumpable)


def _floor(failure: str, step: Callable[[], None]) -> None:
    """A step that only something around this program can forbid; what it forbids is told."""
    try:
        step()
    except OSError as error:
        raise OSError(error.errno, f"{failure}: {error.strerror}") from None


def _stay_behind(child: int, own: Iterable[int], parent: int, plan: dict[str, Any]) -> NoReturn:
    """The parent of a process namespace: it can do nothing but wait for the enclave, and end as it does.

    It closes the descriptors of the enclave. One stays open and tells the enclave that this process has not ended.
    """
    try:
        _end_with(parent)
        for descriptor in own:
            os.close(descriptor)
        _give_up()
        confine.end_as(child, _with_own_pid(plan["waiter"], plan["own_pid"]))
    except OSError as error:
        end(without_floor(error))


def _end_with(parent: int) -> None:
    """Be killed when the platform ends. The kernel forgets it at every change of user."""
    confine.die_with_parent(SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit(limits: dict[str, int]) -> None:
    """Set resource limits, soft and hard; never above what this process may have."""
    for name, most in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(kind, (most, most))


def _close_others(keep: set[int]) -> None:
    """Close every descriptor that is not in `keep`: as they are listed, whatever the limit on them is by now.

    Where close_range(2) is missing, closing all numbers that there may be would take minutes.
    """
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep:
            try:
                os.close(int(name))
            except OSError:
                pass  # the listing's own, which is closed by now


def _with_own_pid(program: bytes, placeholder: int) -> bytes:
    """The filter with this process's number in the places that stand for it: constants, the last four bytes each."""
    own, stands, filled = _CONSTANT.pack(os.getpid()), _CONSTANT.pack(placeholder), bytearray(program)
    at = program.find(stands)
    while at >= 0:
        if at % _INSTRUCTION == _INSTRUCTION - _CONSTANT.size:
            filled[at : at + _CONSTANT.size] = own
        at = program.find(stands, at + 1)
    return bytes(filled)


def without_floor(error: Exception) -> str:
    """Why there is no enclave."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"without the floor of its sandbox no enclave runs: {reason}"


def tell(text: str) -> None:
    """One line for people, on the enclave's real standard error."""
    os.write(2, f"gotee: {text}\n".encode())


def end(text: str) -> NoReturn:
    """Say why this enclave does not start, and end it."""
    tell(text)
    os._exit(REFUSED)
