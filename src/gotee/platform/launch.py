"""The platform process of level development: verify an image, start its enclave, watch it, end with it. Platform world.

    python -I -S -c "..." CONTROL STREAM,SIGNATURE,PLACES

All of them are descriptors. CONTROL is a socket to the host: its end means that the host is gone, and then the enclave
is killed. The host sends the descriptors of the enclave's side of the link there, with which the enclave is started,
and another byte when it wants the program's own code to run in it. What the host wants to know (a refusal, how the
enclave ended) goes there as one line of JSON. STREAM, SIGNATURE and PLACES (JSON: where each file that the image names
lies) are hostile, and so is what comes from the socket.
"""

from __future__ import annotations

import os
import sys

from gotee.boundary import plain_json
from gotee.errors import ImageError
from gotee.image.load import FIRST, NAMED, REST, START, Loading
from gotee.image.sgxs import MOST_BYTES
from gotee.platform import compared, eager
from gotee.platform.answers import Answers
from gotee.platform.identity import einit
from gotee.platform.news import drain, tell, watch
from gotee.platform.spawn import Child, spawn
from gotee.platform.state import directory
from gotee.platform.words import Words

LEVEL = "development"
MOST_PLACES = 256 << 20  # bytes
MOST_LINK = 8  # descriptors


def main(control: int, inputs: tuple[int, int, int]) -> None:
    """Run the platform process until the enclave or the host ends."""
    _ignore_interrupts()  # the terminal's Ctrl-C is the host's business
    try:
        folder = directory(os.environ)
        stream, signature, places = _taken(inputs[0], MOST_BYTES), _taken(inputs[1], 1 << 16), _places(inputs[2])
        copies = eager.begun()
        loading = Loading(stream, signature, places, recall=lambda image: compared.recall(folder, image), copies=copies)
        found = loading.loaded
        answers = Answers(einit(found.measurement, found.signature, LEVEL), folder, loading.fill)
        loading.finish(FIRST)
        if copies is not None:
            copies.close()
        link_fds = _link(control)
        waiting, gate = os.pipe()
        enclave = _start(loading, link_fds, answers.inside.fileno(), waiting, gate)
        process = _handle(enclave)
    except (ImageError, OSError, RuntimeError, MemoryError) as error:  # RuntimeError: there may be no more threads
        tell(control, {"refused": str(error) or "the platform has no more memory: see `gotee doctor`"})
        return
    answers.inside.close()
    if loading.changed:
        compared.keep(folder, found.measurement, loading.stamps)
    words = Words(_pass_on, debug=found.signature.debug)
    changed = ""
    try:
        asked = False
        while control in watch((control, process), enclave.last_words, words.hear, answers) and _asks(control):
            if not asked:
                _open(gate)
            asked = True
    except ImageError as error:
        changed = str(error)
    finally:
        enclave.kill()
        status = enclave.wait()
        os.close(process)
        drain(enclave.last_words, words.hear)
    refusal = words.end(status)
    if changed:
        tell(control, {"ended": changed})
    else:
        tell(control, {"status": status} if refusal is None else {"unconfined": refusal})
    os.close(control)


def _start(loading: Loading, link_fds: tuple[int, ...], answers: int, waiting: int, gate: int) -> Child:
    """Start the interpreter, which is verified; it waits where it would use what is not yet, or is not asked for."""
    try:
        enclave = spawn(loading.loaded, link_fds, answers, waiting)
    finally:
        os.close(waiting)
    try:
        loading.finish(START)
        _open(gate)
        loading.finish(REST)
        loading.finish(NAMED)
    except BaseException:
        enclave.kill()
        enclave.wait()
        raise
    for descriptor in {*loading.loaded.descriptors, *link_fds}.difference(loading.empty):
        os.close(descriptor)
    return enclave


def _handle(enclave: Child) -> int:
    """A descriptor that tells of its end."""
    try:
        return os.pidfd_open(enclave.pid)
    except OSError:
        enclave.kill()
        enclave.wait()
        raise


def _link(control: int) -> tuple[int, ...]:
    """The enclave's side of the link. If the host goes without asking for an enclave, so does the platform."""
    import _socket

    host = _socket.socket(fileno=control)
    _, messages, _, _ = host.recvmsg(1, _socket.CMSG_SPACE(4 * MOST_LINK), _socket.MSG_CMSG_CLOEXEC)
    host.detach()
    if not messages:
        os._exit(0)
    rights = messages[0][2]
    return tuple(int.from_bytes(rights[at : at + 4], sys.byteorder) for at in range(0, len(rights) - 3, 4))


def _asks(control: int) -> bool:
    """Whether the host asks for the program's own code; else it has gone."""
    try:
        return bool(os.read(control, 1))
    except OSError:
        return False


def _open(gate: int) -> None:
    """Let the enclave go on."""
    try:
        os.write(gate, b"1")
    except BrokenPipeError:
        pass  # it has ended: whoever watches it will see


def _ignore_interrupts() -> None:
    from _signal import SIG_IGN, SIGINT, signal  # type: ignore[import-not-found]  # `signal` would import `enum`

    signal(SIGINT, SIG_IGN)


def _pass_on(said: bytes) -> None:
    """What the enclave's real standard error says goes to ours."""
    try:
        os.write(2, said)
    except OSError:
        pass  # nobody reads it


def _taken(descriptor: int, most: int) -> bytes:
    """A private copy of what the host gave."""
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ImageError(f"the image, its signature, or the list of its files is longer than {most} bytes")
    return data


def _places(descriptor: int) -> dict[str, str]:
    try:
        places = plain_json.loads(_taken(descriptor, MOST_PLACES))
    except (ValueError, RecursionError):
        places = None
    if not isinstance(places, dict) or not all(type(place) is str for place in places.values()):
        raise ImageError("the list of places of an image's files is damaged")
    return places
