"""Start an enclave as a child of this process and as the same user: level development. Platform world."""

from __future__ import annotations

import os

from gotee.platform import birth
from gotee.platform.footing import Footing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

_KILL = 9  # SIGKILL; `signal` would import `enum` for the name


class Child:
    """A started enclave. `last_words` is what it says on its real standard error, `gate` where it waits."""

    def __init__(self, pid: int, last_words: int, gate: _socket.socket) -> None:
        self.pid = pid
        self.last_words = last_words
        self.gate = gate

    def kill(self) -> None:
        """End it, if it has not ended; `wait` has not been called yet."""
        os.kill(self.pid, _KILL)

    def end(self) -> None:
        """End it and be done with it."""
        self.kill()
        self.wait()
        self.gate.close()
        os.close(self.last_words)

    def wait(self) -> int:
        """Its exit status, negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def spawn(footing: Footing) -> Child:
    """Start an interpreter on a ground. It has no environment of ours, and no descriptors but its own.

    It asks for its parent-death signal itself (gotee.enclave.sandbox), and ends when its gate ends before it has: so it
    never outlives us.
    """
    import _socket

    plan = os.memfd_create("gotee-plan", os.MFD_CLOEXEC)  # read when it may go on from its gate
    last_words, theirs = os.pipe()  # the host's own standard error may be a terminal, which could be read from
    gate, inside = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    first = birth.script()
    try:
        inherited = (*footing.descriptors, first, inside.fileno())
        begins = birth.plan(footing, footing.descriptors, first, inside.fileno())
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_DUP2, plan, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, theirs, 2),
            *((os.POSIX_SPAWN_DUP2, number, number) for number in inherited),  # these stay open over exec
        ]
        pid = os.posix_spawn(begins.program, begins.words, begins.environment, file_actions=actions, setsid=True)
    except BaseException:
        os.close(last_words)
        gate.close()
        raise
    else:
        child = Child(pid, last_words, gate)
        try:
            _write(plan)
        except BaseException:
            child.end()
            raise
    finally:
        inside.close()
        for descriptor in (plan, theirs, first):
            os.close(descriptor)
    return child


def _write(plan: int) -> None:
    """What an enclave has to know before it is handed an image; it begins while we work that out."""
    from gotee.platform import sandbox

    sandbox.write_beginning(plan)
