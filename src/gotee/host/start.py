"""Start an enclave: hand an image to a platform process, and connect. Host world."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import gotee
from gotee.boundary import links
from gotee.boundary.link import Link
from gotee.image import natives

PLATFORM_BOOT = (
    "import sys,types\n"
    "package=sys.modules['gotee']=types.ModuleType('gotee')\n"  # the platform needs three rooms, not the public names
    "package.__path__=[sys.argv[4]]\n"
    "from gotee.platform.launch import main\n"
    "main(int(sys.argv[1]),tuple(map(int,sys.argv[2].split(','))),tuple(map(int,sys.argv[3].split(','))))"
)


class Image(NamedTuple):
    """What a platform is given: the stream, its signature, and where the files that it names lie."""

    stream: bytes
    signature: bytes
    places: Mapping[str, str]


class Started(NamedTuple):
    """Our ends of the socket to a platform and of the link to the enclave, and how to wait for the platform's end."""

    control: socket.socket
    link: Link
    wait: Callable[[], object]


def start(image: Image, link_kind: str = links.RING) -> Started:
    """Start the platform process, which starts the enclave. Raises OSError if it cannot be started."""
    control, platform_control = socket.socketpair()
    link, theirs = links.create(link_kind)
    inputs: list[int] = []
    try:
        inputs += map(_memory, (image.stream, image.signature, json.dumps(dict(image.places)).encode()))
        own = platform_control.fileno()
        words = (str(own), ",".join(map(str, inputs)), ",".join(map(str, theirs)), str(Path(gotee.__file__).parent))
        platform = subprocess.Popen(
            [
                natives.interpreter(),
                "-I",
                "-S",
                "-c",
                PLATFORM_BOOT,
                *words,
            ],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(own, *inputs, *theirs),
            start_new_session=True,
        )
    except BaseException:
        control.close()
        link.close()
        raise
    finally:
        for descriptor in inputs:
            os.close(descriptor)
        platform_control.close()
        links.close(theirs)
    return Started(control, link, platform.wait)


def _environment() -> dict[str, str]:
    """Where a platform of this user keeps its keys, and where it finds `cryptography` when evidence is asked for.

    And what the sandbox has to have.
    """
    kept = {name: os.environ[name] for name in ("HOME", "XDG_STATE_HOME", "GOTEE_REQUIRE") if name in os.environ}
    return {**kept, "GOTEE_PACKAGES": os.pathsep.join(sys.path)}


def _memory(data: bytes) -> int:
    descriptor = os.memfd_create("gotee-image", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
