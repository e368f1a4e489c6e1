"""The platform process of level development: verify an image, start its enclave, watch it, end with it. Platform world.

    python -I -S -c "..." CONTROL STREAM,SIGNATURE,PLACES LINK

The first four are descriptors, LINK several with commas between. CONTROL is a socket to the host: its end means that
the host is gone, and then the enclave is killed. What the host wants to know (a refusal, how the enclave ended) goes
there as one line of JSON. STREAM, SIGNATURE and PLACES (JSON: where each file that the image names lies) are hostile.
"""

from __future__ import annotations

import json
import os
import signal
import socket

from gotee.errors import ImageError
from gotee.image.load import load
from gotee.image.sgxs import MOST_BYTES
from gotee.platform.answers import Answers
from gotee.platform.identity import einit
from gotee.platform.news import drain, tell, watch
from gotee.platform.spawn import spawn
from gotee.platform.state import directory

LEVEL = "development"
MOST_PLACES = 256 << 20  # bytes


def main(control_fd: int, inputs: tuple[int, int, int], link_fds: tuple[int, ...]) -> None:
    """Run the platform process until the enclave or the host ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the host's business
    control = socket.socket(fileno=control_fd)
    try:
        loaded = load(_taken(inputs[0], MOST_BYTES), _taken(inputs[1], 1 << 16), _places(inputs[2]))
        answers = Answers(einit(loaded.measurement, loaded.signature, LEVEL), directory(os.environ))
        enclave = spawn(loaded, link_fds, answers.inside.fileno())
    except (ImageError, OSError) as error:
        tell(control, {"refused": str(error)})
        return
    for descriptor in (*loaded.descriptors, *link_fds):
        os.close(descriptor)
    answers.inside.close()
    process = os.pidfd_open(enclave.pid)
    assert enclave.stderr is not None
    last_words = enclave.stderr.fileno()
    heard = _pass_on if loaded.signature.debug else _keep_quiet  # in an image for release they are not for the host
    try:
        watch((control.fileno(), process), last_words, heard, answers)
    finally:
        enclave.kill()
        status = enclave.wait()
        os.close(process)
        drain(last_words, heard)
    tell(control, {"status": status})
    control.close()


def _pass_on(said: bytes) -> None:
    """What the enclave's real standard error says goes to ours."""
    try:
        os.write(2, said)
    except OSError:
        pass  # nobody reads it


def _keep_quiet(said: bytes) -> None:
    pass


def _taken(descriptor: int, most: int) -> bytes:
    """A private copy of what the host gave."""
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ImageError(f"the image, its signature, or the list of its files is longer than {most} bytes")
    return data


def _places(descriptor: int) -> dict[str, str]:
    try:
        places = json.loads(_taken(descriptor, MOST_PLACES))
    except (ValueError, RecursionError):
        places = None
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise ImageError("the list of places of an image's files is damaged")
    return places
