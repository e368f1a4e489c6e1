"""Start an enclave: hand the image to a platform process, and connect. Host world."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from gotee.boundary.link import Link
from gotee.boundary.link_ring import RingLink
from gotee.compiler.closure import Partition

PLATFORM_BOOT = (
    "import sys; sys.path += sys.argv[7:]; from gotee.platform.launch import main; "
    "main(*map(int, sys.argv[1:3]), tuple(map(int, sys.argv[3:7])), sys.argv[7:])"
)


class Started(NamedTuple):
    """A platform process, our end of the socket to it, and our end of the link to the enclave."""

    platform: subprocess.Popen[bytes]
    control: socket.socket
    link: Link


def start(partition: Partition, paths: list[str]) -> Started:
    """Start the platform process, which starts the enclave. Raises OSError if it cannot be started."""
    control, platform_control = socket.socketpair()
    link, theirs = RingLink.create()
    image = os.memfd_create("gotee-image", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(image), "wb") as file:
            file.write(json.dumps(partition.as_image()).encode())
        os.lseek(image, 0, os.SEEK_SET)
        inherited = (platform_control.fileno(), image, *theirs)
        platform = subprocess.Popen(
            [_base_interpreter(), "-I", "-S", "-c", PLATFORM_BOOT, *map(str, inherited), *paths],
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=inherited,
            start_new_session=True,
        )
    except BaseException:
        control.close()
        link.close()
        raise
    finally:
        os.close(image)
        platform_control.close()
        theirs.close()
    return Started(platform, control, link)


def _base_interpreter() -> str:
    """The real interpreter: a virtual environment's would read its pyvenv.cfg before `-I` matters."""
    return getattr(sys, "_base_executable", None) or sys.executable


def gotee_paths() -> list[str]:
    """Where gotee and what it needs inside are imported from."""
    files = [find_spec(name).origin for name in ("gotee", "greenlet", "msgspec")]  # type: ignore[union-attr]
    return list(dict.fromkeys(str(Path(str(file)).resolve().parents[1]) for file in files))
