"""The platform process: verify an image, start its enclave, watch it, end with it. Platform world.

    python -I -S -c "..." CONTROL STREAM,SIGNATURE,PLACES LINK

The first four are descriptors, LINK several with commas between. CONTROL is a socket to the host: its end means that
the host is gone, and then the enclave is killed. What the host wants to know (a refusal, how the enclave ended) goes
there as one line of JSON. STREAM, SIGNATURE and PLACES (JSON: where each file that the image names lies) are hostile.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys

from gotee.errors import ImageError
from gotee.image import parts
from gotee.image.load import Loaded, load, memory
from gotee.image.sgxs import MOST_BYTES
from gotee.platform import sandbox

_PR_SET_PDEATHSIG = 1  # prctl(2)
MOST_PLACES = 256 << 20  # bytes

ENCLAVE_BOOT = (
    b"import marshal,posix,sys\n"
    b"n={'__name__':'gotee.enclave.boot'}\n"
    b"exec(marshal.loads(posix.pread(int(sys.argv[1]),int(sys.argv[8]),int(sys.argv[7]))),n)\n"
    b"posix.close(int(sys.argv[6]))\n"
    b"n['start'](sys.argv[1:6])"
)


def main(control_fd: int, inputs: tuple[int, int, int], link_fds: tuple[int, ...]) -> None:
    """Run the platform process until the enclave or the host ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the host's business
    control = socket.socket(fileno=control_fd)
    try:
        loaded = load(_taken(inputs[0], MOST_BYTES), _taken(inputs[1], 1 << 16), _places(inputs[2]))
        enclave = _start(loaded, link_fds)
    except (ImageError, OSError) as error:
        _tell(control, {"refused": str(error)})
        return
    for descriptor in (*loaded.descriptors, *link_fds):
        os.close(descriptor)
    process = os.pidfd_open(enclave.pid)
    assert enclave.stderr is not None
    last_words = enclave.stderr.fileno()
    shown = loaded.signature.debug  # in an image for release they are not for the host
    try:
        news = select.poll()
        news.register(control, select.POLLIN)
        news.register(process, select.POLLIN)
        news.register(last_words, select.POLLIN)
        while all(descriptor == last_words for descriptor, _ in news.poll()):
            if not _pass_on(last_words, shown):
                news.unregister(last_words)
    finally:
        enclave.kill()
        status = enclave.wait()
        os.close(process)
        while _pass_on(last_words, shown):
            pass
    _tell(control, {"status": status})
    control.close()


def _tell(control: socket.socket, news: dict[str, object]) -> None:
    try:
        control.sendall(json.dumps(news).encode() + b"\n")
    except OSError:
        pass  # the host is gone: nobody to tell


def _pass_on(source: int, shown: bool) -> bool:
    """Give what the enclave's real standard error says to ours, if it may be `shown`; False at its end."""
    said = os.read(source, 1 << 16)
    try:
        if shown:
            os.write(2, said)
    except OSError:
        pass  # nobody reads it
    return bool(said)


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


def _start(loaded: Loaded, link_fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Start the enclave: no environment, no descriptors but these (and a pipe for its last words).

    The loader maps the sealed copies of the interpreter and of what it is linked to; others that ask for one of these
    libraries get the one that is mapped. Three modules the interpreter imports before any code of ours runs: they are
    written, from the verified archive, to a folder that is gone when that code begins.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def die_with_the_platform() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    natives = loaded.natives
    python = loaded.manifest.one("/base/python")
    folder = f"/tmp/gotee-{os.urandom(8).hex()}"  # noqa: S108 - new, random, and 0700
    os.mkdir(folder, 0o700)
    plan = sandbox.plan()
    begun, begun_inside = os.pipe()
    script = memory("gotee-boot", ENCLAVE_BOOT)  # no `-c`: newer versions import several modules for its sake
    try:
        _write_early(loaded, folder)
        preload = ":".join(f"/proc/self/fd/{natives[path]}" for path in python.needs)
        words = ["--inhibit-cache", "--argv0", f"{folder}/bin/python", "--preload", preload]
        descriptors = (loaded.contents, *loaded.archives.values(), *natives.values(), *link_fds, begun_inside, script)
        lists = (loaded.archives.values(), natives.values(), link_fds)
        arguments = [str(loaded.contents), *(",".join(map(str, numbers)) or "-" for numbers in lists)]
        arguments.append("debug" if loaded.signature.debug else "release")
        enclave = subprocess.Popen(
            [
                *(f"/proc/self/fd/{natives['/base/loader']}", *words, f"/proc/self/fd/{natives['/base/python']}"),
                *("-I", "-S", "-B", f"/proc/self/fd/{script}", *arguments, str(begun_inside), *map(str, loaded.boot)),
                "gotee.enclave",  # for people who look at the list of processes
            ],
            env={},
            stdin=plan,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # the host's own may be a terminal, which could be read from
            pass_fds=descriptors,
            start_new_session=True,
            preexec_fn=die_with_the_platform,  # safe: nothing that a thread may hold is used
        )
        os.close(begun_inside)
        os.read(begun, 1)  # ends when the enclave's first code has closed its end, or the enclave has ended
    finally:
        os.close(begun)
        os.close(script)
        os.close(plan)
        _remove(folder)
    return enclave


def _write_early(loaded: Loaded, folder: str) -> None:
    """The modules that are imported before the importer is there, without source: nothing else can stand for them."""
    archive = loaded.archives["/standard/standard.archive"]
    block = parts.unpack(os.pread(archive, os.fstat(archive).st_size, 0))
    library = "{}/lib/python{}.{}".format(folder, *sys.version_info[:2])
    os.makedirs(f"{library}/lib-dynload")
    wanted = loaded.manifest.python["early"].split()
    header = bytes.fromhex(loaded.manifest.python["magic"]) + bytes(12)
    for part, code in block.items():
        kind, _, rest = part.partition(" ")
        name = rest.partition(" ")[0]
        if name in wanted:
            path = f"{library}/{name.replace('.', '/')}{'/__init__' if kind == 'package' else ''}.pyc"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as file:
                file.write(header + code)


def _remove(folder: str) -> None:
    for path, folders, names in os.walk(folder, topdown=False):
        for name in names:
            os.unlink(f"{path}/{name}")
        for name in folders:
            os.rmdir(f"{path}/{name}")
    os.rmdir(folder)
