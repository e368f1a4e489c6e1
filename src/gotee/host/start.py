"""Start an enclave: hand the image to a platform process, and connect. Host world."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import NamedTuple

from gotee.boundary import links
from gotee.boundary.link import Link
from gotee.compiler.closure import Partition
from gotee.host.packages import packages_inside

PLATFORM_BOOT = (
    "import sys; sys.path += sys.argv[4:]; from gotee.platform.launch import main; "
    "main(int(sys.argv[1]), int(sys.argv[2]), tuple(map(int, sys.argv[3].split(','))), sys.argv[4:])"
)


class Started(NamedTuple):
    """A platform process, our end of the socket to it, and our end of the link to the enclave."""

    platform: subprocess.Popen[bytes]
    control: socket.socket
    link: Link


def start(partition: Partition, link_kind: str = links.RING) -> Started:
    """Start the platform process, which starts the enclave. Raises OSError if it cannot be started."""
    packages = packages_inside(partition.outside.distributions, partition.outside.installed)
    contents = partition.as_image() | {"packages": packages.roots, "distributions": packages.distributions}
    control, platform_control = socket.socketpair()
    link, theirs = links.create(link_kind)
    image = os.memfd_create("gotee-image", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(image), "wb") as file:
            file.write(json.dumps(contents).encode())
        os.lseek(image, 0, os.SEEK_SET)
        own = (platform_control.fileno(), image)
        words = [*map(str, own), ",".join(map(str, theirs)), *packages_inside().paths]
        platform = subprocess.Popen(
            [_base_interpreter(), "-I", "-S", "-c", PLATFORM_BOOT, *words],
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(*own, *theirs),
            start_new_session=True,
        )
    except BaseException:
        control.close()
        link.close()
        raise
    finally:
        os.close(image)
        platform_control.close()
        links.close(theirs)
    return Started(platform, control, link)


def _base_interpreter() -> str:
    """The real interpreter: a virtual environment's would read its pyvenv.cfg before `-I` matters."""
    return getattr(sys, "_base_executable", None) or sys.executable
