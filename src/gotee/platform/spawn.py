"""Start an enclave as a child of this process and as the same user: level development. Platform world."""

from __future__ import annotations

import os

from gotee.image.load import Loaded
from gotee.platform import birth, early, sandbox

REQUIRE = "GOTEE_REQUIRE"
_KILL = 9  # SIGKILL; `signal` would import `enum` for the name


class Child:
    """A started enclave. `last_words` is what it says on its real standard error."""

    def __init__(self, pid: int, last_words: int) -> None:
        self.pid = pid
        self.last_words = last_words

    def kill(self) -> None:
        """End it, if it has not ended; `wait` has not been called yet."""
        os.kill(self.pid, _KILL)

    def wait(self) -> int:
        """Its exit status, negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def spawn(loaded: Loaded, link_fds: tuple[int, ...], answers: int, gate: int) -> Child:
    """Start the enclave: no environment of ours, no descriptors but its own and a pipe for its last words.

    It asks for its parent-death signal itself (gotee.enclave.sandbox), and ends when `gate` ends before it has: so it
    never outlives us.
    """
    plan = sandbox.plan(sandbox.ceilings_of(loaded.manifest.program), os.environ.get(REQUIRE, ""))
    last_words, theirs = os.pipe()  # the host's own standard error may be a terminal, which could be read from
    modules, script = early.archive(loaded), birth.script()
    try:
        enclave = birth.plan(loaded, link_fds, answers, gate, modules, script)
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_DUP2, plan, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, theirs, 2),
            *((os.POSIX_SPAWN_DUP2, number, number) for number in enclave.descriptors),  # these stay open over exec
        ]
        pid = os.posix_spawn(enclave.program, enclave.words, enclave.environment, file_actions=actions, setsid=True)
    except BaseException:
        os.close(last_words)
        raise
    finally:
        for descriptor in (plan, theirs, modules, script):
            os.close(descriptor)
    return Child(pid, last_words)
