"""Start an enclave as a child of this process and as the same user: level development. Platform world."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess

from gotee.image.load import Loaded
from gotee.platform import birth, early, sandbox

REQUIRE = "GOTEE_REQUIRE"
_PR_SET_PDEATHSIG = 1  # prctl(2)


def spawn(loaded: Loaded, link_fds: tuple[int, ...], answers: int) -> subprocess.Popen[bytes]:
    """Start the enclave: no environment, no descriptors but its own (and a pipe for its last words).

    The folder of early modules is gone when this returns. Until then code of the same user could change it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def die_with_the_platform() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    folder = f"/tmp/gotee-{os.urandom(8).hex()}"  # noqa: S108 - new, random, and 0700
    os.mkdir(folder, 0o700)
    plan = sandbox.plan(require=os.environ.get(REQUIRE, ""))
    begun, begun_inside = os.pipe()
    script = birth.script()
    try:
        early.write(loaded, folder)
        enclave = birth.plan(loaded, link_fds, answers, begun_inside, script, folder)
        process = subprocess.Popen(
            enclave.words,
            executable=enclave.program,
            env={},
            stdin=plan,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # the host's own may be a terminal, which could be read from
            pass_fds=enclave.descriptors,
            start_new_session=True,
            preexec_fn=die_with_the_platform,  # safe: nothing that a thread may hold is used
        )
        os.close(begun_inside)
        os.read(begun, 1)  # ends when the enclave's first code has closed its end, or the enclave has ended
    finally:
        os.close(begun)
        os.close(script)
        os.close(plan)
        early.remove(folder)
    return process
