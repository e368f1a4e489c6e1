"""What a platform of level development does: verify an image, have it run, watch it, end with it. Platform world.

The host sends three things over the control socket: the descriptors of stream, signature and list of places (JSON:
where each file that the image names lies); those of the enclave's side of the link; and a byte when it wants the
program's own code to run. Its end means that the host is gone, and then the enclave is killed. What the host wants to
know (a refusal, how the enclave ended) goes there as one line of JSON. All that comes from the host is hostile.
"""

from __future__ import annotations

import os
import sys

from gotee.boundary import plain_json
from gotee.errors import ImageError
from gotee.image.load import FIRST, NAMED, REST, START, Loading, verify
from gotee.image.sgxs import MOST_BYTES
from gotee.platform import birth, compared, sandbox
from gotee.platform.answers import Answers
from gotee.platform.footing import Footing
from gotee.platform.identity import einit
from gotee.platform.news import drain, tell, watch
from gotee.platform.recipe import Begun
from gotee.platform.spawn import Child, spawn
from gotee.platform.words import Words

LEVEL = "development"
REQUIRE = "GOTEE_REQUIRE"
MOST_PLACES = 256 << 20  # bytes
_REFUSALS = (ImageError, OSError, RuntimeError, MemoryError)  # RuntimeError: there may be no more threads
_PIECE = 1 << 20  # bytes read at a time
_MOST_SENT = 8  # descriptors at a time


def run(control: int, folder: str, begun: Begun | None) -> None:
    """Serve one image. `begun` is an interpreter that was started before anything was known of it."""
    footing = None
    try:
        image, signed, listed = _sent(control)
        stream, signature, places = _taken(image, MOST_BYTES), _taken(signed, 1 << 16), _places(listed)
        verified = verify(stream, signature)
        identity = einit(verified.signature.enclave_hash, verified.signature, LEVEL)
        if begun is not None:
            footing = begun.footing(verified.ground)
            if footing is None:
                begun.end()
                begun = None
        loading = Loading(
            stream,
            signature,
            places,
            recall=lambda image: compared.recall(folder, image),
            verified=verified,
            there=footing.files if footing is not None else None,
        )
        answers = Answers(identity, folder, loading.fill)
        if begun is None or footing is None:
            enclave, footing = _started(loading)
        else:
            loading.finish(FIRST)
            loading.finish(START)
            enclave = begun.enclave
    except _REFUSALS as error:
        if begun is not None:
            begun.enclave.end()
        return _refuse(control, error)
    try:
        link = _sent(control)
        _hand_over(enclave, footing, loading, answers, link)
        process = os.pidfd_open(enclave.pid)
    except _REFUSALS as error:
        enclave.end()
        return _refuse(control, error)
    if loading.changed:
        compared.keep(folder, loading.loaded.measurement, loading.stamps)
    if begun is None:
        compared.keep_recipe(folder, verified.ground, places, loading.ground_stamps)
    return _watch(control, enclave, process, answers, debug=verified.signature.debug)


def _refuse(control: int, error: BaseException) -> None:
    tell(control, {"refused": str(error) or "the platform has no more memory: see `gotee doctor`"})


def _started(loading: Loading) -> tuple[Child, Footing]:
    """An interpreter on the image's own ground."""
    loading.finish(FIRST)
    footing = Footing(loading.ground, {**loading.loaded.archives, **loading.loaded.natives})
    enclave = spawn(footing)
    try:
        loading.finish(START)
    except BaseException:
        enclave.end()
        raise
    birth.go_on(enclave.gate)
    return enclave, footing


def _hand_over(enclave: Child, footing: Footing, loading: Loading, answers: Answers, link: tuple[int, ...]) -> None:
    """Give the enclave its image; it goes on to where the program's own code begins."""
    loaded = loading.loaded
    plan = sandbox.contents(sandbox.ceilings_of(loaded.manifest.program), os.environ.get(REQUIRE, ""))
    try:
        given = birth.of_image(footing.ground.paths, loaded, answers.inside.fileno(), link)
        birth.hand_over(enclave.gate, footing.ground.paths, loaded, given, plan)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has ended: whoever watches it will see
    answers.inside.close()
    footing.close()
    loading.finish(REST)
    loading.finish(NAMED)
    for descriptor in {*loaded.descriptors, *link}.difference(loading.empty):
        os.close(descriptor)


def _watch(control: int, enclave: Child, process: int, answers: Answers, *, debug: bool) -> None:
    """Until the enclave or the host ends; `process` tells of the first."""
    words = Words(_pass_on, debug=debug)
    changed = ""
    try:
        asked = False
        while control in watch((control, process), enclave.last_words, words.hear, answers) and _asks(control):
            if not asked:
                birth.go_on(enclave.gate)
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


def _sent(control: int) -> tuple[int, ...]:
    """Descriptors that the host sends. If it goes without sending any, so does the platform."""
    import _socket

    host = _socket.socket(fileno=control)
    try:
        _, messages, _, _ = host.recvmsg(1, _socket.CMSG_SPACE(4 * _MOST_SENT), _socket.MSG_CMSG_CLOEXEC)
    finally:
        host.detach()
    if len(messages) != 1:
        os._exit(0)  # an interpreter that waits ends by that
    rights = messages[0][2]
    return tuple(int.from_bytes(rights[at : at + 4], sys.byteorder) for at in range(0, len(rights) - 3, 4))


def _asks(control: int) -> bool:
    """Whether the host asks for the program's own code; else it has gone."""
    try:
        return bool(os.read(control, 1))
    except OSError:
        return False


def _pass_on(said: bytes) -> None:
    """What the enclave's real standard error says goes to ours."""
    try:
        os.write(2, said)
    except OSError:
        pass  # nobody reads it


def _taken(descriptor: int, most: int) -> bytes:
    """A private copy of what the host gave."""
    pieces, size = [], 0
    try:
        while size <= most and (piece := os.read(descriptor, _PIECE)):  # not `most`: room for that may be forbidden
            pieces.append(piece)
            size += len(piece)
    finally:
        os.close(descriptor)
    if size > most:
        raise ImageError(f"the image, its signature, or the list of its files is longer than {most} bytes")
    return b"".join(pieces)


def _places(descriptor: int) -> dict[str, str]:
    try:
        places = plain_json.loads(_taken(descriptor, MOST_PLACES))
    except (ValueError, RecursionError):
        places = None
    if not isinstance(places, dict) or not all(type(place) is str for place in places.values()):
        raise ImageError("the list of places of an image's files is damaged")
    return places
