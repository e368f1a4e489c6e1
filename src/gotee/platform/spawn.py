"""Start an enclave as a child of this process and as the same user: level development. Platform world."""

from __future__ import annotations

import os

from gotee.image.load import Loaded
from gotee.platform import birth, early, sandbox

REQUIRE = "GOTEE_REQUIRE"
_KILL = 9  # SIGKILL; `signal` would import `enum` for the name


class Child:
    """A started enclave. `last_words` is what it says on its real standard error; `early` is left behind until `tidy`.

    Until its first code has run, code of the same user could change the folder of early modules.
    """

    def __init__(self, pid: int, last_words: int, begun: int, folder: str) -> None:
        self.pid = pid
        self.last_words = last_words
        self._begun = begun
        self._folder = folder

    def tidy(self) -> None:
        """Remove the early modules once the enclave has imported them, or has ended."""
        os.read(self._begun, 1)  # ends when the enclave's first code has closed its end
        os.close(self._begun)
        early.remove(self._folder)

    def kill(self) -> None:
        """End it, if it has not ended; `wait` has not been called yet."""
        os.kill(self.pid, _KILL)

    def wait(self) -> int:
        """Its exit status, negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def spawn(loaded: Loaded, link_fds: tuple[int, ...], answers: int, gate: int) -> Child:
    """Start the enclave: no environment, no descriptors but its own and a pipe for its last words.

    It asks for its parent-death signal itself (gotee.enclave.sandbox), and ends when `gate` ends before it has: so it
    never outlives us.
    """
    folder = f"/tmp/gotee-{os.urandom(8).hex()}"  # noqa: S108 - new, random, and 0700
    os.mkdir(folder, 0o700)
    plan = sandbox.plan(sandbox.ceilings_of(loaded.manifest.program), os.environ.get(REQUIRE, ""))
    begun, begun_inside = os.pipe()
    last_words, theirs = os.pipe()  # the host's own standard error may be a terminal, which could be read from
    script = birth.script()
    try:
        early.write(loaded, folder)
        enclave = birth.plan(loaded, link_fds, answers, gate, begun_inside, script, folder)
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_DUP2, plan, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, theirs, 2),
            *((os.POSIX_SPAWN_DUP2, number, number) for number in enclave.descriptors),  # these stay open over exec
        ]
        pid = os.posix_spawn(enclave.program, enclave.words, {}, file_actions=actions, setsid=True)
    except BaseException:
        os.close(begun)
        os.close(last_words)
        early.remove(folder)
        raise
    finally:
        for descriptor in (plan, begun_inside, theirs, script):
            os.close(descriptor)
    return Child(pid, last_words, begun, folder)
