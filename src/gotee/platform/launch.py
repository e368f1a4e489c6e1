"""The platform process: start one enclave, watch it, end with it. Platform world; started by gotee.host.start.

    python -I -S -c "..." CONTROL IMAGE LINK PATH...

CONTROL is a socket to the host: its end means that the host is gone, and then the enclave is killed. When the enclave
ends, its status goes to the host as one line. IMAGE and the descriptors of LINK (with commas between) are handed to the
enclave and to nobody else.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)

ENCLAVE_BOOT = (
    "import sys; sys.path += sys.argv[3:]; from gotee.enclave.main import main; "
    "main(int(sys.argv[1]), tuple(map(int, sys.argv[2].split(','))), sys.argv[3:])"
)


def main(control_fd: int, image_fd: int, link_fds: tuple[int, ...], paths: list[str]) -> None:
    """Run the platform process until the enclave or the host ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the host's business
    control = socket.socket(fileno=control_fd)
    enclave = _start(image_fd, link_fds, paths)
    for descriptor in (image_fd, *link_fds):
        os.close(descriptor)
    process = os.pidfd_open(enclave.pid)
    try:
        news = select.poll()
        news.register(control, select.POLLIN)
        news.register(process, select.POLLIN)
        news.poll()
    finally:
        enclave.kill()
        status = enclave.wait()
        os.close(process)
    try:
        control.sendall(f"{status}\n".encode())
    except OSError:
        pass  # the host is gone: nobody to tell
    control.close()


def _start(image_fd: int, link_fds: tuple[int, ...], paths: list[str]) -> subprocess.Popen[bytes]:
    """Start the enclave: no environment, no descriptors but these (and standard error, for its last words)."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def die_with_the_platform() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", ENCLAVE_BOOT, str(image_fd), ",".join(map(str, link_fds)), *paths],
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(image_fd, *link_fds),
        start_new_session=True,
        preexec_fn=die_with_the_platform,  # safe: this process has one thread
    )
